"""The job ledger: outbox, inbox, schedule and dead letters in one table.

What must happen next is a row that commits with the change that caused it. Nothing here knows a
stage or an actor: rows carry an actor's name and ids, the processes in `workers/` know what the
names mean.
"""
