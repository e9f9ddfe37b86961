"""The rules of certificates, pure.

`certificate`  number, code, status, and what each reader may see.
`facts`        how the facts of one posted transfer become what the paper says.
"""
