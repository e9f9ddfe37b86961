"""`make demo`: one whole trade over HTTP, with real catalogue data, evidence files and a printed certificate.

`client`  a small HTTP client that shows what it sends.
`papers`  the evidence files the seller uploads.
`scene`   the trade, step by step.
"""
