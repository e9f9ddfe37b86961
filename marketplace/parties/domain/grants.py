"""Grants: which certificates of a company a partner may see, and until when."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem
from marketplace.kernel.events import Event
from marketplace.parties.domain.companies import Company, CompanyKind
from marketplace.parties.domain.keys import check_until
from marketplace.parties.events import GrantGiven, GrantRevoked

GRANT_LIFE_MAX: Final = timedelta(days=5 * 366)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A company lets a partner see its certificates: all of them, or those listed."""

    id: UUID
    company_id: UUID
    partner_company_id: UUID
    all_certificates: bool
    certificate_ids: tuple[UUID, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Tell whether the grant opens anything at `now`."""
        return self.revoked_at is None and self.expires_at > now

    def covers(self, certificate_id: UUID, now: datetime) -> bool:
        """Tell whether the partner may see this certificate at `now`."""
        listed = self.all_certificates or certificate_id in self.certificate_ids
        return listed and self.is_active(now)


def give_grant(grant: Grant, partner: Company | None) -> tuple[Grant, tuple[Event, ...]]:
    """Let a verified partner see certificates."""
    if partner is None or partner.kind is not CompanyKind.PARTNER or partner.verified_at is None:
        # One answer for "unknown", "not a partner" and "not verified": rows of others are not revealed.
        detail = "There is no verified partner with this id; see GET /v1/partners."
        raise Conflict("grant.partner_unknown", detail, FieldProblem("/partner_company_id", detail))
    check_until(grant.expires_at, grant.created_at, GRANT_LIFE_MAX)
    event = GrantGiven(
        grant_id=grant.id, company_id=grant.company_id, partner_company_id=partner.id
    )
    return grant, (event,)


def revoke_grant(grant: Grant, now: datetime) -> tuple[Grant, tuple[Event, ...]]:
    """End a grant now; ending it twice changes nothing."""
    if grant.revoked_at is not None:
        return grant, ()
    event = GrantRevoked(
        grant_id=grant.id,
        company_id=grant.company_id,
        partner_company_id=grant.partner_company_id,
    )
    return msgspec.structs.replace(grant, revoked_at=now), (event,)
