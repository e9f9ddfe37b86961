"""What the register knows, read: chains, holdings, freezes and the whole title of a lot."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.kernel.errors import NotFound
from marketplace.register import tables
from marketplace.register.domain import Chain, Hold, Holding, Link, LotTitle, Units
from marketplace.register.drafting import Source
from marketplace.register.entry import Outpoint
from marketplace.register.store import calls


async def find_genesis(connection: AsyncConnection, lot_id: UUID) -> tuple[UUID, UUID, int] | None:
    """Find a lot that is open already: its first holding, its opener and its size."""
    row = (
        await connection.execute(
            select(tables.holdings.c.id, tables.lots.c.opened_by, tables.lots.c.units)
            .join(tables.lots, tables.lots.c.id == tables.holdings.c.lot_id)
            .where(tables.lots.c.id == lot_id, tables.holdings.c.parent_id.is_(None))
        )
    ).one_or_none()
    return (row[0], row[1], row[2]) if row else None


async def find_hold(connection: AsyncConnection, hold_id: UUID) -> tuple[Hold, Outpoint] | None:
    """Find a freeze and what the entry that placed it named."""
    h, n, e = tables.holds, tables.hold_ends, tables.events
    row = (
        await connection.execute(
            select(*_hold_columns(), e.c.body)
            .select_from(h.join(e, e.c.id == h.c.event_id).outerjoin(n))
            .where(h.c.id == hold_id)
        )
    ).one_or_none()
    return (
        (_hold(row), msgspec.convert(msgspec.json.decode(row.body)["in"], Outpoint))
        if row
        else None
    )


def _hold_columns() -> list[Any]:
    h, n = tables.holds, tables.hold_ends
    lo, hi = func.lower(h.c.units).label("lo"), func.upper(h.c.units).label("hi")
    return [h.c.id, h.c.lot_id, lo, hi, h.c.reason, h.c.placed_at, n.c.lifted_at]


def _hold(row: Any) -> Hold:
    return Hold(
        id=row.id,
        lot_id=row.lot_id,
        units=Units(row.lo, row.hi),
        reason=row.reason,
        placed_at=row.placed_at,
        lifted_at=row.lifted_at,
    )


def holding_of(row: Any) -> Holding:
    """Make a holding of a row."""
    return Holding(
        id=row.holding_id,
        units=Units(row.units_lo, row.units_hi),
        kind=row.kind,
        party_id=row.party_id,
        leaf_hash=row.leaf_hash,
        out_no=row.out_no,
    )


async def chain(connection: AsyncConnection, holding_id: UUID) -> Chain | None:
    """Read the path of a holding, if the caller holds it or is staff or the system."""
    rows = await calls.rows(connection, calls.CHAIN, holding=holding_id)
    if not rows:
        return None
    links = tuple(
        Link(
            party_id=row.party_id,
            holding_id=row.holding_id,
            event_id=row.event_id,
            event_kind=row.event_kind,
            leaf_hash=row.leaf_hash,
            recorded_at=row.recorded_at,
            declaration_hash=row.declaration_hash,
            declared_at=row.declared_at,
        )
        for row in rows
    )
    units = Units(rows[0].units_lo, rows[0].units_hi)
    return Chain(holding_id, rows[0].lot_id, units, links)


async def live_holdings(connection: AsyncConnection, lot_id: UUID) -> tuple[Holding, ...]:
    """Read the live holdings of a lot that the caller may see, lowest units first."""
    h, e, live = tables.holdings, tables.events, tables.live
    rows = await connection.execute(
        select(
            h.c.id.label("holding_id"),
            func.lower(h.c.units).label("units_lo"),
            func.upper(h.c.units).label("units_hi"),
            h.c.kind,
            h.c.party_id,
            h.c.out_no,
            e.c.leaf_hash,
        )
        .select_from(live.join(h, h.c.id == live.c.holding_id).join(e, e.c.id == h.c.created_by))
        .where(live.c.lot_id == lot_id)
        .order_by(func.lower(h.c.units))
    )
    return tuple(holding_of(row) for row in rows)


async def lot_title(connection: AsyncConnection, lot_id: UUID) -> LotTitle | None:
    """Read everything the register knows about the title of a lot, for staff and the system."""
    lots, active, holds = tables.lots, tables.active_reservations, tables.holds
    lot = (await connection.execute(select(lots).where(lots.c.id == lot_id))).one_or_none()
    if lot is None:
        return None
    reserved = await connection.execute(
        select(func.lower(active.c.units), func.upper(active.c.units))
        .where(active.c.lot_id == lot_id, active.c.expires_at > func.title_now())
        .order_by(func.lower(active.c.units))
    )
    frozen = await connection.execute(
        select(*_hold_columns())
        .select_from(holds.outerjoin(tables.hold_ends))
        .where(holds.c.lot_id == lot_id)
        .order_by(holds.c.placed_at)
    )
    entries = await connection.execute(
        select(func.count()).select_from(tables.events).where(tables.events.c.lot_id == lot_id)
    )
    return LotTitle(
        lot_id=lot.id,
        units=lot.units,
        opened_by=lot.opened_by,
        opened_at=lot.opened_at,
        holdings=await live_holdings(connection, lot_id),
        reserved=tuple(Units(lo, hi) for lo, hi in reserved),
        holds=tuple(_hold(row) for row in frozen),
        entries=entries.scalar_one(),
    )


async def sources(
    connection: AsyncConnection, holding_ids: Sequence[UUID]
) -> list[tuple[UUID, UUID, Source]]:
    """Read the outpoints of holdings: holding, lot, source."""
    h, e = tables.holdings, tables.events
    found = await connection.execute(
        select(h.c.id, h.c.lot_id, e.c.leaf_hash, h.c.out_no)
        .join(e, e.c.id == h.c.created_by)
        .where(h.c.id.in_(holding_ids))
    )
    return [(row.id, row.lot_id, Source(row.leaf_hash, row.out_no)) for row in found]


async def leaf_hash(connection: AsyncConnection, lot_id: UUID, event_id: UUID) -> bytes:
    """Read the leaf hash of an entry of a lot.

    Raises:
        NotFound: the lot has no such entry.
    """
    e = tables.events
    found: bytes | None = await connection.scalar(
        select(e.c.leaf_hash).where(e.c.id == event_id, e.c.lot_id == lot_id)
    )
    if found is None:
        raise NotFound("entry.unknown", "The lot has no such entry.")
    return found
