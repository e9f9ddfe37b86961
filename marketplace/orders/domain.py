"""An order: the contract an accepted quote becomes, and what may happen to it. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, Gone
from marketplace.kernel.money import Money
from marketplace.orders.events import OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced
from marketplace.quotes.domain.quote import Price, Quote, QuoteLine

FULFILMENT_TERM: Final = timedelta(days=365)
"""How long the units of a paid order stay reserved while the sellers sign their declarations.

Long on purpose: what a buyer has paid for must not go back to the market because a clock ran out. A seller
who does not declare is a case for a person, whose decision moves or releases the units."""


class OrderState(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    PAID = "paid"
    FULFILLED = "fulfilled"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"


FOLLOWING: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    OrderState.PLACED: frozenset({OrderState.PAID, OrderState.CANCELLED}),
    OrderState.PAID: frozenset({OrderState.FULFILLED, OrderState.DISPUTED}),
    OrderState.FULFILLED: frozenset({OrderState.CLOSED, OrderState.DISPUTED}),
    OrderState.DISPUTED: frozenset({OrderState.FULFILLED, OrderState.CLOSED, OrderState.CANCELLED}),
    OrderState.CLOSED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
"""Which state may follow which; the database holds the same table."""

_WHY_NOT: Final[Mapping[OrderState, str]] = {
    OrderState.PLACED: "It waits for its payment.",
    OrderState.PAID: "It is paid already.",
    OrderState.FULFILLED: "Its licences have moved already.",
    OrderState.CLOSED: "It is closed.",
    OrderState.CANCELLED: "It was cancelled and its units are free again; money that came in must go back.",
    OrderState.DISPUTED: "It is in dispute; settle that first.",
}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A contract between the buyer and the operator. `number` is for people; lines and price never change.

    `changed_at` is when the present state began.
    """

    id: UUID
    number: str
    quote_id: UUID
    buyer_id: UUID
    state: OrderState
    lines: tuple[QuoteLine, ...]
    price: Price
    placed_at: datetime
    payment_due_at: datetime
    paid_at: datetime | None = None
    changed_at: datetime
    version: int = 1

    @property
    def total(self) -> Money:
        """Give what has to be paid, VAT included."""
        return Money(self.price.total_minor, self.price.currency)

    @property
    def reservation_ids(self) -> tuple[UUID, ...]:
        """Give all reservations of all lines."""
        return tuple(one for line in self.lines for one in line.reservation_ids)

    @property
    def lot_ids(self) -> tuple[UUID, ...]:
        """Give the lots the lines come from, each once."""
        return tuple(dict.fromkeys(line.lot_id for line in self.lines))


def place(
    quote: Quote, order_id: UUID, payment_term: timedelta, now: datetime
) -> tuple[Order, OrderPlaced]:
    """Make the contract of an accepted quote; the number is given when it is stored."""
    order = Order(
        id=order_id,
        number="",
        quote_id=quote.id,
        buyer_id=quote.buyer_id,
        state=OrderState.PLACED,
        lines=quote.lines,
        price=quote.price,
        placed_at=now,
        payment_due_at=now + payment_term,
        changed_at=now,
    )
    return order, OrderPlaced(order_id=order_id)


def pay(order: Order, amount: Money, now: datetime) -> tuple[Order, OrderPaid]:
    """Note that the exact total came in, before the deadline.

    Raises:
        Conflict: `payment.amount_mismatch`, or `order.<state>` when it does not wait for a payment.
        Gone: `order.overdue` when the deadline has passed: the units are no longer held.
    """
    _require(order, OrderState.PAID)
    if now >= order.payment_due_at:
        raise Gone(
            "order.overdue",
            "The payment deadline has passed and the units are no longer held; "
            "send the money back, or let the buyer request a new quote.",
        )
    if amount != order.total:
        raise Conflict(
            "payment.amount_mismatch",
            f"The order's total is {order.total.amount_minor} {order.total.currency} in minor units, "
            f"this payment is {amount.amount_minor} {amount.currency}; only the exact total settles it.",
        )
    paid = _moved(order, OrderState.PAID, now)
    return msgspec.structs.replace(paid, paid_at=now), OrderPaid(order_id=order.id)


def fulfil(order: Order, now: datetime) -> tuple[Order, OrderFulfilled]:
    """Note that the licences are the buyer's; refused with `order.<state>` unless paid."""
    _require(order, OrderState.FULFILLED)
    return _moved(order, OrderState.FULFILLED, now), OrderFulfilled(order_id=order.id)


def cancel_unpaid(order: Order, now: datetime) -> tuple[Order, OrderCancelled]:
    """End an order that was not paid in time.

    Raises:
        Conflict: `order.still_payable` before the deadline, or `order.<state>` when it does not wait for a payment.
    """
    if order.state is not OrderState.PLACED:
        raise _refusal(order.state)
    if now < order.payment_due_at:
        raise Conflict("order.still_payable", "The payment deadline has not passed.")
    return _moved(order, OrderState.CANCELLED, now), OrderCancelled(order_id=order.id)


def _require(order: Order, state: OrderState) -> None:
    if state not in FOLLOWING[order.state]:
        raise _refusal(order.state)


def _refusal(state: OrderState) -> Conflict:
    return Conflict(f"order.{state.value}", f"The order does not allow this now. {_WHY_NOT[state]}")


def _moved(order: Order, state: OrderState, now: datetime) -> Order:
    return msgspec.structs.replace(order, state=state, changed_at=now, version=order.version + 1)
