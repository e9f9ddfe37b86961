"""From licences that are missing to a ready quote request, priced as a quote made now would price it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product
from marketplace.licensing.need.gap import Amount
from marketplace.listings.domain.market import Offer
from marketplace.needs.domain.answer import Missing, QuoteWish, QuoteWishLine
from marketplace.needs.domain.market import Shopper
from marketplace.quotes.domain.need import Asked, Deliverable, deliverables
from marketplace.quotes.domain.planning import Buyer, Plan, plan

LINES_MAX: Final = 20
"""Lines of one quote request; more need a second one."""
LINE_QUANTITY_MAX: Final = 100_000
_NOTHING_TAKEN: Final[Mapping[UUID, int]] = {}


class Filled(msgspec.Struct, frozen=True):
    """Ready quote requests, and what is not on sale."""

    quotes: tuple[QuoteWish, ...] = ()
    missing: tuple[Missing, ...] = ()


def answers_to(shortfall: Sequence[Amount]) -> tuple[tuple[Product, ...], ...]:
    """Give what may answer each missing product: itself, and newer ones in its place. A quote looks at the same."""
    sets = (
        tuple(one.product for one in _answers(QuoteWishLine(row.product, 1))) for row in shortfall
    )
    return tuple(dict.fromkeys(sets))


def fill_shortfall(
    shortfall: Sequence[Amount], offers: Sequence[Offer], shopper: Shopper, currency: str
) -> Filled:
    """Ask for everything that is on sale today; the rest is named."""
    lines = [line for row in shortfall for line in _lines(row)]
    quotes: list[QuoteWish] = []
    missing: list[Missing] = []
    for start in range(0, len(lines), LINES_MAX):
        wish, short = _fill(lines[start : start + LINES_MAX], offers, shopper, currency)
        missing += short
        quotes += [wish] if wish else []
    amounts: Counter[Product] = Counter()
    for row in missing:
        amounts[row.product] += row.quantity
    return Filled(tuple(quotes), tuple(Missing(*row) for row in sorted(amounts.items())))


def _lines(row: Amount) -> Iterator[QuoteWishLine]:
    left = row.quantity
    while left:
        quantity = min(left, LINE_QUANTITY_MAX)
        yield QuoteWishLine(row.product, quantity)
        left -= quantity


def _fill(
    lines: Sequence[QuoteWishLine], offers: Sequence[Offer], shopper: Shopper, currency: str
) -> tuple[QuoteWish | None, list[Missing]]:
    """Plan all lines together; a line that cannot be filled asks for what is there, then is left out."""
    wanted = list(lines)
    missing: list[Missing] = []
    while wanted:
        planned = _plan(wanted, offers, shopper)
        if isinstance(planned, Plan):
            net = sum(part.amount_minor for part in planned.parts)
            wish = QuoteWish(
                lines=tuple(wanted),
                net=Money(net, currency),
                restricted_segments=shopper.restricted_segments,
            )
            return wish, missing
        line = wanted[planned]
        there = _on_sale(line, wanted, offers)
        if there < line.quantity and there:
            wanted[planned] = QuoteWishLine(line.product, there)
        else:
            there = 0
            del wanted[planned]
        missing.append(Missing(line.product, line.quantity - there))
    return None, missing


def _plan(lines: Sequence[QuoteWishLine], offers: Sequence[Offer], shopper: Shopper) -> Plan | int:
    """Give the plan a quote would make, or the place of a line that cannot be filled."""
    asked = [_asked(line, restricted=shopper.restricted_segments) for line in lines]
    answers = [deliverables(line, place) for place, line in enumerate(asked)]
    try:
        return plan(asked, answers, offers, Buyer(shopper.company_id, shopper.zone), _NOTHING_TAKEN)
    except Conflict as refusal:
        return int(refusal.fields[0].pointer.split("/")[2])


def _on_sale(line: QuoteWishLine, lines: Sequence[QuoteWishLine], offers: Sequence[Offer]) -> int:
    """Count what is free of the products that answer a line, less what the other lines ask of them."""
    products = {one.product for one in _answers(line)}
    free = sum(offer.available for offer in offers if offer.product in products)
    others = sum(
        other.quantity
        for other in lines
        if other is not line and products & {one.product for one in _answers(other)}
    )
    return max(0, free - others)


def _answers(line: QuoteWishLine) -> tuple[Deliverable, ...]:
    return deliverables(_asked(line), 0)


def _asked(line: QuoteWishLine, *, restricted: bool = False) -> Asked:
    return Asked(
        family=line.product.family,
        metric=line.product.metric,
        version=line.product.version,
        quantity=line.quantity,
        quantity_max=line.quantity,
        restricted_segments=restricted,
    )
