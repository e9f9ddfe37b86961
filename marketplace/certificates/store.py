"""Rows to values and back: the only place that knows this stage's tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.certificates.domain.certificate import Certificate, Paper, Status
from marketplace.certificates.tables import certificate_ends, certificate_papers, certificates
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window

_PAPERS: Final = (
    select(
        func.json_agg(
            func.json_build_array(
                certificate_papers.c.language,
                certificate_papers.c.audience,
                certificate_papers.c.template_version,
                certificate_papers.c.sha256,
            )
        )
    )
    .where(certificate_papers.c.certificate_id == certificates.c.id)
    .scalar_subquery()
    .label("papers")
)
_SELECT: Final = select(
    certificates,
    certificate_ends.c.status,
    certificate_ends.c.reason,
    _PAPERS,
).select_from(
    certificates.outerjoin(certificate_ends, certificate_ends.c.certificate_id == certificates.c.id)
)
_ONE: Final = _SELECT.where(certificates.c.id == bindparam("certificate_id"))
_INSERT: Final = insert(certificates)
_INSERT_END: Final = insert(certificate_ends)
_INSERT_PAPER: Final = upsert(certificate_papers).on_conflict_do_nothing()
_BY_CODE: Final = text("SELECT * FROM certificate_by_code(:code)")


class Sight(msgspec.Struct, frozen=True):
    """Whose certificates a company may see: its own, and those of companies that let it."""

    company_id: UUID
    givers: tuple[UUID, ...]


async def insert_certificates(connection: AsyncConnection, new: Sequence[Certificate]) -> None:
    """Store new certificates with their frozen facts."""
    await connection.execute(
        _INSERT,
        [
            {
                "id": certificate.id,
                "number": certificate.number,
                "code": certificate.code,
                "transfer_id": certificate.transfer_id,
                "order_id": certificate.order_id,
                "holder_id": certificate.holder_id,
                "seller_id": certificate.seller_id,
                "lot_id": certificate.lot_id,
                "facts": CERTIFICATE.write(certificate.facts),
                "issued_at": certificate.issued_at,
            }
            for certificate in new
        ],
    )


async def select_certificate(
    connection: AsyncConnection, certificate_id: UUID
) -> Certificate | None:
    """Load one certificate that the caller may see, or None."""
    row = (await connection.execute(_ONE, {"certificate_id": certificate_id})).one_or_none()
    return None if row is None else _certificate(row)


async def select_page(
    connection: AsyncConnection, sight: Sight | None, window: Window
) -> list[Certificate]:
    """Load one row more than a window of what the caller may see, newest first; None sees all.

    Row security decides; the sight only lets the database find the few rows of one company by index.
    """
    query = _SELECT
    if sight is not None:
        query = query.where(
            or_(
                certificates.c.holder_id.in_((sight.company_id, *sight.givers)),
                certificates.c.seller_id == sight.company_id,
            )
        )
    statement = newest_first(query, certificates.c.id, window)
    return [_certificate(row) for row in await connection.execute(statement)]


async def select_by_code(connection: AsyncConnection, code: str) -> Any | None:
    """Look a code up for anybody: id, facts, status, reason; or None."""
    return (await connection.execute(_BY_CODE, {"code": code})).one_or_none()


async def insert_end(
    connection: AsyncConnection, certificate: Certificate, ended_at: datetime
) -> None:
    """Record that a certificate was superseded or revoked."""
    await connection.execute(
        _INSERT_END,
        {
            "certificate_id": certificate.id,
            "status": certificate.status.value,
            "reason": certificate.status_reason,
            "ended_at": ended_at,
        },
    )


async def insert_papers(
    connection: AsyncConnection,
    certificate_id: UUID,
    papers: Sequence[tuple[Paper, int]],
    rendered_at: datetime,
) -> None:
    """Record printed files with their sizes; a file that was recorded before stays."""
    await connection.execute(
        _INSERT_PAPER,
        [
            {
                "certificate_id": certificate_id,
                "language": paper.language,
                "audience": paper.audience,
                "template_version": paper.template_version,
                "sha256": paper.sha256,
                "size_bytes": size_bytes,
                "rendered_at": rendered_at,
            }
            for paper, size_bytes in papers
        ],
    )


def _certificate(row: Any) -> Certificate:
    return Certificate(
        id=row.id,
        number=row.number,
        code=row.code,
        transfer_id=row.transfer_id,
        order_id=row.order_id,
        holder_id=row.holder_id,
        seller_id=row.seller_id,
        lot_id=row.lot_id,
        facts=CERTIFICATE.read(row.facts),
        issued_at=row.issued_at,
        status=Status(row.status or "issued"),
        status_reason=row.reason,
        papers=tuple(Paper(*parts) for parts in row.papers or ()),
    )
