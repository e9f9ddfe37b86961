"""From licences that are left over to ready listings: out of which line, at which price, with what still open."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import EvidenceSummary, SourcePosition
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.need.gap import Amount
from marketplace.licensing.need.kinds import BASE_FAMILY, RDS_FAMILY
from marketplace.licensing.need.options import note
from marketplace.licensing.units import unit_of
from marketplace.needs.domain.answer import ListingWish, UnitPriceSource
from marketplace.needs.domain.market import Market

OFFER_DAYS: Final = 90
PROGRAMME_UNKNOWN: Final = "unknown"
"""Stands where the programme is not told: no programme has this name, so a finding asks for it."""
LISTINGS_MAX: Final = 50
"""Ready listings of one answer, the largest lines of each product first."""
SOLD_FAMILIES: Final = frozenset({BASE_FAMILY, RDS_FAMILY})
"""A suite also serves other servers than those asked about, so nobody can say here that it is left over."""
_OPEN: Final = frozenset({Outcome.HOLD, Outcome.BLOCK})


class OwnedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what is owned; its position offers all `quantity` licences. `line_no`: of the import."""

    position: SourcePosition
    quantity: int
    line_no: int | None = None


class Offering(msgspec.Struct, frozen=True):
    """Ready listings, and sentences for what cannot be listed."""

    listings: tuple[ListingWish, ...] = ()
    statements: tuple[Statement, ...] = ()


def told_position(product: Product, quantity: int) -> OwnedPosition:
    """Make a position of a product and a number only; whatever else a listing needs is left open."""
    position = SourcePosition(
        product=product, programme=PROGRAMME_UNKNOWN, acquired=quantity, offered=quantity
    )
    return OwnedPosition(position=position, quantity=quantity)


def left_over(surplus: Sequence[Amount], spare: Sequence[OwnedCal]) -> tuple[Amount, ...]:
    """Add what is held by a name that needs no licence to what is left over without names."""
    amounts = {row.product: row for row in surplus}
    for row in spare:
        known = amounts.get(row.product, Amount(row.product, 0, None))
        amounts[row.product] = msgspec.structs.replace(
            known, quantity=known.quantity + row.quantity
        )
    return tuple(amounts[product] for product in sorted(amounts))


def offer_surplus(
    surplus: Sequence[Amount], owned: Sequence[OwnedPosition], market: Market
) -> Offering:
    """Make the listings of what is left over, at the lowest offer, else the value, else the price told."""
    listings: list[ListingWish] = []
    said: list[Statement] = []
    for row in surplus:
        if row.product.family not in SOLD_FAMILIES:
            said.append(_note("suite_kept", row))
            continue
        price = _price(row.product, market)
        if price is None:
            said.append(_note("no_selling_price", row))
            continue
        lines = [line for line in owned if line.position.product == row.product]
        most = LISTINGS_MAX - len(listings)
        made, blocked = _split(row, sorted(lines, key=_largest)[:most], price, market.on)
        listings += made
        said += blocked
    return Offering(tuple(listings), tuple(said))


def _split(
    row: Amount, lines: Sequence[OwnedPosition], price: tuple[Money, UnitPriceSource], on: date
) -> tuple[list[ListingWish], list[Statement]]:
    """Take the surplus out of as few lines as possible; a line with a block is passed over and named."""
    left, made, said = row.quantity, [], []
    for line in lines:
        if not left:
            break
        position = _offered(line, left)
        if position is None:
            continue
        findings = assess(position, EvidenceSummary(), on)
        if not judge(findings).may_submit:
            said += list(_blocks(row.product, findings))
            continue
        left -= position.offered
        made.append(
            ListingWish(
                position=position,
                unit_price=price[0],
                price_source=price[1],
                smallest_quantity=max(1, unit_of(position).size),
                expires_on=on + timedelta(days=OFFER_DAYS),
                findings=tuple(one for one in findings if one.outcome in _OPEN),
                line_no=line.line_no,
            )
        )
    if left:
        said.append(_note("surplus_kept", row, left))
    return made, said


def _largest(line: OwnedPosition) -> tuple[int, int]:
    return -line.quantity, line.line_no or 0


def _offered(line: OwnedPosition, left: int) -> SourcePosition | None:
    """Offer as many of a line as are left over, in whole units (C10); None when that is not even one."""
    wanted = min(left, line.quantity)
    unit = unit_of(line.position)
    # A unit of unknown size is no reason to be silent: the finding asks for it before anything is sold.
    offered = unit.round_down(wanted) if unit.size else wanted
    if not offered:
        return None
    kept = line.position.retained + line.position.offered - offered
    return msgspec.structs.replace(line.position, offered=offered, retained=max(0, kept))


def _price(product: Product, market: Market) -> tuple[Money, UnitPriceSource] | None:
    known = market.of(product)
    if known.lowest_offer_minor:
        return Money(known.lowest_offer_minor, market.currency), UnitPriceSource.LOWEST_OFFER
    worth = known.worth
    if worth is not None and worth.currency == market.currency and worth.mid_minor:
        return Money(worth.mid_minor, market.currency), UnitPriceSource.VALUATION
    if known.price is not None and known.price.amount_minor:
        return Money(known.price.amount_minor, market.currency), UnitPriceSource.GIVEN
    return None


def _blocks(product: Product, findings: Sequence[Finding]) -> Iterator[Statement]:
    name = load_catalogue().product_name(product)
    for one in findings:
        if one.outcome is Outcome.BLOCK:
            params: dict[str, str | int] = {"product": name, "code": one.code}
            yield state(one.rule_id, "need_answer.blocked", params, confirmed=one.confirmed)


def _note(key: str, row: Amount, quantity: int | None = None) -> Statement:
    params: dict[str, str | int] = {
        "product": load_catalogue().product_name(row.product),
        "quantity": row.quantity if quantity is None else quantity,
    }
    return msgspec.structs.replace(note(key, params), message_key=f"need_answer.{key}")
