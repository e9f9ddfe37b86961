"""Use cases of the rule book: read-only answers out of what the house knows about CALs."""
