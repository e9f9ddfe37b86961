"""Money that came in: evidence of a payment, from whatever source, and the fact it becomes. Pure."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from marketplace.kernel.money import Money

BY_STAFF: Final = "staff"
"""The source of evidence that finance staff enter by hand. Bank files and providers will be further sources."""


class PaymentEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that money came in: who says so (`source`), under which reference there, how much, on which day.

    A source never uses a reference twice, so the pair names one payment for ever.
    """

    source: str
    reference: str
    amount: Money
    received_on: date


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that settled an order. Never changed."""

    id: UUID
    order_id: UUID
    buyer_id: UUID
    evidence: PaymentEvidence
    recorded_by: str
    recorded_at: datetime


def check_evidence(evidence: PaymentEvidence, now: datetime) -> None:
    """Refuse a day that has not begun anywhere on earth.

    Raises:
        Malformed: `payment.received_in_future`.
    """
    if evidence.received_on > (now + timedelta(hours=14)).date():
        raise Malformed(
            "payment.received_in_future",
            "Money cannot have been received on a day that has not come.",
            FieldProblem("/received_on", "in the future"),
        )


def require_same(payment: Payment, order_id: UUID, evidence: PaymentEvidence) -> None:
    """Tell a repeated message from another payment under a used reference.

    Raises:
        Conflict: `payment.reference_used`.
    """
    if payment.order_id != order_id or payment.evidence != evidence:
        raise Conflict(
            "payment.reference_used",
            "This reference stands for another payment that was recorded before; check the bank statement.",
        )
