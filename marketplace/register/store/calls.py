"""The register's database functions as statements, and their refusals as typed errors.

Everything that writes is one SQL function per use case: it locks, decides by database time, writes and
checks in one round trip. Its refusals carry SQLSTATEs of class CS, whose digits are the HTTP status.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Row, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import DateTime, Integer, LargeBinary, Text, TypeEngine, Uuid

from marketplace.kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Locked,
    Malformed,
    NotFound,
    Unavailable,
)

_REFUSALS: Final[Mapping[str, type[DomainError]]] = {
    "CS403": Forbidden,
    "CS404": NotFound,
    "CS409": Conflict,
    "CS410": Gone,
    "CS422": Malformed,
    "CS423": Locked,
}
"""CS500 is missing on purpose: a guard that speaks is a defect of ours, and answers as one."""
_BUSY: Final = frozenset({"40P01", "55P03"})
"""Deadlock (none is expected: locks are taken in order) and lock timeout."""
_UNIQUE_VIOLATION: Final = "23505"


@asynccontextmanager
async def refusals() -> AsyncIterator[None]:
    """Turn what the register refuses into the errors the house knows."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in _BUSY:
            raise Unavailable(
                "register.busy", "The lot is busy; send the request again."
            ) from error
        if state == _UNIQUE_VIOLATION:
            raise Conflict("entry.id_reused", "This id is taken; make a new one.") from error
        refusal = _REFUSALS.get(state or "")
        if refusal is None:
            raise
        said: Any = error.orig.__cause__ if error.orig else None
        raise refusal(said.message, said.detail) from error


async def rows(
    connection: AsyncConnection, statement: TextClause, **values: Any
) -> Sequence[Row[Any]]:
    """Run a statement that gives rows."""
    async with refusals():
        return (await connection.execute(statement, values)).all()


async def value(connection: AsyncConnection, statement: TextClause, **values: Any) -> Any:
    """Run a statement that gives one value."""
    async with refusals():
        return (await connection.execute(statement, values)).scalar_one()


def _call(sql: str, **types: TypeEngine[Any]) -> TextClause:
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in types.items()))


_UUIDS: Final = ARRAY(Uuid)
_INTS: Final = ARRAY(Integer)
_BODIES: Final = ARRAY(LargeBinary)
_MOMENT: Final = DateTime(timezone=True)

OPEN_LOT: Final = _call(
    "SELECT title_open_lot(:lot, :owner, :body, :secrets)",
    lot=Uuid(),
    owner=Uuid(),
    body=LargeBinary(),
    secrets=JSONB(),
)
RESERVE: Final = _call(
    "SELECT * FROM title_reserve(:group, :buyer, :until, :lots, :holders, :quantities, :steps)",
    group=Uuid(),
    buyer=Uuid(),
    until=_MOMENT,
    lots=_UUIDS,
    holders=_UUIDS,
    quantities=_INTS,
    steps=_INTS,
)
EXTEND: Final = _call(
    "SELECT title_extend_reservation(:reservations, :until)", reservations=_UUIDS, until=_MOMENT
)
RELEASE: Final = _call("SELECT title_end_reservation(:reservations)", reservations=_UUIDS)
EXPIRE_DUE: Final = _call("SELECT * FROM title_expire_due(:limit)", limit=Integer())
AVAILABLE: Final = _call(
    "SELECT * FROM title_available(:lots, :holder)", lots=_UUIDS, holder=Uuid()
)
PREPARE_DEAL: Final = _call("SELECT * FROM title_prepare_deal(:reservations)", reservations=_UUIDS)
POST_DEAL: Final = _call(
    "SELECT * FROM title_post_deal(:deal, :operator, :buyer, :reservations, :bodies, :secrets)",
    deal=Uuid(),
    operator=Uuid(),
    buyer=Uuid(),
    reservations=_UUIDS,
    bodies=_BODIES,
    secrets=JSONB(),
)
DEAL_LINES: Final = _call("SELECT * FROM title_deal_lines(:deal)", deal=Uuid())
PREPARE_DECLARATION: Final = _call(
    "SELECT * FROM title_prepare_declaration(:reservations)", reservations=_UUIDS
)
ATTACH_DECLARATION: Final = _call(
    "SELECT title_attach_declaration(:bodies, :secrets)", bodies=_BODIES, secrets=JSONB()
)
PIECES: Final = _call(
    "SELECT * FROM title_pieces(:lot, :lo, :hi)", lot=Uuid(), lo=Integer(), hi=Integer()
)
RETIRE: Final = _call(
    "SELECT title_retire(:lot, :lo, :hi, :body, :secrets)",
    lot=Uuid(),
    lo=Integer(),
    hi=Integer(),
    body=LargeBinary(),
    secrets=JSONB(),
)
REVERSE: Final = _call(
    "SELECT title_reverse(:lot, :lo, :hi, :body, :secrets)",
    lot=Uuid(),
    lo=Integer(),
    hi=Integer(),
    body=LargeBinary(),
    secrets=JSONB(),
)
PLACE_HOLD: Final = _call(
    "SELECT title_place_hold(:lot, :holds, :reason, :placed_by, :bodies, :secrets)",
    lot=Uuid(),
    holds=_UUIDS,
    reason=Text(),
    placed_by=Uuid(),
    bodies=_BODIES,
    secrets=JSONB(),
)
LIFT_HOLD: Final = _call(
    "SELECT title_lift_hold(:hold, :lifted_by, :body, :secrets)",
    hold=Uuid(),
    lifted_by=Uuid(),
    body=LargeBinary(),
    secrets=JSONB(),
)
NOTE: Final = _call(
    "SELECT title_note(:kinds, :bodies, :secrets)",
    kinds=ARRAY(Text),
    bodies=_BODIES,
    secrets=JSONB(),
)
CHAIN: Final = _call("SELECT * FROM title_chain(:holding)", holding=Uuid())
