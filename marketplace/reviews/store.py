"""Reviews as rows."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.licensing.eligibility.findings import Finding
from marketplace.reviews.domain import FindingDecision, Review, State
from marketplace.reviews.tables import reviews

_ADD: Final = insert(reviews)
_SAVE: Final = update(reviews).where(reviews.c.id == bindparam("wanted_id"))
_LOAD: Final = select(reviews).where(reviews.c.id == bindparam("wanted_id"))
_LOAD_LOCKED: Final = _LOAD.with_for_update(key_share=True)
_OPEN_OF: Final = (
    select(reviews)
    .where(reviews.c.listing_id == bindparam("listing"), reviews.c.state == State.OPEN.value)
    .with_for_update(key_share=True)
)


async def add(connection: AsyncConnection, review: Review) -> None:
    """Store a new review."""
    await connection.execute(_ADD, _to_row(review))


async def save(connection: AsyncConnection, review: Review) -> None:
    """Store a changed review whose row this transaction has locked."""
    row = _to_row(review)
    row["wanted_id"] = row.pop("id")
    await connection.execute(_SAVE, row)


async def find(
    connection: AsyncConnection, review_id: UUID, *, lock: bool = False
) -> Review | None:
    """Load a review; `lock` keeps others from deciding it until the commit."""
    statement = _LOAD_LOCKED if lock else _LOAD
    row = (await connection.execute(statement, {"wanted_id": review_id})).first()
    return None if row is None else _to_review(row)


async def lock_open_of(connection: AsyncConnection, listing_id: UUID) -> list[Review]:
    """Load and lock the open reviews of a listing."""
    rows = await connection.execute(_OPEN_OF, {"listing": listing_id})
    return [_to_review(row) for row in rows]


async def list_page(
    connection: AsyncConnection, state: State | None, after: UUID | None, limit: int
) -> list[Review]:
    """Load up to `limit` reviews behind `after`, oldest first: who waits longest is served first."""
    wanted = select(reviews).order_by(reviews.c.id).limit(limit)
    if state is not None:
        wanted = wanted.where(reviews.c.state == state.value)
    if after is not None:
        wanted = wanted.where(reviews.c.id > after)
    return [_to_review(row) for row in await connection.execute(wanted)]


def _to_row(review: Review) -> dict[str, Any]:
    return msgspec.structs.asdict(review) | {
        "state": review.state.value,
        "decisions": msgspec.to_builtins(review.decisions),
        "findings": msgspec.to_builtins(review.findings),
    }


def _to_review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        listing_id=row.listing_id,
        submission_id=row.submission_id,
        company_id=row.company_id,
        state=State(row.state),
        version=row.version,
        opened_at=row.opened_at,
        reasons=row.reasons,
        decisions=msgspec.convert(row.decisions, tuple[FindingDecision, ...]),
        findings=msgspec.convert(row.findings, tuple[Finding, ...]),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
