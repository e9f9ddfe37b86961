"""Rows to payments and back: the only place that knows this stage's table."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.kernel.money import Money
from marketplace.settlements.domain import Payment, PaymentEvidence
from marketplace.settlements.tables import payments

_INSERT: Final = (
    insert(payments)
    .on_conflict_do_nothing(index_elements=[payments.c.source, payments.c.reference])
    .returning(payments.c.id)
)
_BY_REFERENCE: Final = select(payments).where(
    payments.c.source == bindparam("source"), payments.c.reference == bindparam("reference")
)
_OF_ORDER: Final = (
    select(payments).where(payments.c.order_id == bindparam("order_id")).order_by(payments.c.id)
)


async def insert_payment(connection: AsyncConnection, payment: Payment) -> bool:
    """Store a payment; False when its reference was used in the meantime."""
    evidence = payment.evidence
    row = {
        "id": payment.id,
        "order_id": payment.order_id,
        "buyer_id": payment.buyer_id,
        "source": evidence.source,
        "reference": evidence.reference,
        "amount_minor": evidence.amount.amount_minor,
        "currency": evidence.amount.currency,
        "received_on": evidence.received_on,
        "recorded_by": payment.recorded_by,
        "recorded_at": payment.recorded_at,
    }
    return (await connection.execute(_INSERT, row)).first() is not None


async def select_by_reference(
    connection: AsyncConnection, source: str, reference: str
) -> Payment | None:
    """Load the payment a source calls by this reference, or None."""
    values = {"source": source, "reference": reference}
    row = (await connection.execute(_BY_REFERENCE, values)).one_or_none()
    return None if row is None else _payment(row)


async def select_of_order(connection: AsyncConnection, order_id: UUID) -> list[Payment]:
    """Load the payments of an order, oldest first."""
    return [_payment(row) for row in await connection.execute(_OF_ORDER, {"order_id": order_id})]


def _payment(row: Any) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        buyer_id=row.buyer_id,
        evidence=PaymentEvidence(
            source=row.source,
            reference=row.reference,
            amount=Money(row.amount_minor, row.currency),
            received_on=row.received_on,
        ),
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
    )
