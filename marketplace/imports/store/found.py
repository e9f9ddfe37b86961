"""Rows to lines and back. Lines are only ever added, and go with their import."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, bindparam, column, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.imports.domain.batch import Import, Outcome
from marketplace.imports.domain.lines import CheckedLine, LineProblem
from marketplace.imports.tables import lines
from marketplace.licensing.eligibility.positions import SourcePosition

PAGE: Final = 1_000
_PROBLEMS: Final = tuple[LineProblem, ...]
_NEW: Final = (
    func.jsonb_to_recordset(bindparam("rows", type_=JSONB))
    .table_valued(
        column("number", lines.c.number.type),
        column("outcome", Text),
        column("product", Text),
        column("quantity", lines.c.quantity.type),
        column("holder", Text),
        column("verdict", Text),
        column("read", JSONB),
        column("position", JSONB),
        column("problems", JSONB),
        column("notes", ARRAY(Text)),
    )
    .render_derived(name="new", with_types=True)
)
_INSERT: Final = insert(lines).from_select(
    ["import_id", "company_id", *(one.name for one in _NEW.c)],
    select(
        bindparam("import_id", type_=lines.c.import_id.type),
        bindparam("company_id", type_=lines.c.company_id.type),
        *_NEW.c,
    ),
)


async def add_all(
    connection: AsyncConnection, batch: Import, checked: Sequence[CheckedLine]
) -> None:
    """Store lines of an import in one statement."""
    rows = [_to_row(line) for line in checked]
    if rows:
        given = {"rows": rows, "import_id": batch.id, "company_id": batch.company_id}
        await connection.execute(_INSERT, given)


async def list_page(
    connection: AsyncConnection,
    import_id: UUID,
    outcomes: Sequence[Outcome],
    after: int,
    most: int,
) -> list[CheckedLine]:
    """Load lines with a number above `after` in the order of the file; no outcomes named means all."""
    query = select(lines).where(lines.c.import_id == import_id, lines.c.number > after)
    if outcomes:
        query = query.where(lines.c.outcome.in_([one.value for one in outcomes]))
    rows = await connection.execute(query.order_by(lines.c.number).limit(most))
    return [_to_line(row) for row in rows]


async def each_page(
    connection: AsyncConnection, import_id: UUID, outcomes: Sequence[Outcome] = ()
) -> AsyncIterator[list[CheckedLine]]:
    """Load all lines, page by page."""
    after = 0
    while page := await list_page(connection, import_id, outcomes, after, PAGE):
        yield page
        after = page[-1].number


def _to_row(line: CheckedLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "outcome": line.outcome.value,
        "product": line.product,
        "quantity": line.quantity,
        "holder": line.holder,
        "verdict": line.verdict,
        "read": line.read,
        "position": line.position,
        "problems": line.problems or None,
        "notes": line.notes,
    }


def _to_line(row: Row[Any]) -> CheckedLine:
    return CheckedLine(
        number=row.number,
        outcome=Outcome(row.outcome),
        read=row.read,
        product=row.product,
        quantity=row.quantity,
        position=None if row.position is None else msgspec.convert(row.position, SourcePosition),
        holder=row.holder,
        verdict=row.verdict,
        problems=() if row.problems is None else msgspec.convert(row.problems, _PROBLEMS),
        notes=tuple(row.notes),
    )
