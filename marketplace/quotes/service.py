"""Use cases of quotes: request, look, accept, decline, expire. While a quote stands its units are reserved."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, Gone, NotFound, Unavailable
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.environments.environment import Environment
from marketplace.listings import service as listings
from marketplace.listings.domain.market import Offer, Wanted
from marketplace.parties import service as parties
from marketplace.quotes import store
from marketplace.quotes.domain import quote as decisions
from marketplace.quotes.domain.allocation import OFFERS_MAX
from marketplace.quotes.domain.need import Asked, Deliverable, deliverables
from marketplace.quotes.domain.planning import Buyer, Plan, plan
from marketplace.quotes.domain.quote import PriceTerms, Quote, QuoteLine, QuoteState, price_of
from marketplace.quotes.domain.vat import Taxpayer
from marketplace.quotes.events import QuoteOffered
from marketplace.register import service as register
from marketplace.register.domain import Reservation, Reserve, ReserveLine

ATTEMPTS_MAX: Final = 4
"""Plans per request before we give up against others who take the same units at the same moment."""
EXPIRED_AT_ONCE: Final = 200
"""Quotes one run of the job ends, so that no lot is locked for long."""

log = structlog.get_logger()


class QuoteTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator offers on: price terms, and how long a quote stands."""

    price: PriceTerms
    valid_for: timedelta


class Accepted(msgspec.Struct, frozen=True):
    """An accepted quote, and whether it was this call that accepted it."""

    quote: Quote
    is_new: bool


async def request_quote(
    work: Work,
    asked: Sequence[Asked],
    terms: QuoteTerms,
    environment: Environment | None = None,
) -> Quote:
    """Find the cheapest licences for every line, reserve them, state the price and how they fit the environment.

    The `environment` has been checked.

    Raises:
        Malformed: a line names an unknown product or server version.
        Conflict: `company.not_verified`, too little supply (see `allocate`), VAT cannot be settled (see `vat_on`), or
            `quote.supply_contested` when others kept taking the units first.
    """
    company = await parties.load_company(work, work.principal.company)
    parties.require_tradable(company)
    quote_id, expires_at = work.new_id(), work.now + terms.valid_for
    answers = [deliverables(line, place) for place, line in enumerate(asked)]
    free: dict[UUID, int] = {}
    for _ in range(ATTEMPTS_MAX):
        offers = await _offers(work, answers)
        chosen = plan(asked, answers, offers, Buyer(company.id, company.zone), free)
        wish = Reserve(quote_id, company.id, expires_at, _reserve_lines(chosen))
        try:
            reserved = await register.reserve(work, wish)
            break
        except register.InsufficientUnits as lost_race:
            free |= {short.lot_id: short.available for short in lost_race.shortages}
        except Gone as skew:
            # The end of the quote is in the database's past: the clock of this machine is wrong, not the request.
            raise Unavailable("clock.behind", "Our clock is wrong; try again in a while.") from skew
    else:
        raise Conflict(
            "quote.supply_contested",
            "Other buyers kept taking the licences while yours were being chosen; send the request again.",
        )
    lines = _quote_lines(work, chosen, reserved)
    customer = Taxpayer(company.country, company.vat_id, company.vat_id_format_valid)
    quote = Quote(
        id=quote_id,
        buyer_id=company.id,
        state=QuoteState.OFFERED,
        asked=tuple(asked),
        lines=lines,
        price=price_of(lines, terms.price, customer, work.now),
        gap_minor=chosen.gap_minor,
        offered_at=work.now,
        expires_at=expires_at,
        environment=environment,
        fit=decisions.fit_of(environment, lines),
    )
    await store.insert_quote(work.connection, quote)
    await listings.units_changed(work, quote.lot_ids)
    work.announce(QuoteOffered(quote_id=quote.id))
    log.info("quote.offered", quote_id=str(quote.id), lots=len(quote.lot_ids))
    return quote


async def load_quote(work: Work, quote_id: UUID) -> Quote:
    """Give a quote the caller may see."""
    quote = await store.select_quote(work.connection, quote_id)
    if quote is None:
        raise _unknown()
    return quote


async def list_quotes(work: Work, window: Window) -> Page[Quote]:
    """Give the calling company's quotes, newest first; staff get those of all companies."""
    buyer = None if work.principal.scope == "staff" else work.principal.company
    found = await store.select_page(work.connection, buyer, window)
    return page_of(found, window.limit, lambda quote: (str(quote.id),))


