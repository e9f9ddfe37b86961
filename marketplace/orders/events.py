"""Facts about orders."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class OrderPlaced(Event, frozen=True):
    """A buyer accepted a quote: the contract stands and waits for its payment."""

    name: ClassVar[str] = "order.placed.v1"
    order_id: UUID


class OrderPaid(Event, frozen=True):
    """The exact total came in."""

    name: ClassVar[str] = "order.paid.v1"
    order_id: UUID


class OrderFulfilled(Event, frozen=True):
    """The licences are the buyer's."""

    name: ClassVar[str] = "order.fulfilled.v1"
    order_id: UUID


class OrderCancelled(Event, frozen=True):
    """The order was not paid in time; its units are free again."""

    name: ClassVar[str] = "order.cancelled.v1"
    order_id: UUID
