"""The desk's functions called with values and answered with values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.register.domain import (
    Holding,
    PostedLine,
    Reservation,
    Reserve,
    Shortage,
    Units,
)
from marketplace.register.drafting import Draft, Source
from marketplace.register.entry import b64
from marketplace.register.store import calls
from marketplace.register.store.title import holding_of


class DealInput(msgspec.Struct, frozen=True):
    """A reservation about to be posted. Without `source` it is not active; without a hash, undeclared."""

    reservation_id: UUID
    lot_id: UUID
    units: Units
    outcome: str
    holder_id: UUID
    buyer_id: UUID
    deal_id: UUID | None
    holding: Units | None
    source: Source | None
    declaration_hash: bytes | None


class DeclarationInput(msgspec.Struct, frozen=True):
    """A reservation about to be declared: the holding to name, and the declaration that is there already."""

    lot_id: UUID
    units: Units
    holder_id: UUID
    source: Source
    declaration_id: UUID | None


def secrets(drafts: Iterable[Draft]) -> list[list[Any]]:
    """Give every disclosure of the drafts as the functions take them: event, field, salt, value."""
    return [
        [str(draft.id), secret.field, b64(secret.salt), secret.value]
        for draft in drafts
        for secret in draft.secrets
    ]


async def open_lot(
    connection: AsyncConnection, lot_id: UUID, owner_id: UUID, opened: Draft
) -> UUID:
    """Open a lot; give the holding of all its units."""
    holding: UUID = await calls.value(
        connection,
        calls.OPEN_LOT,
        lot=lot_id,
        owner=owner_id,
        body=opened.body,
        secrets=secrets([opened]),
    )
    return holding


async def reserve(
    connection: AsyncConnection, request: Reserve
) -> tuple[tuple[Reservation, ...], tuple[Shortage, ...]]:
    """Reserve all lines or none; the second part names the lines that stood in the way."""
    rows = await calls.rows(
        connection,
        calls.RESERVE,
        group=request.group_id,
        buyer=request.buyer_id,
        until=request.until,
        lots=[line.lot_id for line in request.lines],
        holders=[line.holder_id for line in request.lines],
        quantities=[line.quantity for line in request.lines],
        steps=[line.step for line in request.lines],
    )
    shortages = tuple(
        Shortage(row.line_no - 1, row.lot_id, row.available)
        for row in rows
        if row.reservation_id is None
    )
    if shortages:
        return (), shortages
    return tuple(
        Reservation(
            id=row.reservation_id,
            line=row.line_no - 1,
            lot_id=row.lot_id,
            units=Units(row.units_lo, row.units_hi),
            expires_at=row.expires_at,
        )
        for row in rows
    ), ()


async def extend(
    connection: AsyncConnection, reservation_ids: Sequence[UUID], until: datetime
) -> int:
    """Move the end of reservations; give how many had an earlier one."""
    count: int = await calls.value(
        connection, calls.EXTEND, reservations=list(reservation_ids), until=until
    )
    return count


async def release(connection: AsyncConnection, reservation_ids: Sequence[UUID]) -> list[UUID]:
    """Void reservations; give the lots whose free units changed."""
    lots: list[UUID] = await calls.value(
        connection, calls.RELEASE, reservations=list(reservation_ids)
    )
    return lots


async def expire_due(connection: AsyncConnection, limit: int) -> list[tuple[UUID, UUID]]:
    """End reservations whose time came; give their lots and groups."""
    rows = await calls.rows(connection, calls.EXPIRE_DUE, limit=limit)
    return [(row.lot_id, row.group_id) for row in rows]


async def available(
    connection: AsyncConnection, lot_ids: Sequence[UUID], holder_id: UUID | None
) -> dict[UUID, int]:
    """Count the free units of lots; unknown lots are absent."""
    rows = await calls.rows(connection, calls.AVAILABLE, lots=list(lot_ids), holder=holder_id)
    return {row.lot_id: row.units for row in rows}


async def prepare_deal(
    connection: AsyncConnection, reservation_ids: Sequence[UUID]
) -> list[DealInput]:
    """Lock the lots of a deal and read what its entries must name."""
    rows = await calls.rows(connection, calls.PREPARE_DEAL, reservations=list(reservation_ids))
    return [
        DealInput(
            reservation_id=row.reservation_id,
            lot_id=row.lot_id,
            units=Units(row.units_lo, row.units_hi),
            outcome=row.outcome,
            holder_id=row.holder_id,
            buyer_id=row.buyer_id,
            deal_id=row.deal_id,
            holding=None if row.leaf_hash is None else Units(row.holding_lo, row.holding_hi),
            source=None if row.leaf_hash is None else Source(row.leaf_hash, row.out_no),
            declaration_hash=row.declaration_hash,
        )
        for row in rows
    ]


async def post_deal(
    connection: AsyncConnection,
    deal: tuple[UUID, UUID, UUID],
    reservation_ids: Sequence[UUID],
    drafts: Sequence[Draft],
) -> tuple[PostedLine, ...]:
    """Write a deal (`deal` is deal, operator and buyer): all lines or none."""
    deal_id, operator_id, buyer_id = deal
    rows = await calls.rows(
        connection,
        calls.POST_DEAL,
        deal=deal_id,
        operator=operator_id,
        buyer=buyer_id,
        reservations=list(reservation_ids),
        bodies=[draft.body for draft in drafts],
        secrets=secrets(drafts),
    )
    return tuple(_posted(row) for row in rows)


async def deal_lines(connection: AsyncConnection, deal_id: UUID) -> tuple[PostedLine, ...]:
    """Read the lines of a posted deal; none when there is no such deal."""
    rows = await calls.rows(connection, calls.DEAL_LINES, deal=deal_id)
    return tuple(_posted(row) for row in rows)


def _posted(row: Row[Any]) -> PostedLine:
    return PostedLine(
        reservation_id=row.reservation_id,
        lot_id=row.lot_id,
        units=Units(row.units_lo, row.units_hi),
        seller_id=row.seller_id,
        holding_id=row.holding_id,
        purchase_id=row.purchase_id,
        sale_id=row.sale_id,
    )


async def prepare_declaration(
    connection: AsyncConnection, reservation_ids: Sequence[UUID]
) -> list[DeclarationInput]:
    """Read what declarations over reserved units must name."""
    rows = await calls.rows(
        connection, calls.PREPARE_DECLARATION, reservations=list(reservation_ids)
    )
    return [
        DeclarationInput(
            lot_id=row.lot_id,
            units=Units(row.units_lo, row.units_hi),
            holder_id=row.holder_id,
            source=Source(row.leaf_hash, row.out_no),
            declaration_id=row.declaration_id,
        )
        for row in rows
    ]


async def attach_declarations(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    """Write declarations."""
    await calls.value(
        connection,
        calls.ATTACH_DECLARATION,
        bodies=[draft.body for draft in drafts],
        secrets=secrets(drafts),
    )


async def pieces(connection: AsyncConnection, lot_id: UUID, units: Units) -> tuple[Holding, ...]:
    """Lock a lot and give the live holdings that overlap some units, as far as the caller may see them."""
    rows = await calls.rows(connection, calls.PIECES, lot=lot_id, lo=units.lo, hi=units.hi)
    return tuple(holding_of(row) for row in rows)


async def move(
    connection: AsyncConnection, statement: TextClause, lot_id: UUID, units: Units, draft: Draft
) -> UUID:
    """Retire or reverse (`statement` says which); give the holding that was made."""
    holding: UUID = await calls.value(
        connection,
        statement,
        lot=lot_id,
        lo=units.lo,
        hi=units.hi,
        body=draft.body,
        secrets=secrets([draft]),
    )
    return holding


async def place_holds(
    connection: AsyncConnection,
    lot_id: UUID,
    placed: tuple[str, UUID | None],
    holds: Mapping[UUID, Draft],
) -> None:
    """Write freezes (`placed` is reason and member), one per holding they cover."""
    drafts = list(holds.values())
    await calls.value(
        connection,
        calls.PLACE_HOLD,
        lot=lot_id,
        holds=list(holds),
        reason=placed[0],
        placed_by=placed[1],
        bodies=[draft.body for draft in drafts],
        secrets=secrets(drafts),
    )


async def lift_hold(
    connection: AsyncConnection, hold_id: UUID, lifted_by: UUID | None, draft: Draft
) -> None:
    """Write the end of a freeze."""
    await calls.value(
        connection,
        calls.LIFT_HOLD,
        hold=hold_id,
        lifted_by=lifted_by,
        body=draft.body,
        secrets=secrets([draft]),
    )


async def note(connection: AsyncConnection, kinds: Sequence[str], drafts: Sequence[Draft]) -> None:
    """Write entries that move nothing."""
    await calls.value(
        connection,
        calls.NOTE,
        kinds=list(kinds),
        bodies=[draft.body for draft in drafts],
        secrets=secrets(drafts),
    )
