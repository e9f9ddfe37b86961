"""Time and chance for tests: passed in where the real ones would be, never patched."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from marketplace.kernel import ids


class FixedClock:
    """A clock that stands still until it is told to move.

    It starts at the real time: the database's own clock takes part (expiry in the register).
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime.now(UTC)

    def now(self) -> datetime:
        """Give the time set last."""
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move forward and give the new time."""
        self._now += step
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to a moment."""
        self._now = moment


class CountingIds:
    """Ids and secrets that are the same in every run: the hash of a counter."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self._count = 0

    def uuid7(self) -> UUID:
        """Give a UUIDv7 of the clock's time; later ones sort later also within one millisecond."""
        self._count += 1
        chance = self._count.to_bytes(2, "big") + self._chance()[:8]
        return ids.uuid7(self._clock.now(), chance)

    def token(self, size: int) -> bytes:
        """Give bytes that no other call gives."""
        self._count += 1
        return (self._chance() * (size // 32 + 1))[:size]

    def _chance(self) -> bytes:
        return hashlib.sha256(self._count.to_bytes(8, "big")).digest()
