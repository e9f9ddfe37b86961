"""Rows to values and back: the only place that knows this stage's tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.valuations.domain import State, Valuation, ValueRange
from marketplace.valuations.tables import product_values, valuations

_INSERT: Final = insert(valuations)
_SELECT: Final = select(valuations).where(valuations.c.id == bindparam("valuation_id"))
_LOCK: Final = _SELECT.with_for_update()
_ANSWER: Final = (
    update(valuations)
    .where(valuations.c.id == bindparam("valuation_id"))
    .values(
        state=bindparam("new_state"),
        value=bindparam("new_value"),
        reason=bindparam("new_reason"),
        computed_at=bindparam("at"),
    )
)
_NIGHTLY: Final = insert(product_values).on_conflict_do_nothing()
_LATEST: Final = (
    select(product_values)
    .distinct(product_values.c.product)
    .order_by(product_values.c.product, product_values.c.as_of_on.desc())
)


async def insert_valuation(connection: AsyncConnection, valuation: Valuation) -> None:
    """Store a new request."""
    await connection.execute(
        _INSERT,
        {
            "id": valuation.id,
            "company_id": valuation.company_id,
            "product": valuation.product,
            "quantity": valuation.quantity,
            "state": valuation.state.value,
            "requested_at": valuation.requested_at,
        },
    )


async def select_valuation(
    connection: AsyncConnection, valuation_id: UUID, *, lock: bool = False
) -> Valuation | None:
    """Load one request, or None; `lock` keeps other workers off it until the transaction ends."""
    statement = _LOCK if lock else _SELECT
    row = (await connection.execute(statement, {"valuation_id": valuation_id})).one_or_none()
    return None if row is None else _valuation(row)


async def select_page(
    connection: AsyncConnection, company_id: UUID, before: tuple[Any, ...] | None, limit: int
) -> list[Valuation]:
    """Load up to `limit + 1` requests of a company, newest first, older than the cursor."""
    statement = (
        select(valuations)
        .where(valuations.c.company_id == company_id)
        .order_by(valuations.c.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(valuations.c.id < UUID(before[0]))
    return [_valuation(row) for row in await connection.execute(statement)]


async def save_answer(connection: AsyncConnection, valuation: Valuation) -> None:
    """Store the result of a request."""
    await connection.execute(
        _ANSWER,
        {
            "valuation_id": valuation.id,
            "new_state": valuation.state.value,
            "new_value": msgspec.to_builtins(valuation.value),
            "new_reason": valuation.reason,
            "at": valuation.computed_at,
        },
    )


async def insert_product_values(
    connection: AsyncConnection, values: Sequence[tuple[str, ValueRange]], now: datetime
) -> None:
    """Store the values of one day; a day that is already there stays as it was."""
    rows = [
        {
            "product": product,
            "as_of_on": value.as_of_on,
            "value": msgspec.to_builtins(value),
            "computed_at": now,
        }
        for product, value in values
    ]
    await connection.execute(_NIGHTLY, rows)


async def select_product_values(connection: AsyncConnection) -> list[tuple[str, ValueRange]]:
    """Load the newest value of every product."""
    rows = await connection.execute(_LATEST)
    return [(row.product, msgspec.convert(row.value, ValueRange)) for row in rows]


def _valuation(row: Any) -> Valuation:
    return Valuation(
        id=row.id,
        company_id=row.company_id,
        product=row.product,
        quantity=row.quantity,
        state=State(row.state),
        requested_at=row.requested_at,
        value=msgspec.convert(row.value, ValueRange) if row.value else None,
        reason=row.reason,
        computed_at=row.computed_at,
    )
