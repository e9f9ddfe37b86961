"""API keys: a secret for a machine, scoped, shown once, rotated with overlap."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.parties import domain, store
from marketplace.parties.domain import KEY_LIFE_MAX, ApiKey
from marketplace.parties.service.sessions import KEY_PREFIX, hash_token, new_token

_HINT_LENGTH: Final = len(KEY_PREFIX) + 4


class IssuedKey(msgspec.Struct, frozen=True):
    """A key and its secret, which exists nowhere else afterwards."""

    key: ApiKey
    secret: str


async def create_key(
    work: Work, name: str, scopes: frozenset[str], expires_at: datetime | None
) -> IssuedKey:
    """Make a key for the caller's company with some of the caller's own scopes."""
    domain.check_key_scopes(scopes, work.principal.scopes)
    if expires_at is not None:
        domain.check_until(expires_at, work.now, KEY_LIFE_MAX)
    issued = await _issue(work, name.strip(), scopes, expires_at)
    work.audit("key.created", format_id("key", issued.key.id), " ".join(sorted(scopes)))
    return issued


async def rotate_key(
    work: Work, key_id: UUID, old_valid_until: datetime | None, expires_at: datetime | None
) -> IssuedKey:
    """Make a successor with the same name and scopes; the old key works until the given time."""
    old = await store.lock_key(work.connection, work.principal.company, key_id)
    if old is None:
        raise _unknown()
    domain.check_key_scopes(old.scopes, work.principal.scopes)
    if expires_at is not None:
        domain.check_until(expires_at, work.now, KEY_LIFE_MAX)
    new_id = work.new_id()
    ending = domain.rotate_key(old, new_id, work.now, old_valid_until)
    issued = await _issue(work, old.name, old.scopes, expires_at, new_id)
    await store.save_key(work.connection, ending)
    work.audit("key.rotated", format_id("key", key_id), format_id("key", issued.key.id))
    return issued


async def revoke_key(work: Work, key_id: UUID) -> None:
    """End a key now; ending it twice changes nothing."""
    key = await store.lock_key(work.connection, work.principal.company, key_id)
    if key is None:
        raise _unknown()
    if key.revoked_at is None:
        await store.save_key(work.connection, msgspec.structs.replace(key, revoked_at=work.now))
        work.audit("key.revoked", format_id("key", key_id))


async def load_key(work: Work, key_id: UUID) -> ApiKey:
    """Give a key of the caller's company, without its secret."""
    key = await store.find_key(work.connection, work.principal.company, key_id)
    if key is None:
        raise _unknown()
    return key


async def list_keys(work: Work, window: Window) -> Page[ApiKey]:
    """List the keys of the caller's company, also those that ended, newest first."""
    rows = await store.list_keys(work.connection, work.principal.company, window)
    return page_of(rows, window.limit, lambda key: (str(key.id),))


async def _issue(
    work: Work,
    name: str,
    scopes: frozenset[str],
    expires_at: datetime | None,
    key_id: UUID | None = None,
) -> IssuedKey:
    secret = new_token(work, KEY_PREFIX)
    key = ApiKey(
        id=key_id or work.new_id(),
        company_id=work.principal.company,
        name=name,
        hint=secret[:_HINT_LENGTH],
        scopes=scopes,
        created_by=work.principal.member_id,
        created_at=work.now,
        expires_at=expires_at,
    )
    await store.insert_key(work.connection, key, hash_token(secret))
    return IssuedKey(key, secret)


def _unknown() -> NotFound:
    return NotFound("key.unknown", "There is no such API key in your company.")
