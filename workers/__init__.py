"""The processes that do what the job ledger asks for: no business rule lives here."""
