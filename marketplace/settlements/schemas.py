"""What the API takes and gives about payments."""

from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.money import Money
from marketplace.kernel.text import END, CurrencyCode
from marketplace.settlements.domain import BY_STAFF, Payment, PaymentEvidence


class AmountIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An amount in minor units."""

    amount_minor: Annotated[
        int, Meta(ge=0, le=10**15, description="Minor units (cents)", examples=[24990])
    ]
    currency: CurrencyCode


class PaymentRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A payment as the bank statement shows it."""

    amount: AmountIn
    reference: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=140,
            pattern=f"^[!-~]([ -~]*[!-~])?{END}",
            description="The bank's own reference, never used twice; visible ASCII, spaces inside",
            examples=["2026-11-25/0042"],
        ),
    ]
    received_on: Annotated[date, Meta(description="Value date", examples=["2026-11-25"])]

    def to_evidence(self) -> PaymentEvidence:
        """Give the domain value: evidence by staff."""
        return PaymentEvidence(
            source=BY_STAFF,
            reference=self.reference,
            amount=Money(self.amount.amount_minor, self.amount.currency),
            received_on=self.received_on,
        )


class PaymentOut(msgspec.Struct, frozen=True):
    """A payment that came in."""

    id: Annotated[str, Meta(pattern=pattern("pay"))]
    order_id: Annotated[str, Meta(pattern=pattern("ord"))]
    source: str
    reference: str
    amount: Money
    received_on: date
    recorded_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Build from the domain value."""
        return cls(
            id=format_id("pay", payment.id),
            order_id=format_id("ord", payment.order_id),
            source=payment.evidence.source,
            reference=payment.evidence.reference,
            amount=payment.evidence.amount,
            received_on=payment.evidence.received_on,
            recorded_at=payment.recorded_at,
        )


class PaymentList(msgspec.Struct, frozen=True):
    """The payments of one order, oldest first."""

    items: list[PaymentOut]
