"""Rows to values and back: the only place that knows this stage's tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.valuations.domain import NoEstimate, State, Valuation, ValueRange
from marketplace.valuations.tables import product_values, valuations

_INSERT: Final = insert(valuations)
_SELECT: Final = select(valuations).where(valuations.c.id == bindparam("valuation_id"))
_LOCK: Final = _SELECT.with_for_update(key_share=True)
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
_OF_COMPANY: Final = select(valuations).where(valuations.c.company_id == bindparam("company_id"))

# One index look-up per product, however many nights are stored.
_WANTED: Final = (
    func.unnest(bindparam("products", type_=ARRAY(Text))).table_valued("product").render_derived()
)
_NEWEST: Final = (
    select(product_values.c.value)
    .where(product_values.c.product == _WANTED.c.product)
    .order_by(product_values.c.as_of_on.desc())
    .limit(1)
    .lateral()
)
_LATEST: Final = select(_WANTED.c.product, _NEWEST.c.value).select_from(
    _WANTED.join(_NEWEST, true())
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
    connection: AsyncConnection, company_id: UUID | None, window: Window
) -> list[Valuation]:
    """Load one row more than a window of a company's requests (None: of all), newest first."""
    query = select(valuations) if company_id is None else _OF_COMPANY
    statement = newest_first(query, valuations.c.id, window)
    parameters = {} if company_id is None else {"company_id": company_id}
    return [_valuation(row) for row in await connection.execute(statement, parameters)]


async def save_answer(connection: AsyncConnection, valuation: Valuation) -> None:
    """Store the result of a request."""
    await connection.execute(
        _ANSWER,
        {
            "valuation_id": valuation.id,
            "new_state": valuation.state.value,
            "new_value": msgspec.to_builtins(valuation.value),
            "new_reason": valuation.reason.value if valuation.reason else None,
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
    if rows:
        await connection.execute(_NIGHTLY, rows)


async def select_product_values(
    connection: AsyncConnection, products: Sequence[str]
) -> list[tuple[str, ValueRange]]:
    """Load the newest value of each of the products that has one, in their order."""
    rows = await connection.execute(_LATEST, {"products": list(products)})
    newest = {row.product: msgspec.convert(row.value, ValueRange) for row in rows}
    return [(product, newest[product]) for product in products if product in newest]


def _valuation(row: Any) -> Valuation:
    return Valuation(
        id=row.id,
        company_id=row.company_id,
        product=row.product,
        quantity=row.quantity,
        state=State(row.state),
        requested_at=row.requested_at,
        value=msgspec.convert(row.value, ValueRange) if row.value else None,
        reason=NoEstimate(row.reason) if row.reason else None,
        computed_at=row.computed_at,
    )
