"""Rows to quotes and back: the only place that knows this stage's table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.kernel.paging import Window
from marketplace.licensing.environments.environment import Environment
from marketplace.licensing.environments.fit import Fit
from marketplace.quotes.domain.need import Asked
from marketplace.quotes.domain.quote import Price, Quote, QuoteLine, QuoteState
from marketplace.quotes.domain.vat import Treatment, Vat
from marketplace.quotes.tables import quotes

_INSERT: Final = insert(quotes)
_SELECT: Final = select(quotes).where(quotes.c.id == bindparam("quote_id"))
_LOCK: Final = _SELECT.with_for_update(key_share=True)
_PAGE_OF_ALL: Final = (
    select(quotes)
    .where(quotes.c.id < bindparam("before"))
    .order_by(quotes.c.id.desc())
    .limit(bindparam("most"))
)
_PAGE: Final = _PAGE_OF_ALL.where(quotes.c.buyer_id == bindparam("buyer"))
# SKIP LOCKED: a quote somebody is accepting or declining at this moment ends by that hand.
_LOCK_DUE: Final = (
    select(quotes)
    .where(quotes.c.state == QuoteState.OFFERED.value, quotes.c.expires_at <= bindparam("now"))
    .order_by(quotes.c.expires_at)
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
_END: Final = (
    update(quotes)
    .where(quotes.c.id == bindparam("quote_id"))
    .values(
        state=bindparam("new_state"),
        ended_at=bindparam("at"),
        version=bindparam("new_version"),
    )
)
_LATEST: Final = UUID(int=(1 << 128) - 1)
"""Sorts after every id: the start of a list that shows the newest first."""


async def insert_quote(connection: AsyncConnection, quote: Quote) -> None:
    """Store a new quote."""
    price, vat = quote.price, quote.price.vat
    row = {
        "id": quote.id,
        "buyer_id": quote.buyer_id,
        "state": quote.state.value,
        "asked": quote.asked,
        "lines": quote.lines,
        "environment": quote.environment,
        "fit": quote.fit,
        "currency": price.currency,
        "net_minor": price.net_minor,
        "fee_bp": price.fee_bp,
        "fee_minor": price.fee_minor,
        "vat_treatment": vat.treatment.value,
        "vat_rule": vat.rule,
        "vat_rate_bp": vat.rate_bp,
        "vat_minor": vat.amount_minor,
        "vat_confirmed": vat.confirmed,
        "vat_country": vat.country,
        "vat_on": vat.on,
        "total_minor": price.total_minor,
        "gap_minor": quote.gap_minor,
        "offered_at": quote.offered_at,
        "expires_at": quote.expires_at,
        "ended_at": quote.ended_at,
        "version": quote.version,
    }
    await connection.execute(_INSERT, row)


async def select_quote(
    connection: AsyncConnection, quote_id: UUID, *, lock: bool = False
) -> Quote | None:
    """Load one quote, or None; `lock` keeps every other end of it waiting until the transaction is over."""
    statement = _LOCK if lock else _SELECT
    row = (await connection.execute(statement, {"quote_id": quote_id})).one_or_none()
    return None if row is None else _quote(row)


async def select_page(
    connection: AsyncConnection, buyer_id: UUID | None, window: Window
) -> list[Quote]:
    """Load a window of a company's quotes (None: of all companies') and one more, newest first."""
    values: dict[str, Any] = {"before": window.before or _LATEST, "most": window.limit + 1}
    if buyer_id is None:
        return [_quote(row) for row in await connection.execute(_PAGE_OF_ALL, values)]
    return [_quote(row) for row in await connection.execute(_PAGE, values | {"buyer": buyer_id})]


async def lock_due(connection: AsyncConnection, now: datetime, most: int) -> list[Quote]:
    """Load and lock offered quotes whose time has come, longest overdue first."""
    return [_quote(row) for row in await connection.execute(_LOCK_DUE, {"now": now, "most": most})]


async def save_ends(connection: AsyncConnection, ended: Sequence[Quote]) -> None:
    """Store the end of quotes that are locked by this transaction."""
    rows = [
        {
            "quote_id": quote.id,
            "new_state": quote.state.value,
            "at": quote.ended_at,
            "new_version": quote.version,
        }
        for quote in ended
    ]
    await connection.execute(_END, rows)


def _quote(row: Any) -> Quote:
    vat = Vat(
        treatment=Treatment(row.vat_treatment),
        rule=row.vat_rule,
        rate_bp=row.vat_rate_bp,
        amount_minor=row.vat_minor,
        confirmed=row.vat_confirmed,
        country=row.vat_country,
        on=row.vat_on,
    )
    return Quote(
        id=row.id,
        buyer_id=row.buyer_id,
        state=QuoteState(row.state),
        asked=msgspec.convert(row.asked, tuple[Asked, ...]),
        lines=msgspec.convert(row.lines, tuple[QuoteLine, ...]),
        environment=msgspec.convert(row.environment, Environment | None),
        fit=msgspec.convert(row.fit, Fit | None),
        price=Price(
            currency=row.currency,
            net_minor=row.net_minor,
            fee_bp=row.fee_bp,
            fee_minor=row.fee_minor,
            vat=vat,
            total_minor=row.total_minor,
        ),
        gap_minor=row.gap_minor,
        offered_at=row.offered_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        version=row.version,
    )
