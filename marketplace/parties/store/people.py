"""Rows of members and their sessions, and the function that opens a request."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    Row,
    Uuid,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_unless_known
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.parties.domain import Member, Session
from marketplace.parties.tables import members, sessions


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What the database found behind a token."""

    credential_kind: str
    credential_id: UUID
    company_id: UUID
    company_kind: str
    member_id: UUID | None
    roles: list[str] | None
    scopes: list[str] | None
    verified: bool


class Login(msgspec.Struct, frozen=True):
    """A member as log-in needs it."""

    member: Member
    password_hash: str


# Runs in every request, so it goes to the driver as it is: half the CPU of a statement that SQLAlchemy builds.
_OPEN_SESSION: Final = """
SELECT credential_kind, credential_id, company_id, company_kind, member_id, roles, scopes, verified
FROM open_session($1, $2)
"""

_LOGIN: Final = select(members).where(
    members.c.email == bindparam("email"), members.c.removed_at.is_(None)
)
_MEMBER: Final = select(members).where(
    members.c.id == bindparam("member_id", type_=Uuid), members.c.removed_at.is_(None)
)


async def open_session(
    connection: AsyncConnection, token_hash: bytes, now: datetime
) -> Opened | None:
    """Find the holder of a token and set the transaction's row security scope, in one statement."""
    found = await connection.exec_driver_sql(_OPEN_SESSION, (token_hash, now))
    row = found.mappings().first()
    return Opened(**row) if row is not None else None


async def insert_member(connection: AsyncConnection, member: Member, password_hash: str) -> bool:
    """Store a new member; False when the e-mail address is taken, by whichever company."""
    statement = (
        insert_unless_known(members)
        .values(
            **msgspec.structs.asdict(member) | {"roles": sorted(member.roles)},
            password_hash=password_hash,
        )
        .on_conflict_do_nothing()
    )
    return (await connection.execute(statement)).rowcount == 1


async def save_member(connection: AsyncConnection, member: Member) -> None:
    """Store a changed member."""
    await connection.execute(
        update(members)
        .where(members.c.id == member.id)
        .values(
            name=member.name,
            roles=sorted(member.roles),
            removed_at=member.removed_at,
            version=member.version,
        )
    )


async def save_password(connection: AsyncConnection, member_id: UUID, password_hash: str) -> None:
    """Store a new password hash."""
    await connection.execute(
        update(members).where(members.c.id == member_id).values(password_hash=password_hash)
    )


async def find_login_by_email(connection: AsyncConnection, email: str) -> Login | None:
    """Find a present member by e-mail address."""
    row = (await connection.execute(_LOGIN, {"email": email})).first()
    return Login(_member(row), row.password_hash) if row is not None else None


async def find_login(connection: AsyncConnection, member_id: UUID) -> Login | None:
    """Find a present member by id, with the password hash."""
    row = (await connection.execute(_MEMBER, {"member_id": member_id})).first()
    return Login(_member(row), row.password_hash) if row is not None else None


async def list_members(
    connection: AsyncConnection, company_id: UUID, window: Window
) -> list[Member]:
    """List the present members of a company."""
    query = select(members).where(
        members.c.company_id == company_id, members.c.removed_at.is_(None)
    )
    rows = await connection.execute(newest_first(query, members.c.id, window))
    return [_member(row) for row in rows]


async def load_members(connection: AsyncConnection, company_id: UUID) -> list[Member]:
    """Read all present members of a company."""
    query = select(members).where(
        members.c.company_id == company_id, members.c.removed_at.is_(None)
    )
    return [_member(row) for row in await connection.execute(query)]


async def insert_session(connection: AsyncConnection, session: Session, token_hash: bytes) -> None:
    """Store a log-in."""
    row = msgspec.structs.asdict(session) | {"token_hash": token_hash}
    await connection.execute(insert(sessions), row)


async def end_session(connection: AsyncConnection, session_id: UUID, now: datetime) -> None:
    """End one session."""
    await connection.execute(
        update(sessions).where(sessions.c.id == session_id).values(ended_at=now)
    )


async def end_member_sessions(
    connection: AsyncConnection, member_id: UUID, now: datetime, *, but: UUID | None = None
) -> None:
    """End all open sessions of a member, except `but`."""
    statement = update(sessions).where(
        sessions.c.member_id == member_id, sessions.c.ended_at.is_(None)
    )
    if but is not None:
        statement = statement.where(sessions.c.id != but)
    await connection.execute(statement.values(ended_at=now))


async def delete_sessions(connection: AsyncConnection, before: datetime) -> int:
    """Forget sessions that expired before a time; give how many."""
    return (
        await connection.execute(delete(sessions).where(sessions.c.expires_at < before))
    ).rowcount


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        company_id=row.company_id,
        name=row.name,
        email=row.email,
        roles=frozenset(row.roles),
        created_at=row.created_at,
        removed_at=row.removed_at,
        version=row.version,
    )
