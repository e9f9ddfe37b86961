"""A quote: priced lines whose units are reserved while it stands, and the ways it ends.

It is made within the request that asks for it, so `requested` is never stored: a quote begins as `offered`. Prices,
fee, tax and lines never change afterwards; only the state does, once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, DomainError, Gone
from marketplace.kernel.money import share_half_up
from marketplace.licensing.catalogue import Product
from marketplace.licensing.environments.environment import Environment
from marketplace.licensing.environments.fit import Fit, Offered, check_fit
from marketplace.quotes.domain.need import Asked, Reason
from marketplace.quotes.domain.vat import Taxpayer, Vat, vat_on
from marketplace.quotes.events import QuoteAccepted, QuoteDeclined, QuoteExpired


class QuoteState(StrEnum):
    """Where a quote stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


FOLLOWING: Final[Mapping[QuoteState, frozenset[QuoteState]]] = {
    QuoteState.OFFERED: frozenset({QuoteState.ACCEPTED, QuoteState.DECLINED, QuoteState.EXPIRED}),
    QuoteState.ACCEPTED: frozenset(),
    QuoteState.DECLINED: frozenset(),
    QuoteState.EXPIRED: frozenset(),
}
"""Which state may follow which: a quote ends once."""


class QuoteLine(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of one lot; `asked` is the line of the request they answer, `reason` why this product does.

    `quantity` licences of `product` at `unit_price_minor` net; `reservation_ids` are the register's intervals.
    """

    id: UUID
    asked: int
    listing_id: UUID
    lot_id: UUID
    seller_id: UUID
    product: Product
    segment: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    reservation_ids: tuple[UUID, ...]
    reason: Reason | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer pays: licences, the operator's fee on them, VAT on both."""

    currency: str
    net_minor: int
    fee_bp: int
    fee_minor: int
    vat: Vat
    total_minor: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One quote. `gap_minor` is 0 when the allocation is proven cheapest, else the most a cheaper one could save.

    `fit` says how the lines, in their order, fit the `environment` the buyer described; both None when it told nothing.
    """

    id: UUID
    buyer_id: UUID
    state: QuoteState
    asked: tuple[Asked, ...]
    lines: tuple[QuoteLine, ...]
    price: Price
    gap_minor: int
    offered_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    version: int = 1
    environment: Environment | None = None
    fit: Fit | None = None

    @property
    def reservation_ids(self) -> tuple[UUID, ...]:
        """Give all reservations of all lines."""
        return tuple(one for line in self.lines for one in line.reservation_ids)

    @property
    def lot_ids(self) -> tuple[UUID, ...]:
        """Give the lots the lines come from, each once, in line order."""
        return tuple(dict.fromkeys(line.lot_id for line in self.lines))

    def state_at(self, now: datetime) -> QuoteState:
        """Give the state as of `now`: an offered quote is over at its expiry, whether or not a job has noted it."""
        over = self.state is QuoteState.OFFERED and now >= self.expires_at
        return QuoteState.EXPIRED if over else self.state


class PriceTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a price depends on besides the lines: currency, fee in basis points, where the operator is established."""

    currency: str
    fee_bp: int
    operator_country: str


def price_of(
    lines: Sequence[QuoteLine], terms: PriceTerms, customer: Taxpayer, now: datetime
) -> Price:
    """Add up the lines, the fee (rounded half up on the sum) and the VAT on both (likewise).

    Raises:
        Conflict: the customer's VAT treatment cannot be settled, see `vat_on`.
    """
    net = sum(line.amount_minor for line in lines)
    fee = share_half_up(net, terms.fee_bp)
    vat = vat_on(net + fee, terms.operator_country, customer, now.date())
    return Price(
        currency=terms.currency,
        net_minor=net,
        fee_bp=terms.fee_bp,
        fee_minor=fee,
        vat=vat,
        total_minor=net + fee + vat.amount_minor,
    )


def fit_of(environment: Environment | None, lines: Sequence[QuoteLine]) -> Fit | None:
    """Say how the lines fit what the buyer described; None when it described nothing."""
    if environment is None:
        return None
    return check_fit(environment, [Offered(line.product, line.quantity) for line in lines])


def accept(quote: Quote, now: datetime) -> tuple[Quote, QuoteAccepted]:
    """Take an offered quote.

    Raises:
        Gone: `quote.expired`.
        Conflict: `quote.accepted` or `quote.declined` before.
    """
    return _end(quote, QuoteState.ACCEPTED, now), QuoteAccepted(quote_id=quote.id)


def decline(quote: Quote, now: datetime) -> tuple[Quote, QuoteDeclined]:
    """Turn an offered quote down; refusals as for `accept`."""
    return _end(quote, QuoteState.DECLINED, now), QuoteDeclined(quote_id=quote.id)


def expire(quote: Quote, now: datetime) -> tuple[Quote, QuoteExpired]:
    """Note that an offered quote ran out.

    Raises:
        Conflict: `quote.still_valid` before its expiry, or the code of the state it ended in.
    """
    if quote.state is QuoteState.OFFERED and now < quote.expires_at:
        raise Conflict("quote.still_valid", "The quote stands until its expiry.")
    if QuoteState.EXPIRED not in FOLLOWING[quote.state]:
        raise _ended(quote.state)
    return _moved(quote, QuoteState.EXPIRED, now), QuoteExpired(quote_id=quote.id)


def _end(quote: Quote, state: QuoteState, now: datetime) -> Quote:
    present = quote.state_at(now)
    if state not in FOLLOWING[present]:
        raise _ended(present)
    return _moved(quote, state, now)


def _moved(quote: Quote, state: QuoteState, now: datetime) -> Quote:
    return msgspec.structs.replace(quote, state=state, ended_at=now, version=quote.version + 1)


def _ended(state: QuoteState) -> DomainError:
    if state is QuoteState.EXPIRED:
        return Gone(
            "quote.expired",
            "The quote has expired and its units are free again; request a new one.",
        )
    if state is QuoteState.DECLINED:
        return Conflict("quote.declined", "You declined this quote; request a new one.")
    return Conflict("quote.accepted", "This quote was accepted; see its order.")
