"""Identifiers: UUIDv7 inside (RFC 9562 section 5.7), a typed text form outside.

The text form is TypeID 0.3: a prefix that says what the thing is, an underscore, and the 128 bits as
26 lower-case Crockford base32 characters, so `qte_01kb...` can never be mistaken for an order.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from marketplace.kernel.text import END

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE_OF: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_TEXT_LENGTH: Final = 26
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SUFFIX_PATTERN: Final = "[0-7][0-9a-hjkmnp-tv-z]{25}"


class InvalidId(ValueError):
    """The text is not an id of the expected kind."""


def pattern(prefix: str) -> str:
    """Give the regular expression of a text id, for schemas."""
    return f"^{prefix}_{SUFFIX_PATTERN}{END}"


def format_id(prefix: str, value: UUID) -> str:
    """Write `value` as text, for example `lot_01jd0k7x1ve0fvhxbwsj0gqk3q`."""
    number = value.int
    letters = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(letters)}"


def parse_id(prefix: str, text: str) -> UUID:
    """Read a text id back; raise `InvalidId` when kind, length, alphabet or range is wrong."""
    kind, separator, suffix = text.rpartition("_")
    if not separator or kind != prefix or len(suffix) != _TEXT_LENGTH or suffix[0] > "7":
        raise InvalidId(text)
    number = 0
    for letter in suffix:
        value = _VALUE_OF.get(letter)
        if value is None:
            raise InvalidId(text)
        number = (number << 5) | value
    return UUID(int=number)


def uuid7(now: datetime, random: bytes) -> UUID:
    """Build a UUIDv7 from a time and ten random bytes (six bits of them are overwritten by the layout)."""
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    tail = int.from_bytes(random[:10], "big")
    number = (milliseconds & ((1 << 48) - 1)) << 80 | tail
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=number)


def time_of(value: UUID) -> datetime:
    """Give the creation time inside a UUIDv7, in UTC, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=value.int >> 80)
