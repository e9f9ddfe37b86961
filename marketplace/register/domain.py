"""The register's words: units of a lot as integer intervals, who holds them, what is asked and answered.

A lot of N licences is the interval [0, N). Ordinals are an accounting device, not serial numbers: they make
"nothing was lost or doubled" a matter of intervals that tile, which a database and an auditor can both check.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal
from uuid import UUID

import msgspec

UNITS_MAX: Final = 2**31 - 1
"""Largest lot: PostgreSQL's int4range ends here."""

HolderKind = Literal["t", "r"]
"""`t` is title, `r` is retired: retired units belong to nobody and never move again."""


class Units(msgspec.Struct, frozen=True, array_like=True, order=True, forbid_unknown_fields=True):
    """The half-open interval [lo, hi) of a lot's units; written as `[lo, hi]` in entries."""

    lo: int
    hi: int

    def __post_init__(self) -> None:
        """Refuse what is empty, negative or beyond the database's range."""
        if not 0 <= self.lo < self.hi <= UNITS_MAX:
            raise ValueError(f"not an interval of units: [{self.lo}, {self.hi})")

    @property
    def size(self) -> int:
        """How many licences these are."""
        return self.hi - self.lo

    def covers(self, other: "Units") -> bool:
        """Tell whether every unit of `other` is in here."""
        return self.lo <= other.lo and other.hi <= self.hi

    def overlaps(self, other: "Units") -> bool:
        """Tell whether the two share a unit."""
        return self.lo < other.hi and other.lo < self.hi

    def clip(self, other: "Units") -> "Units | None":
        """Give the units both have, or `None`."""
        return (
            Units(max(self.lo, other.lo), min(self.hi, other.hi)) if self.overlaps(other) else None
        )

    def tile(self, moved: "Units") -> "tuple[Units, ...]":
        """Cut `moved` out of the middle: the one to three intervals that tile this one, in order.

        Raises:
            ValueError: `moved` reaches beyond this interval.
        """
        if not self.covers(moved):
            raise ValueError(f"{moved} is not within {self}")
        cuts = sorted({self.lo, moved.lo, moved.hi, self.hi})
        return tuple(Units(lo, hi) for lo, hi in pairwise(cuts))


def free_units(live: Iterable[Units], taken: Iterable[Units], step: int = 1) -> tuple[Units, ...]:
    """Give the free intervals within `live`, lowest first, cut to whole steps counted from unit 0.

    The same rule as the database's `title_free`; the tests hold the two against each other.
    """
    blocked = sorted(taken)
    free: list[Units] = []
    for holding in sorted(live):
        lo = holding.lo
        for block in blocked:
            if block.overlaps(holding):
                _append_steps(free, lo, block.lo, step)
                lo = max(lo, block.hi)
        _append_steps(free, lo, holding.hi, step)
    return tuple(free)


def take_lowest(free: Iterable[Units], quantity: int) -> tuple[Units, ...]:
    """Take `quantity` units from the lowest free intervals; nothing at all when there are too few."""
    taken: list[Units] = []
    missing = quantity
    for gap in free:
        if missing == 0:
            break
        taken.append(Units(gap.lo, gap.lo + min(gap.size, missing)))
        missing -= taken[-1].size
    return tuple(taken) if missing == 0 else ()


