"""Use cases of orders: place, look, note payment and fulfilment, cancel what was not paid."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.orders import domain as decisions
from marketplace.orders import store
from marketplace.orders.domain import FULFILMENT_TERM, Order
from marketplace.quotes import service as quotes
from marketplace.register import service as register

CANCELLED_AT_ONCE: Final = 200
"""Orders one run of the job cancels, so that no lot is locked for long."""

log = structlog.get_logger()


class Placed(msgspec.Struct, frozen=True):
    """The order of a quote, and whether this call made it."""

    order: Order
    is_new: bool


async def place_order(work: Work, quote_id: UUID, payment_term: timedelta) -> Placed:
    """Accept a quote and make its order, exactly one: asked again, the same order is given.

    The reservation is extended to the payment deadline.

    Raises:
        NotFound: no such quote for this company.
        Gone: `quote.expired`, by our time or by the register's.
        Conflict: `quote.declined`.
    """
    accepted = await quotes.accept_quote(work, quote_id)
    if not accepted.is_new:
        known = await store.select_order_of_quote(work.connection, quote_id)
        if known is None:
            raise AssertionError("an accepted quote has an order: both commit together")
        return Placed(known, is_new=False)
    order, event = decisions.place(accepted.quote, work.new_id(), payment_term, work.now)
    await register.extend_reservations(work, order.reservation_ids, order.payment_due_at)
    order = await store.insert_order(work.connection, order)
    work.announce(event)
    log.info("order.placed", order_id=str(order.id), quote_id=str(quote_id))
    return Placed(order, is_new=True)


async def load_order(work: Work, order_id: UUID, *, lock: bool = False) -> Order:
    """Give an order the caller may see; `lock` keeps it as it is until the transaction is over."""
    order = await store.select_order(work.connection, order_id, lock=lock)
    if order is None:
        raise NotFound("order.unknown", "There is no such order for your company.")
    return order


async def list_orders(work: Work, window: Window) -> Page[Order]:
    """Give the calling company's orders, newest first; staff get those of all companies."""
    buyer = None if work.principal.scope == "staff" else work.principal.company
    found = await store.select_page(work.connection, buyer, window)
    return page_of(found, window.limit, lambda order: (str(order.id),))


async def mark_paid(work: Work, order_id: UUID, amount: Money) -> Order:
    """Note that the exact total came in; the units stay reserved until the sellers have declared.

    Raises:
        Conflict: `payment.amount_mismatch`, or the order does not wait for a payment.
        Gone: `order.overdue`.
    """
    order, event = decisions.pay(await load_order(work, order_id, lock=True), amount, work.now)
    await register.extend_reservations(work, order.reservation_ids, work.now + FULFILMENT_TERM)
    await store.save_moves(work.connection, [order])
    work.announce(event)
    log.info("order.paid", order_id=str(order_id))
    return order


async def mark_fulfilled(work: Work, order: Order) -> Order:
    """Note that the licences are the buyer's; called in the transaction that posts them, with the order it locked.

    Raises:
        Conflict: the order is not paid, or fulfilled already.
    """
    fulfilled, event = decisions.fulfil(order, work.now)
    await store.save_moves(work.connection, [fulfilled])
    work.announce(event)
    log.info("order.fulfilled", order_id=str(order.id))
    return fulfilled


async def cancel_unpaid_orders(work: Work, batch: int = CANCELLED_AT_ONCE) -> int:
    """Cancel the orders that were not paid in time and free their units; give how many.

    A full batch asks for another run at once.
    """
    due = await store.lock_due(work.connection, work.now, batch)
    if not due:
        return 0
    cancelled = [decisions.cancel_unpaid(order, work.now) for order in due]
    await store.save_moves(work.connection, [order for order, _ in cancelled])
    reservations = [one for order in due for one in order.reservation_ids]
    await quotes.release_units(work, reservations, [lot for order in due for lot in order.lot_ids])
    for _, event in cancelled:
        work.announce(event)
    if len(due) == batch:
        work.enqueue("orders.cancel_unpaid", {}, queue="light")
    log.info("orders.cancelled", count=len(due))
    return len(due)
