"""Rows to imports and back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.imports.domain.batch import (
    UNFINISHED,
    Counts,
    FormatFacts,
    Import,
    Kind,
    Refusal,
    State,
)
from marketplace.imports.tables import imports
from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window

_INSERT: Final = insert(imports)
_SELECT: Final = select(imports).where(imports.c.id == bindparam("wanted_id"))
_LOCK: Final = _SELECT.with_for_update(key_share=True)
_DELETE: Final = delete(imports).where(imports.c.id == bindparam("wanted_id"))
_OPEN: Final = [state.value for state in UNFINISHED]
_COUNT_UNFINISHED: Final = (
    select(func.count())
    .select_from(imports)
    .where(imports.c.company_id == bindparam("company"), imports.c.state.in_(_OPEN))
)
_OLD: Final = (
    select(imports.c.id)
    .where(
        imports.c.received_at < bindparam("before"),
        imports.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(imports.c.received_at)
    .limit(bindparam("most"))
)
_COUNTS: Final = Counts.__struct_fields__


async def add(connection: AsyncConnection, batch: Import) -> None:
    """Store a new import."""
    await connection.execute(_INSERT, _to_row(batch))


async def find(
    connection: AsyncConnection, import_id: UUID, *, lock: bool = False
) -> Import | None:
    """Load an import that the caller may see."""
    given = {"wanted_id": import_id}
    row = (await connection.execute(_LOCK if lock else _SELECT, given)).first()
    return None if row is None else _to_import(row)


async def save(connection: AsyncConnection, batch: Import) -> Import:
    """Store what may change of an import; give it with its next version."""
    saved = msgspec.structs.replace(batch, version=batch.version + 1)
    row = _to_row(saved)
    changing = (
        "state",
        "version",
        "normal_sha256",
        "next_chunk",
        "total",
        "done",
        *_COUNTS,
        "facts",
        "refusal",
        "ended_at",
    )
    statement = update(imports).where(imports.c.id == batch.id)
    await connection.execute(statement.values({name: row[name] for name in changing}))
    return saved


async def remove(connection: AsyncConnection, import_id: UUID) -> None:
    """Delete an import with its lines."""
    await connection.execute(_DELETE, {"wanted_id": import_id})


async def list_page(
    connection: AsyncConnection, company_id: UUID | None, window: Window
) -> Sequence[Import]:
    """Load imports, newest first, of one company or of all; one more than asked for."""
    query = select(imports)
    if company_id is not None:
        query = query.where(imports.c.company_id == company_id)
    rows = await connection.execute(newest_first(query, imports.c.id, window))
    return [_to_import(row) for row in rows]


async def count_unfinished(connection: AsyncConnection, company_id: UUID) -> int:
    """Count the imports of a company that are still read or checked."""
    return int(await connection.scalar(_COUNT_UNFINISHED, {"company": company_id}) or 0)


async def find_old(
    connection: AsyncConnection, before: datetime, states: frozenset[State], most: int
) -> list[UUID]:
    """Find imports received before a time and still in one of the states, oldest first."""
    given = {"before": before, "states": [state.value for state in states], "most": most}
    return list(await connection.scalars(_OLD, given))


def _to_row(batch: Import) -> dict[str, Any]:
    row = msgspec.structs.asdict(batch)
    counts: Counts = row.pop("counts")
    return row | {
        **msgspec.structs.asdict(counts),
        "kind": batch.kind.value,
        "state": batch.state.value,
        "facts": None if batch.facts is None else msgspec.to_builtins(batch.facts),
        "refusal": None if batch.refusal is None else msgspec.to_builtins(batch.refusal),
    }


def _to_import(row: Row[Any]) -> Import:
    fields = dict(row._mapping)  # noqa: SLF001 - the documented way to the columns of a row
    counts = Counts(*(fields.pop(name) for name in _COUNTS))
    fields |= {
        "kind": Kind(row.kind),
        "state": State(row.state),
        "facts": None if row.facts is None else msgspec.convert(row.facts, FormatFacts),
        "refusal": None if row.refusal is None else msgspec.convert(row.refusal, Refusal),
    }
    return Import(**fields, counts=counts)
