"""From the lines asked for and the offers of the market to the lots that fill them."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem
from marketplace.licensing.zones import Zone, open_zones
from marketplace.listings.domain.market import Offer
from marketplace.quotes.domain.allocation import Need, Supply, allocate
from marketplace.quotes.domain.need import Asked, Deliverable, Reason

_ANSWERS_KEPT: Final = 4096


class Buyer(msgspec.Struct, frozen=True):
    """Who asks, as far as the choice of offers depends on it."""

    id: UUID
    zone: Zone


class Planned(msgspec.Struct, frozen=True):
    """What one offer gives to one line of the request."""

    asked: int
    offer: Offer
    quantity: int
    reason: Reason | None

    @property
    def amount_minor(self) -> int:
        """Give the net price."""
        return self.quantity * self.offer.unit_price_minor


class Plan(msgspec.Struct, frozen=True):
    """All parts, in the order of the request; `gap_minor` as in `Allocation`, summed up."""

    parts: tuple[Planned, ...]
    gap_minor: int


def plan(
    asked: Sequence[Asked],
    answers: Sequence[tuple[Deliverable, ...]],
    offers: Sequence[Offer],
    buyer: Buyer,
    free: Mapping[UUID, int],
) -> Plan:
    """Fill each line at least cost from what the lines before it left.

    Lines that few products answer choose first, so that a line which could take anything does not take the only thing
    another one can use. `free` corrects the offers' availability per lot where the register knows better.

    Raises:
        Conflict: as `allocate`, pointing at the line.
    """
    left = {
        offer.listing_id: min(offer.available, free.get(offer.lot_id, offer.available))
        for offer in offers
    }
    by_id = {offer.listing_id: offer for offer in offers}
    parts: list[Planned] = []
    gap = 0
    for place in sorted(range(len(asked)), key=lambda place: (len(answers[place]), place)):
        line, reasons = asked[place], {one.product: one.reason for one in answers[place]}
        supplies = [
            _supply(offer, left[offer.listing_id])
            for offer in offers
            if offer.product in reasons and _fits(offer, line, buyer)
        ]
        try:
            chosen = allocate(supplies, Need(line.quantity, line.quantity_max))
        except Conflict as refusal:
            pointer = FieldProblem(f"/lines/{place}/quantity", "cannot be supplied")
            raise Conflict(refusal.code, refusal.detail, pointer) from refusal
        gap += chosen.gap_minor
        for part in chosen.parts:
            offer = by_id[part.listing_id]
            left[offer.listing_id] -= part.quantity
            parts.append(Planned(place, offer, part.quantity, reasons[offer.product]))
    return Plan(tuple(sorted(parts, key=lambda part: part.asked)), gap)


def _fits(offer: Offer, line: Asked, buyer: Buyer) -> bool:
    """Tell whether an offer may go to this buyer (C22), is not its own, and is on the line's terms (price, C13)."""
    if offer.company_id == buyer.id or (offer.restricted and not line.restricted_segments):
        return False
    if line.max_unit_price_minor is not None and offer.unit_price_minor > line.max_unit_price_minor:
        return False
    return buyer.zone in _zones(offer.first_sold_in, offer.first_sold_on)


@lru_cache(maxsize=_ANSWERS_KEPT)
def _zones(country: str, first_sold_on: date) -> tuple[Zone, ...]:
    return open_zones(country, first_sold_on)


def _supply(offer: Offer, available: int) -> Supply:
    return Supply(
        listing_id=offer.listing_id,
        unit_price_minor=offer.unit_price_minor,
        available=available,
        smallest=offer.smallest_quantity,
        step=offer.unit_size,
    )
