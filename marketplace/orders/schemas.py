"""What the API gives about orders."""

from datetime import datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.orders.domain import Order, OrderState
from marketplace.quotes.schemas import LineOut, PriceOut


class OrderOut(msgspec.Struct, frozen=True):
    """A contract with the operator. `number` goes with the payment; `price.total` must be paid exactly."""

    id: Annotated[str, Meta(pattern=pattern("ord"))]
    number: Annotated[str, Meta(examples=["O-2026-000042"])]
    quote_id: Annotated[str, Meta(pattern=pattern("qte"))]
    state: OrderState
    lines: list[LineOut]
    price: PriceOut
    placed_at: datetime
    payment_due_at: datetime
    paid_at: datetime | None
    changed_at: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """Build from the domain value."""
        return cls(
            id=format_id("ord", order.id),
            number=order.number,
            quote_id=format_id("qte", order.quote_id),
            state=order.state,
            lines=[LineOut.of(line, order.price.currency) for line in order.lines],
            price=PriceOut.of(order.price),
            placed_at=order.placed_at,
            payment_due_at=order.payment_due_at,
            paid_at=order.paid_at,
            changed_at=order.changed_at,
        )


class OrderPage(msgspec.Struct, frozen=True):
    """Orders, newest first."""

    items: list[OrderOut]
    next_cursor: str | None
