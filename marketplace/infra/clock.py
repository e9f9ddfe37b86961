"""The real clock and the real source of ids and secrets."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

from marketplace.kernel import ids


class SystemClock:
    """Tells the machine's time in UTC."""

    def now(self) -> datetime:
        """Give the present moment."""
        return datetime.now(UTC)


class SystemIds:
    """Makes ids and secrets from the operating system's random source."""

    def uuid7(self) -> UUID:
        """Give a UUIDv7 of this moment."""
        return ids.uuid7(datetime.now(UTC), secrets.token_bytes(10))

    def token(self, size: int) -> bytes:
        """Give `size` unpredictable bytes."""
        return secrets.token_bytes(size)
