"""What the house knows about client access licences, as data and pure functions.

`catalogue`   families, versions with dates, metrics, part numbers; products (`ws_cal-2019-user`).
`coverage`    which CAL reaches which server (R02-R04, R11, R15, RDS), and what may stand in.
`programmes`  how a licence was bought decides from which day it is perpetual; price segments.
`units`       the smallest tradable unit of a source position: one, a pack, the whole, or nothing.
`zones`       where the first sale was made, and which buyers it allows.
`conditions`  `assess` a position against C01-C22, `judge` the findings; `texts` words them.

All facts are rows of `data/*.toml` with their sources. A row without a source is loaded, flagged
`confirmed = false`, and can hold or block or warn, but can never make a check pass. No function
here reads a clock, a database or the environment.
"""
