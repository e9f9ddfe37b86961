"""People who act for a company, what their roles allow, and their log-ins."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from marketplace.parties.domain.companies import CompanyKind

SESSION_LIFE: Final = timedelta(hours=12)
"""A working day; afterwards the password is asked again."""
PASSWORD_LENGTHS: Final = range(12, 129)


class Role(StrEnum):
    """What a member may do in its company."""

    OWNER = "owner"
    TRADER = "trader"
    SIGNATORY = "signatory"
    VIEWER = "viewer"


class StaffRole(StrEnum):
    """What a member of the operator's company may do."""

    REVIEWER = "reviewer"
    FINANCE = "finance"
    ADMIN = "admin"


_READS: Final = frozenset(
    {
        "company:read",
        "listings:read",
        "quotes:read",
        "orders:read",
        "transfers:read",
        "certificates:read",
        "valuations:read",
        "needs:read",
        "imports:read",
    }
)
_TRADES: Final = frozenset(
    {"listings:write", "quotes:write", "valuations:write", "needs:write", "imports:write"}
)
_SIGNS: Final = frozenset({"transfers:sign"})

SCOPES_OF_ROLE: Final[dict[str, frozenset[str]]] = {
    Role.OWNER: _READS | _TRADES | _SIGNS | {"company:write"},
    Role.TRADER: _READS | _TRADES,
    Role.SIGNATORY: _READS | _SIGNS,
    Role.VIEWER: _READS,
}
"""What a session of a member carries; staff see every row and carry no company scopes."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person who acts for a company. The e-mail address is lower-case and unique among all members."""

    id: UUID
    company_id: UUID
    name: str
    email: str
    roles: frozenset[str]
    created_at: datetime
    removed_at: datetime | None
    version: int


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """A person to be added, with a first password that the person then changes."""

    name: str
    email: str
    password: str
    roles: frozenset[str] = frozenset()


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A person's log-in."""

    id: UUID
    member_id: UUID
    company_id: UUID
    created_at: datetime
    expires_at: datetime


def normal_email(text: str) -> str:
    """Give the one form of an e-mail address that is stored and looked for."""
    return text.strip().lower()


def check_new_member(new: NewMember) -> None:
    """Refuse an address or a first password that nobody could use; the command line has no schema in front."""
    name, at_sign, host = new.email.strip().partition("@")
    if not (name and at_sign and host) or "@" in host or any(map(str.isspace, new.email.strip())):
        detail = "Give an e-mail address such as it@nordlicht.example."
        raise Malformed("member.email_invalid", detail, FieldProblem("/email", detail))
    check_password_length(new.password)


def check_password_length(password: str) -> None:
    """Refuse a password that is easy to guess or needlessly long (argon2 has to read all of it)."""
    if len(password) not in PASSWORD_LENGTHS:
        detail = f"A password has {PASSWORD_LENGTHS[0]} to {PASSWORD_LENGTHS[-1]} characters."
        raise Malformed("password.length", detail, FieldProblem("/password", detail))


def check_roles(kind: CompanyKind, roles: Collection[str]) -> frozenset[str]:
    """Give the roles when they exist in a company of this kind; raise `Malformed("member.roles_invalid")`."""
    known = frozenset(StaffRole if kind is CompanyKind.OPERATOR else Role)
    if not roles or not known.issuperset(roles):
        detail = f"Roles here are: {', '.join(sorted(known))}; give at least one."
        raise Malformed("member.roles_invalid", detail, FieldProblem("/roles", detail))
    return frozenset(roles)


def scopes_of(roles: Collection[str]) -> frozenset[str]:
    """Give everything that members with these roles may do; unknown and staff roles add nothing."""
    return frozenset().union(*(SCOPES_OF_ROLE.get(role, frozenset()) for role in roles))


def require_keeper(members: Collection[Member], changed: Member) -> None:
    """Refuse a change after which nobody could manage the company: the last owner (or admin) stays.

    `members` are the present members, `changed` is how one of them would be afterwards.
    """
    keepers = {Role.OWNER, StaffRole.ADMIN}
    others = (member for member in members if member.id != changed.id)
    if changed.removed_at is None and keepers & changed.roles:
        return
    if any(keepers & member.roles for member in others):
        return
    raise Conflict(
        "member.last_owner",
        "Somebody must manage the company: give the role to another member first.",
    )
