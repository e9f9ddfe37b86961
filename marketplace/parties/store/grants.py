"""Rows of grants."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import DateTime, Row, Uuid, any_, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.parties.domain import Grant
from marketplace.parties.tables import grants


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to see which certificate of whom, and when."""

    partner_id: UUID
    owner_id: UUID
    certificate_id: UUID
    now: datetime


_COVERING_GRANT: Final = (
    select(grants)
    .limit(1)
    .where(
        grants.c.partner_company_id == bindparam("partner_id", type_=Uuid),
        grants.c.company_id == bindparam("owner_id", type_=Uuid),
        grants.c.revoked_at.is_(None),
        grants.c.expires_at > bindparam("now", type_=DateTime(timezone=True)),
        or_(
            grants.c.all_certificates,
            bindparam("certificate_id", type_=Uuid) == any_(grants.c.certificate_ids),
        ),
    )
)


_GIVERS: Final = (
    select(grants.c.company_id)
    .distinct()
    .where(
        grants.c.partner_company_id == bindparam("partner_id", type_=Uuid),
        grants.c.revoked_at.is_(None),
        grants.c.expires_at > bindparam("now", type_=DateTime(timezone=True)),
    )
)


async def insert_grant(connection: AsyncConnection, grant: Grant) -> None:
    """Store a new grant."""
    row = msgspec.structs.asdict(grant) | {"certificate_ids": list(grant.certificate_ids)}
    await connection.execute(insert(grants), row)


async def find_grant(connection: AsyncConnection, grant_id: UUID) -> Grant | None:
    """Read a grant that the caller gave or received."""
    row = (await connection.execute(select(grants).where(grants.c.id == grant_id))).first()
    return _grant(row) if row is not None else None


async def lock_grant(connection: AsyncConnection, company_id: UUID, grant_id: UUID) -> Grant | None:
    """Read a grant that a company gave and keep others from changing it until the end."""
    query = select(grants).where(grants.c.id == grant_id, grants.c.company_id == company_id)
    row = (await connection.execute(query.with_for_update(key_share=True))).first()
    return _grant(row) if row is not None else None


async def list_grants(
    connection: AsyncConnection, company_id: UUID, window: Window, *, received: bool
) -> list[Grant]:
    """List the grants that a company gave, or received as a partner."""
    side = grants.c.partner_company_id if received else grants.c.company_id
    query = select(grants).where(side == company_id)
    rows = await connection.execute(newest_first(query, grants.c.id, window))
    return [_grant(row) for row in rows]


async def save_grant(connection: AsyncConnection, grant: Grant) -> None:
    """Store the end of a grant."""
    await connection.execute(
        update(grants).where(grants.c.id == grant.id).values(revoked_at=grant.revoked_at)
    )


async def find_covering_grant(connection: AsyncConnection, sight: Sight) -> Grant | None:
    """Read a live grant that allows a sight."""
    row = (await connection.execute(_COVERING_GRANT, msgspec.structs.asdict(sight))).first()
    return _grant(row) if row is not None else None


async def find_givers(
    connection: AsyncConnection, partner_id: UUID, now: datetime
) -> tuple[UUID, ...]:
    """Read which companies let a partner see certificates now."""
    found = await connection.execute(_GIVERS, {"partner_id": partner_id, "now": now})
    return tuple(found.scalars())


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        id=row.id,
        company_id=row.company_id,
        partner_company_id=row.partner_company_id,
        all_certificates=row.all_certificates,
        certificate_ids=tuple(row.certificate_ids),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