def _append_steps(free: list[Units], lo: int, hi: int, step: int) -> None:
    lo = -(-lo // step) * step
    hi = hi // step * step
    if lo < hi:
        free.append(Units(lo, hi))


class ReservationState(StrEnum):
    """How a reservation stands. It ends once: posted, voided or expired, by database time."""

    ACTIVE = "active"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class HoldReason(StrEnum):
    """Why units are frozen. The words of the case itself belong into the authority's file."""

    DISPUTE = "dispute"
    LEGAL_ORDER = "legal_order"
    SUSPECTED_DOUBLE_SALE = "suspected_double_sale"
    EVIDENCE_RECHECK = "evidence_recheck"


class Party(msgspec.Struct, frozen=True):
    """A legal entity as an entry commits to it: who it is on paper, so that the paper can be checked later.

    The name and number go into an erasable disclosure, never into the entry itself.
    """

    id: UUID
    name: str
    registration: str
    country: str


class FirstSale(msgspec.Struct, frozen=True):
    """What is attested about the first sale of a lot by the rightholder (C01-C03); each field can be disclosed alone.

    `document_sha256` is the hash of the first-sale document; `attestor` names who checked it.
    """

    product: str
    metric: str
    agreement: str
    acquirer: str
    document_sha256: str
    territory: str
    attestor: str


class NewLot(msgspec.Struct, frozen=True):
    """An approved lot: `units` licences of `owner`. `id` is the caller's and random: it is the public pseudonym."""

    id: UUID
    owner: Party
    units: int
    first_sale: FirstSale


class ReserveLine(msgspec.Struct, frozen=True):
    """`quantity` units of `holder_id` in a lot, in whole `step`s (the size of a pack that may not be cut, C10)."""

    lot_id: UUID
    holder_id: UUID
    quantity: int
    step: int = 1


class Reserve(msgspec.Struct, frozen=True):
    """A buyer's request to freeze units until a moment. `group_id` (the quote) makes a retry harmless."""

    group_id: UUID
    buyer_id: UUID
    until: datetime
    lines: tuple[ReserveLine, ...]


class Reservation(msgspec.Struct, frozen=True):
    """One interval frozen for a buyer; `line` counts the lines of the request from 0."""

    id: UUID
    line: int
    lot_id: UUID
    units: Units
    expires_at: datetime


class Shortage(msgspec.Struct, frozen=True):
    """A line that cannot be had.

    `available` is what the holder has free in the lot, in whole steps, before any line of the request.
    """

    line: int
    lot_id: UUID
    available: int


class CeaseUse(msgspec.Struct, frozen=True):
    """The seller's declaration that reserved units are no longer used (C07), `document_sha256` being the signed paper.

    `method` says how use was ended; `ceased_on` when.
    """

    reservation_ids: tuple[UUID, ...]
    declarant: Party
    document_sha256: str
    method: str
    ceased_on: date


class Deal(msgspec.Struct, frozen=True):
    """All reservations of one order, sold by their holders to the operator and by it to the buyer, at one instant.

    `sellers` names each holder; `id` (the order) makes a retry harmless.
    """

    id: UUID
    operator: Party
    buyer: Party
    sellers: Mapping[UUID, Party]
    reservation_ids: tuple[UUID, ...]


class Retirement(msgspec.Struct, frozen=True):
    """A holder surrenders units of one live holding for good."""

    lot_id: UUID
    units: Units
    holder: Party
    reason: str


class Return(msgspec.Struct, frozen=True):
    """Units of a deal go back, buyer to operator to seller. `parties` names all three by id.

    `evidence_sha256` is the paper both sides signed, or the order of a court.
    """

    lot_id: UUID
    units: Units
    parties: Mapping[UUID, Party]
    reason: str
    evidence_sha256: str


class FreezeOrder(msgspec.Struct, frozen=True):
    """Freeze title units of a lot. `authority` names who ordered it and the file; `placed_by` is the member."""

    lot_id: UUID
    units: Units
    reason: HoldReason
    authority: str
    placed_by: UUID | None = None


class PostedLine(msgspec.Struct, frozen=True):
    """A reservation that became the buyer's holding, and the two entries that made it so."""

    reservation_id: UUID
    lot_id: UUID
    units: Units
    seller_id: UUID
    holding_id: UUID
    purchase_id: UUID
    sale_id: UUID


class Holding(msgspec.Struct, frozen=True):
    """A live interval: who holds it (nobody when retired) and the entry output that made it."""

    id: UUID
    units: Units
    kind: HolderKind
    party_id: UUID | None
    leaf_hash: bytes
    out_no: int


class Hold(msgspec.Struct, frozen=True):
    """A freeze over units of a lot."""

    id: UUID
    lot_id: UUID
    units: Units
    reason: str
    placed_at: datetime
    lifted_at: datetime | None


class Link(msgspec.Struct, frozen=True):
    """One owner in a chain of title: how and when it got the units; `party_id` is `None` for retired units.

    `declaration_hash` and `declared_at` belong to the owner before, who declared to have ceased use.
    """

    party_id: UUID | None
    holding_id: UUID
    event_id: UUID
    event_kind: str
    leaf_hash: bytes
    recorded_at: datetime
    declaration_hash: bytes | None
    declared_at: datetime | None


class Chain(msgspec.Struct, frozen=True):
    """The path of a holding from the first sale to its holder."""

    holding_id: UUID
    lot_id: UUID
    units: Units
    links: tuple[Link, ...]


class LotTitle(msgspec.Struct, frozen=True):
    """The register's view of one lot: its live holdings tile [0, units)."""

    lot_id: UUID
    units: int
    opened_by: UUID
    opened_at: datetime
    holdings: tuple[Holding, ...]
    reserved: tuple[Units, ...]
    holds: tuple[Hold, ...]
    entries: int

    @property
    def is_whole(self) -> bool:
        """Tell whether the live holdings tile the lot exactly: nothing lost, nothing doubled (I6)."""
        return tiles(Units(0, self.units), [holding.units for holding in self.holdings])


def tiles(whole: Units, parts: Sequence[Units]) -> bool:
    """Tell whether `parts` cover `whole` without gap or overlap, in any order."""
    at = whole.lo
    for part in sorted(parts):
        if part.lo != at:
            return False
        at = part.hi
    return at == whole.hi
