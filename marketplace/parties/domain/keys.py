"""API keys: what they open, how long, and how one follows another."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Forbidden, Malformed

ROTATION_OVERLAP: Final = timedelta(hours=24)
"""How long a rotated key still works when the caller names no time."""
ROTATION_OVERLAP_MAX: Final = timedelta(days=30)
KEY_LIFE_MAX: Final = timedelta(days=5 * 366)


class KeyState(StrEnum):
    """Whether an API key opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's credential. Only its hash is stored; `hint` are the first characters, to tell keys apart."""

    id: UUID
    company_id: UUID
    name: str
    hint: str
    scopes: frozenset[str]
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: UUID | None = None
    last_used_at: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        """Tell whether the key works at `now`."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


def check_key_scopes(wanted: Collection[str], own: Collection[str]) -> frozenset[str]:
    """Give the scopes of a new key; nobody can hand out more than they have."""
    missing = sorted(set(wanted) - set(own))
    if missing:
        raise Forbidden(
            "key.scope_exceeded",
            f"You cannot give what you do not have: {', '.join(missing)}.",
            FieldProblem("/scopes", f"not yours to give: {', '.join(missing)}"),
        )
    return frozenset(wanted)


def check_until(
    moment: datetime, now: datetime, longest: timedelta, pointer: str = "/expires_at"
) -> datetime:
    """Give a moment that lies ahead, at most `longest` from now; raise `Malformed("time.out_of_range")`."""
    if not now < moment <= now + longest:
        detail = f"It must lie ahead, and at most {longest.days} days."
        raise Malformed("time.out_of_range", detail, FieldProblem(pointer, detail))
    return moment


def rotate_key(
    old: ApiKey, new_id: UUID, now: datetime, old_valid_until: datetime | None
) -> ApiKey:
    """Give the old key as it is after a rotation: replaced, and valid until the given time at the latest."""
    if old.state(now) is not KeyState.ACTIVE:
        raise Conflict("key.not_active", "This key is revoked or expired; make a new one instead.")
    if old.replaced_by is not None:
        raise Conflict("key.already_rotated", "This key was rotated before; rotate its successor.")
    if old_valid_until is None:
        old_valid_until = now + ROTATION_OVERLAP
    elif not now <= old_valid_until <= now + ROTATION_OVERLAP_MAX:
        detail = (
            f"The old key can stay valid for at most {ROTATION_OVERLAP_MAX.days} days from now."
        )
        raise Malformed("time.out_of_range", detail, FieldProblem("/old_valid_until", detail))
    ends_at = old_valid_until if old.expires_at is None else min(old.expires_at, old_valid_until)
    return msgspec.structs.replace(old, expires_at=ends_at, replaced_by=new_id)
