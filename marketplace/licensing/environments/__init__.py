"""What servers and people need: `environment` describes, `coverage` answers, `fit` judges offered licences.

`requirements` are what the rules ask for, `doubts` what contradicts itself or is still to be answered, `stock` and
`shortfall` count owned licences against it; a `statement` is one sentence with its rule.
"""
