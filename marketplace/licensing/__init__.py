"""What the house knows about client access licences, as data and pure functions.

`catalogue`     families, versions with dates, metrics, part numbers; products (`ws_cal-2019-user`).
`coverage`      which CAL reaches which server (R02-R04, R11, R15, RDS), and what may stand in.
`programmes`    how a licence was bought decides from which day it is perpetual; price segments.
`units`         the smallest tradable unit of a source position: one, a pack, the whole, or nothing.
`zones`         where the first sale was made, and which buyers it allows.
`sku_text`      what the short texts of price lists mean.
`rules`         every rule with its sources and the version of all; `texts` the sentences, by language.

`eligibility/`  may this lot be sold: C01 to C22, findings and verdict.
`environments/` what servers and people need, and how offered licences fit them.
`need/`         how many licences of which kind, at the least cost, with a proof.
`cases/`        the written cases that hold the rules, also shown in the rule book.

All facts are rows of `data/*.toml` with their sources. A row without a source is loaded, flagged
`confirmed = false`, and can hold or block or warn, but can never make a check pass. No function
here reads a clock, a database or the environment.
"""