async def accept_quote(work: Work, quote_id: UUID) -> Accepted:
    """Accept a quote, once; the caller (orders) makes the contract in the same transaction.

    The row is locked, so of two callers the second one waits and finds it accepted. The reservation is the caller's to
    extend.

    Raises:
        Gone: `quote.expired`.
        Conflict: `quote.declined`.
    """
    quote = await _lock(work, quote_id)
    if quote.state is QuoteState.ACCEPTED:
        return Accepted(quote, is_new=False)
    accepted, event = decisions.accept(quote, work.now)
    await store.save_ends(work.connection, [accepted])
    work.announce(event)
    log.info("quote.accepted", quote_id=str(quote_id))
    return Accepted(accepted, is_new=True)


async def decline_quote(work: Work, quote_id: UUID) -> Quote:
    """Turn a quote down and free its units.

    Raises:
        Gone: `quote.expired`.
        Conflict: `quote.accepted` or `quote.declined`.
    """
    declined, event = decisions.decline(await _lock(work, quote_id), work.now)
    await store.save_ends(work.connection, [declined])
    await release_units(work, declined.reservation_ids, declined.lot_ids)
    work.announce(event)
    log.info("quote.declined", quote_id=str(quote_id))
    return declined


async def expire_due_quotes(work: Work, batch: int = EXPIRED_AT_ONCE) -> int:
    """End the quotes whose time has come and free their units; give how many.

    One call releases them all, so that lots are locked in one order. A full batch asks for another run at once. What
    else ran out in the register by the database's clock ends here as well; its event refreshes the catalogue.
    """
    due = await store.lock_due(work.connection, work.now, batch)
    if due:
        ended = [decisions.expire(quote, work.now) for quote in due]
        await store.save_ends(work.connection, [quote for quote, _ in ended])
        reservations = [one for quote in due for one in quote.reservation_ids]
        await release_units(work, reservations, [lot for quote in due for lot in quote.lot_ids])
        for _, event in ended:
            work.announce(event)
        log.info("quotes.expired", count=len(due))
    if len(due) == batch:
        work.enqueue("quotes.expire_due", {}, queue="light")
    await register.expire_due_reservations(work)
    return len(due)


async def release_units(
    work: Work, reservation_ids: Sequence[UUID], lot_ids: Sequence[UUID]
) -> None:
    """Give reserved units back to the market. Public, because an order that is not paid does the same."""
    await register.release_reservations(work, reservation_ids)
    await listings.units_changed(work, tuple(dict.fromkeys(lot_ids)))


async def _lock(work: Work, quote_id: UUID) -> Quote:
    quote = await store.select_quote(work.connection, quote_id, lock=True)
    if quote is None:
        raise _unknown()
    return quote


async def _offers(work: Work, answers: Sequence[tuple[Deliverable, ...]]) -> list[Offer]:
    """Read the market once per distinct set of products."""
    wanted = dict.fromkeys(tuple(one.product for one in answer) for answer in answers)
    found: dict[UUID, Offer] = {}
    for products in wanted:
        for offer in await listings.offers_for(
            work, Wanted(products=products, offers_max=OFFERS_MAX)
        ):
            found[offer.listing_id] = offer
    return list(found.values())


def _reserve_lines(chosen: Plan) -> tuple[ReserveLine, ...]:
    return tuple(
        ReserveLine(part.offer.lot_id, part.offer.company_id, part.quantity, part.offer.unit_size)
        for part in chosen.parts
    )


def _quote_lines(
    work: Work, chosen: Plan, reserved: Sequence[Reservation]
) -> tuple[QuoteLine, ...]:
    """Join the plan with its reservations; a line has several where the free units lay apart."""
    ids: list[list[UUID]] = [[] for _ in chosen.parts]
    for one in reserved:
        ids[one.line].append(one.id)
    return tuple(
        QuoteLine(
            id=work.new_id(),
            asked=part.asked,
            listing_id=part.offer.listing_id,
            lot_id=part.offer.lot_id,
            seller_id=part.offer.company_id,
            product=part.offer.product,
            segment=part.offer.segment,
            quantity=part.quantity,
            unit_price_minor=part.offer.unit_price_minor,
            amount_minor=part.amount_minor,
            reservation_ids=tuple(reservations),
            reason=part.reason,
        )
        for part, reservations in zip(chosen.parts, ids, strict=True)
    )


def _unknown() -> NotFound:
    return NotFound("quote.unknown", "There is no such quote for your company.")
