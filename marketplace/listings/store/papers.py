"""What was submitted, and the papers: rows that only grow."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, exists, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.licensing.eligibility.findings import Finding
from marketplace.licensing.eligibility.positions import EvidenceKind, SourcePosition
from marketplace.listings.domain.listing import Evidence, Submission
from marketplace.listings.tables import evidence, submissions

_INSERT_SUBMISSION: Final = insert(submissions)
_LOAD_SUBMISSION: Final = select(submissions).where(submissions.c.id == bindparam("wanted_id"))
_ADD_EVIDENCE: Final = (
    upsert(evidence)
    .on_conflict_do_nothing(index_elements=["listing_id", "kind", "sha256"])
    .returning(evidence.c.id)
)
_SAME_EVIDENCE: Final = select(evidence).where(
    evidence.c.listing_id == bindparam("listing"),
    evidence.c.kind == bindparam("kind"),
    evidence.c.sha256 == bindparam("sha256"),
)
_EVIDENCE_OF: Final = (
    select(evidence).where(evidence.c.listing_id == bindparam("listing")).order_by(evidence.c.id)
)
_LOAD_EVIDENCE: Final = select(evidence).where(
    evidence.c.id == bindparam("wanted_id"), evidence.c.listing_id == bindparam("listing")
)

_NAMES_FILE: Final = select(exists().where(evidence.c.sha256 == bindparam("sha256")))


async def add_submission(
    connection: AsyncConnection, submission: Submission, company_id: UUID
) -> None:
    """Keep what was submitted, for good."""
    row = msgspec.structs.asdict(submission)
    row["company_id"] = company_id
    row["position"] = msgspec.to_builtins(submission.position)
    row["findings"] = msgspec.to_builtins(submission.findings)
    await connection.execute(_INSERT_SUBMISSION, row)


async def find_submission(connection: AsyncConnection, submission_id: UUID) -> Submission | None:
    """Load a submission that the caller may see."""
    row = (await connection.execute(_LOAD_SUBMISSION, {"wanted_id": submission_id})).first()
    if row is None:
        return None
    return Submission(
        id=row.id,
        listing_id=row.listing_id,
        position=msgspec.convert(row.position, SourcePosition),
        findings=msgspec.convert(row.findings, tuple[Finding, ...]),
        rule_set_version=row.rule_set_version,
        submitted_at=row.submitted_at,
    )


async def add_evidence(connection: AsyncConnection, paper: Evidence) -> tuple[Evidence, bool]:
    """Store a paper; when the listing has the same file of the same kind, give that one and False."""
    row = msgspec.structs.asdict(paper) | {"kind": paper.kind.value}
    if (await connection.execute(_ADD_EVIDENCE, row)).first() is not None:
        return paper, True
    given = {"listing": paper.listing_id, "kind": paper.kind.value, "sha256": paper.sha256}
    return _to_evidence((await connection.execute(_SAME_EVIDENCE, given)).one()), False


async def list_evidence(connection: AsyncConnection, listing_id: UUID) -> list[Evidence]:
    """Load the papers of a listing, oldest first."""
    rows = await connection.execute(_EVIDENCE_OF, {"listing": listing_id})
    return [_to_evidence(row) for row in rows]


async def find_evidence(
    connection: AsyncConnection, listing_id: UUID, evidence_id: UUID
) -> Evidence | None:
    """Load one paper of a listing."""
    given = {"wanted_id": evidence_id, "listing": listing_id}
    row = (await connection.execute(_LOAD_EVIDENCE, given)).first()
    return None if row is None else _to_evidence(row)


async def names_file(connection: AsyncConnection, sha256: str) -> bool:
    """Say whether any paper is this file."""
    return bool(await connection.scalar(_NAMES_FILE, {"sha256": sha256}))


def _to_evidence(row: Row[Any]) -> Evidence:
    return Evidence(
        id=row.id,
        listing_id=row.listing_id,
        company_id=row.company_id,
        kind=EvidenceKind(row.kind),
        file_name=row.file_name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        uploaded_at=row.uploaded_at,
    )
