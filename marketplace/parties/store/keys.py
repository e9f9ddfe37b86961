"""Rows of API keys and of their last use."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.parties.domain import ApiKey
from marketplace.parties.tables import api_key_uses, api_keys

_KEYS: Final = select(api_keys, api_key_uses.c.last_used_at).join(
    api_key_uses, api_key_uses.c.key_id == api_keys.c.id
)


async def insert_key(connection: AsyncConnection, key: ApiKey, token_hash: bytes) -> None:
    """Store a new API key."""
    row = msgspec.structs.asdict(key) | {"scopes": sorted(key.scopes), "token_hash": token_hash}
    row.pop("last_used_at")
    await connection.execute(insert(api_keys), row)
    await connection.execute(insert(api_key_uses), {"key_id": key.id, "company_id": key.company_id})


async def lock_key(connection: AsyncConnection, company_id: UUID, key_id: UUID) -> ApiKey | None:
    """Read a key of a company and keep others from changing it until the end."""
    query = _KEYS.where(api_keys.c.id == key_id, api_keys.c.company_id == company_id)
    row = (await connection.execute(query.with_for_update(of=api_keys, key_share=True))).first()
    return _key(row) if row is not None else None


async def find_key(connection: AsyncConnection, company_id: UUID, key_id: UUID) -> ApiKey | None:
    """Read a key of a company."""
    query = _KEYS.where(api_keys.c.id == key_id, api_keys.c.company_id == company_id)
    row = (await connection.execute(query)).first()
    return _key(row) if row is not None else None


async def list_keys(connection: AsyncConnection, company_id: UUID, window: Window) -> list[ApiKey]:
    """List the keys of a company, also those that ended."""
    query = _KEYS.where(api_keys.c.company_id == company_id)
    rows = await connection.execute(newest_first(query, api_keys.c.id, window))
    return [_key(row) for row in rows]


async def save_key(connection: AsyncConnection, key: ApiKey) -> None:
    """Store how a key ends."""
    await connection.execute(
        update(api_keys)
        .where(api_keys.c.id == key.id)
        .values(expires_at=key.expires_at, revoked_at=key.revoked_at, replaced_by=key.replaced_by)
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        company_id=row.company_id,
        name=row.name,
        hint=row.hint,
        scopes=frozenset(row.scopes),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
        last_used_at=row.last_used_at,
    )
