"""May this lot be sold? `conditions.assess` a position (`positions`) against C01 to C22, `judge` the findings.

The conditions stand by what they ask: `provenance` where the licences come from, `entitlement` which right it is,
`assurance` version, metric and SA, `ownership` chain and seller, `quantities` how many, `delivery` terms and medium.
"""
