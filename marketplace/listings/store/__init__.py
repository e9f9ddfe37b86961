"""Rows into values and back; the one place that knows this stage's tables.

`selling`  listings as their seller and staff see them.
`papers`   submissions and evidence.
`market`   what others see: catalogue and offers.
"""
