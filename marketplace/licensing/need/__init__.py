"""How many CALs of which kind are needed at the least cost. Pure: prices and facts in, answers with reasons out.

`prices`     what one licence of a product costs, and where that price comes from; `kinds` the four kinds counted.
`targets`    which servers are to be reached, and which products are usable for that (R02, R11, both RDS matrices).
`counts`     from counted people and devices to options: all by user, all by device, mixed; `external` for R10.
`flow`       the maximum flow solver behind one function.
`accesses`   real accesses (user, device, session host) as arrays; `index` turns names into them.
`network`    the accesses as a network whose minimum cut is the cheapest licensing; `cover` cuts it.
`multipliers` licences owned without names: the best proven lower bound.
`proof`      checks an answer without a solver.
`plan`       from accesses to options with products, prices and advice.
`gap`        owned against needed: what is missing, what is left over.

A price that is not known is never guessed: the cost is None and a sentence names the product.
"""
