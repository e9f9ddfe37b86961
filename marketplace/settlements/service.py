"""Use cases of settlements: money came in.

`confirm_payment` is the one door. Whoever learns of a payment (finance staff today, a bank file or a provider later)
makes a `PaymentEvidence` and calls it; what it does to the order is the same for all.
"""

from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import format_id
from marketplace.orders import service as orders
from marketplace.settlements import store
from marketplace.settlements.domain import (
    Payment,
    PaymentEvidence,
    check_evidence,
    require_same,
)

log = structlog.get_logger()


class Confirmed(msgspec.Struct, frozen=True):
    """A payment, and whether this call recorded it."""

    payment: Payment
    is_new: bool


async def confirm_payment(work: Work, order_id: UUID, evidence: PaymentEvidence) -> Confirmed:
    """Record a payment and note the order as paid. The same evidence again gives the same payment.

    Raises:
        Malformed: `payment.received_in_future`.
        NotFound: `order.unknown`.
        Conflict: `payment.reference_used`, `payment.amount_mismatch`, or the order does not wait for a payment.
        Gone: `order.overdue`.
    """
    check_evidence(evidence, work.now)
    known = await store.select_by_reference(work.connection, evidence.source, evidence.reference)
    if known is not None:
        require_same(known, order_id, evidence)
        return Confirmed(known, is_new=False)
    order = await orders.mark_paid(work, order_id, evidence.amount)
    payment = Payment(
        id=work.new_id(),
        order_id=order_id,
        buyer_id=order.buyer_id,
        evidence=evidence,
        recorded_by=work.principal.credential,
        recorded_at=work.now,
    )
    if not await store.insert_payment(work.connection, payment):
        raise Conflict(
            "payment.reference_used",
            "This reference was recorded a moment ago; look at the order again.",
        )
    work.audit("payment.confirmed", format_id("ord", order_id))
    log.info("payment.confirmed", payment_id=str(payment.id), order_id=str(order_id))
    return Confirmed(payment, is_new=True)


async def list_payments(work: Work, order_id: UUID) -> list[Payment]:
    """Give the payments of an order the caller may see, oldest first."""
    order = await orders.load_order(work, order_id)
    return await store.select_of_order(work.connection, order.id)
