"""Rows to orders and back: the only place that knows this stage's tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, TextClause, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import DateTime, Uuid

from marketplace.kernel.paging import Window
from marketplace.licensing.catalogue import Metric, Product
from marketplace.orders.domain import Order, OrderState
from marketplace.orders.tables import order_lines, orders
from marketplace.quotes.domain.need import Reason
from marketplace.quotes.domain.quote import Price, QuoteLine
from marketplace.quotes.domain.vat import Treatment, Vat

# Contract and lines in one round trip. The number is for people: it may have gaps, it never repeats.
_INSERT: Final[TextClause] = text(
    """
    WITH placed AS (
        INSERT INTO orders (
            id, number, quote_id, buyer_id, state, currency, net_minor, fee_bp, fee_minor, vat_treatment,
            vat_rule, vat_rate_bp, vat_minor, vat_confirmed, vat_country, vat_on, total_minor, placed_at,
            payment_due_at, changed_at, version)
        SELECT o.id,
               'O-' || to_char(:placed_at AT TIME ZONE 'UTC', 'YYYY') || '-'
               || lpad(n.value, greatest(6, length(n.value)), '0'),
               o.quote_id, o.buyer_id, o.state, o.currency, o.net_minor, o.fee_bp, o.fee_minor,
               o.vat_treatment, o.vat_rule, o.vat_rate_bp, o.vat_minor, o.vat_confirmed, o.vat_country,
               o.vat_on, o.total_minor, :placed_at, :payment_due_at, :placed_at, o.version
          FROM jsonb_populate_record(NULL::orders, :head) o,
               (SELECT nextval('order_numbers')::text AS value) n
        RETURNING id, number, buyer_id),
    lines AS (
        INSERT INTO order_lines (
            id, order_id, buyer_id, position, asked, listing_id, lot_id, seller_id, family, product_version,
            metric, segment, quantity, unit_price_minor, amount_minor, reservation_ids, reason_rule, reason_text)
        SELECT l.id, p.id, p.buyer_id, l.position, l.asked, l.listing_id, l.lot_id, l.seller_id, l.family,
               l.product_version, l.metric, l.segment, l.quantity, l.unit_price_minor, l.amount_minor,
               l.reservation_ids, l.reason_rule, l.reason_text
          FROM placed p, jsonb_populate_recordset(NULL::order_lines, :lines) l)
    SELECT number FROM placed
    """
).bindparams(
    bindparam("head", type_=JSONB),
    bindparam("lines", type_=JSONB),
    bindparam("placed_at", type_=DateTime(timezone=True)),
    bindparam("payment_due_at", type_=DateTime(timezone=True)),
)

_LINES: Final[ColumnElement[Any]] = (
    select(
        func.jsonb_agg(
            aggregate_order_by(func.to_jsonb(order_lines.table_valued()), order_lines.c.position)
        )
    )
    .where(order_lines.c.order_id == orders.c.id)
    .scalar_subquery()
    .label("lines")
)
_ALL: Final = select(orders, _LINES)
_SELECT: Final = _ALL.where(orders.c.id == bindparam("order_id"))
_LOCK: Final = _SELECT.with_for_update(of=orders, key_share=True)
_OF_QUOTE: Final = _ALL.where(orders.c.quote_id == bindparam("quote_id"))
_PAGE_OF_ALL: Final = (
    _ALL.where(orders.c.id < bindparam("before"))
    .order_by(orders.c.id.desc())
    .limit(bindparam("most"))
)
_PAGE: Final = _PAGE_OF_ALL.where(orders.c.buyer_id == bindparam("buyer"))
# SKIP LOCKED: an order that is being paid at this moment is not ours to cancel.
_LOCK_DUE: Final = (
    _ALL.where(
        orders.c.state == OrderState.PLACED.value, orders.c.payment_due_at <= bindparam("now")
    )
    .order_by(orders.c.payment_due_at)
    .limit(bindparam("most"))
    .with_for_update(of=orders, key_share=True, skip_locked=True)
)
_MOVE: Final = (
    update(orders)
    .where(orders.c.id == bindparam("order_id", type_=Uuid))
    .values(
        state=bindparam("new_state"),
        paid_at=bindparam("new_paid_at"),
        changed_at=bindparam("at"),
        version=bindparam("new_version"),
    )
)
_LATEST: Final = UUID(int=(1 << 128) - 1)
"""Sorts after every id: the start of a list that shows the newest first."""


class _LineRow(msgspec.Struct):
    """A line as `to_jsonb` writes it."""

    id: UUID
    asked: int
    listing_id: UUID
    lot_id: UUID
    seller_id: UUID
    family: str
    product_version: str
    metric: Metric
    segment: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    reservation_ids: tuple[UUID, ...]
    reason_rule: str | None
    reason_text: str | None


async def insert_order(connection: AsyncConnection, order: Order) -> Order:
    """Store a new order with its lines; give it with its number."""
    price, vat = order.price, order.price.vat
    head = {
        "id": order.id,
        "quote_id": order.quote_id,
        "buyer_id": order.buyer_id,
        "state": order.state,
        "currency": price.currency,
        "net_minor": price.net_minor,
        "fee_bp": price.fee_bp,
        "fee_minor": price.fee_minor,
        "vat_treatment": vat.treatment,
        "vat_rule": vat.rule,
        "vat_rate_bp": vat.rate_bp,
        "vat_minor": vat.amount_minor,
        "vat_confirmed": vat.confirmed,
        "vat_country": vat.country,
        "vat_on": vat.on,
        "total_minor": price.total_minor,
        "version": order.version,
    }
    values = {
        "head": head,
        "lines": [_line_row(line, position) for position, line in enumerate(order.lines)],
        "placed_at": order.placed_at,
        "payment_due_at": order.payment_due_at,
    }
    number: str = (await connection.execute(_INSERT, values)).scalar_one()
    return msgspec.structs.replace(order, number=number)


async def select_order(
    connection: AsyncConnection, order_id: UUID, *, lock: bool = False
) -> Order | None:
    """Load one order, or None; `lock` keeps others from moving it until the transaction is over."""
    statement = _LOCK if lock else _SELECT
    row = (await connection.execute(statement, {"order_id": order_id})).one_or_none()
    return None if row is None else _order(row)


async def select_order_of_quote(connection: AsyncConnection, quote_id: UUID) -> Order | None:
    """Load the order that a quote became, or None."""
    row = (await connection.execute(_OF_QUOTE, {"quote_id": quote_id})).one_or_none()
    return None if row is None else _order(row)


async def select_page(
    connection: AsyncConnection, buyer_id: UUID | None, window: Window
) -> list[Order]:
    """Load a window of a company's orders (None: of all companies') and one more, newest first."""
    values: dict[str, Any] = {"before": window.before or _LATEST, "most": window.limit + 1}
    if buyer_id is None:
        return [_order(row) for row in await connection.execute(_PAGE_OF_ALL, values)]
    return [_order(row) for row in await connection.execute(_PAGE, values | {"buyer": buyer_id})]


async def lock_due(connection: AsyncConnection, now: datetime, most: int) -> list[Order]:
    """Load and lock orders that were not paid in time, longest overdue first."""
    return [_order(row) for row in await connection.execute(_LOCK_DUE, {"now": now, "most": most})]


async def save_moves(connection: AsyncConnection, moved: Sequence[Order]) -> None:
    """Store the new state of orders that are locked by this transaction."""
    rows = [
        {
            "order_id": order.id,
            "new_state": order.state.value,
            "new_paid_at": order.paid_at,
            "at": order.changed_at,
            "new_version": order.version,
        }
        for order in moved
    ]
    await connection.execute(_MOVE, rows)


def _line_row(line: QuoteLine, position: int) -> dict[str, Any]:
    return {
        "id": line.id,
        "position": position,
        "asked": line.asked,
        "listing_id": line.listing_id,
        "lot_id": line.lot_id,
        "seller_id": line.seller_id,
        "family": line.product.family,
        "product_version": line.product.version,
        "metric": line.product.metric,
        "segment": line.segment,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "amount_minor": line.amount_minor,
        "reservation_ids": line.reservation_ids,
        "reason_rule": line.reason.rule if line.reason else None,
        "reason_text": line.reason.text if line.reason else None,
    }


def _line(row: _LineRow) -> QuoteLine:
    reason = None
    if row.reason_rule is not None and row.reason_text is not None:
        reason = Reason(row.reason_rule, row.reason_text)
    return QuoteLine(
        id=row.id,
        asked=row.asked,
        listing_id=row.listing_id,
        lot_id=row.lot_id,
        seller_id=row.seller_id,
        product=Product(row.family, row.product_version, row.metric),
        segment=row.segment,
        quantity=row.quantity,
        unit_price_minor=row.unit_price_minor,
        amount_minor=row.amount_minor,
        reservation_ids=row.reservation_ids,
        reason=reason,
    )


def _order(row: Any) -> Order:
    vat = Vat(
        treatment=Treatment(row.vat_treatment),
        rule=row.vat_rule,
        rate_bp=row.vat_rate_bp,
        amount_minor=row.vat_minor,
        confirmed=row.vat_confirmed,
        country=row.vat_country,
        on=row.vat_on,
    )
    return Order(
        id=row.id,
        number=row.number,
        quote_id=row.quote_id,
        buyer_id=row.buyer_id,
        state=OrderState(row.state),
        lines=tuple(_line(line) for line in msgspec.convert(row.lines, list[_LineRow])),
        price=Price(
            currency=row.currency,
            net_minor=row.net_minor,
            fee_bp=row.fee_bp,
            fee_minor=row.fee_minor,
            vat=vat,
            total_minor=row.total_minor,
        ),
        placed_at=row.placed_at,
        payment_due_at=row.payment_due_at,
        paid_at=row.paid_at,
        changed_at=row.changed_at,
        version=row.version,
    )
