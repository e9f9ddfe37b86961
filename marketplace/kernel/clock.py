"""Time and chance are arguments: these are the two ports they come through."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Give the present moment as an aware UTC time."""
        ...


class Ids(Protocol):
    """Makes identifiers and secrets."""

    def uuid7(self) -> UUID:
        """Give a fresh, time-ordered id."""
        ...

    def token(self, size: int) -> bytes:
        """Give `size` unpredictable bytes."""
        ...
