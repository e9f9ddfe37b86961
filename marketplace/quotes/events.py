"""Facts about quotes."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class QuoteOffered(Event, frozen=True):
    """A quote was made and its units are reserved."""

    name: ClassVar[str] = "quote.offered.v1"
    quote_id: UUID


class QuoteAccepted(Event, frozen=True):
    """The buyer took the quote; the order is made in the same transaction."""

    name: ClassVar[str] = "quote.accepted.v1"
    quote_id: UUID


class QuoteDeclined(Event, frozen=True):
    """The buyer turned the quote down; its units are free again."""

    name: ClassVar[str] = "quote.declined.v1"
    quote_id: UUID


class QuoteExpired(Event, frozen=True):
    """The quote ran out; its units are free again."""

    name: ClassVar[str] = "quote.expired.v1"
    quote_id: UUID
