"""Who is calling and what a route demands: the one vocabulary of permissions.

Every route states an `Access` in its options; `infra/http/session.py` checks it before the handler runs, and row
level security in the database holds it a second time.
"""

from typing import Final, Literal
from uuid import UUID

import msgspec

Scope = Literal["public", "company", "staff", "system"]
StaffRole = Literal["reviewer", "finance", "admin"]

COMPANY_SCOPES: Final[dict[str, str]] = {
    "company:read": "See the company, its members, keys and grants",
    "company:write": "Change the company, its members, keys and grants",
    "listings:read": "See own listings and their values",
    "listings:write": "Draft, change and submit listings, upload evidence",
    "quotes:read": "See own quotes",
    "quotes:write": "Request, accept and decline quotes",
    "orders:read": "See own orders",
    "transfers:read": "See own transfers",
    "transfers:sign": "Sign cease-use declarations",
    "certificates:read": "See and fetch certificates, also those granted by other companies",
    "valuations:read": "See valuations",
    "valuations:write": "Request valuations",
    "needs:read": "See own need calculations and who gets which CAL",
    "needs:write": "Calculate needs and delete them",
    "imports:read": "See own imports, their lines and files",
    "imports:write": "Import files, accept and delete them",
}
"""What an API key can be allowed to do; a key carries any subset."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The caller of one unit of work.

    `scope` is what row level security sees; `credential` names the key, session or process for idempotency and logs.
    """

    scope: Scope
    credential: str
    company_id: UUID | None = None
    member_id: UUID | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    verified: bool = False

    @property
    def company(self) -> UUID:
        """Give the company of a caller that has one; only call it behind `company(...)` routes."""
        if self.company_id is None:
            raise AssertionError("route without a company principal")
        return self.company_id


PUBLIC_PRINCIPAL: Final = Principal(scope="public", credential="public")


def system_principal(process: str) -> Principal:
    """Give the principal of a worker or command; `process` appears in the audit log."""
    return Principal(scope="system", credential=f"system:{process}")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What a route demands: anyone, a company credential with a scope, a logged-in member, or staff with a role."""

    who: Literal["public", "company", "member", "staff", "any"]
    scope: str | None = None
    roles: frozenset[str] = frozenset()
    verified: bool = False


PUBLIC: Final = Access(who="public")
SIGNED_IN: Final = Access(who="any")
"""Any valid credential, company or staff."""


def company(scope: str, *, verified: bool = False) -> Access:
    """Demand a company credential that carries `scope`; `verified` also demands a verified company (may trade).

    Staff may use `:read` routes as well: they see every company's rows.
    """
    if scope not in COMPANY_SCOPES:
        raise AssertionError(f"unknown scope {scope}")
    return Access(who="company", scope=scope, verified=verified)


def member(*roles: str) -> Access:
    """Demand a person logged in with a session, with one of the roles when any are named."""
    return Access(who="member", roles=frozenset(roles))


def staff(*roles: StaffRole) -> Access:
    """Demand operator staff with one of the roles (`admin` is always enough)."""
    return Access(who="staff", roles=frozenset(roles) | {"admin"})
