"""Counting rows as the owner, whom row level security does not bind."""

from collections.abc import Awaitable, Callable

CountRows = Callable[[str], Awaitable[int]]
"""`await count_rows("audit_log")` gives the number of committed rows."""
