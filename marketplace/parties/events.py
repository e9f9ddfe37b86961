"""What the stage announces: who came, who may trade, who may see whose papers."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class CompanyRegistered(Event, frozen=True):
    """A company registered itself; it may draft, and waits for verification."""

    name: ClassVar[str] = "company.registered.v1"
    company_id: UUID


class CompanyVerified(Event, frozen=True):
    """Staff verified the company; it may trade from now on."""

    name: ClassVar[str] = "company.verified.v1"
    company_id: UUID


class CompanyVerificationEnded(Event, frozen=True):
    """The company may not trade any more: staff revoked it, or a legal fact was changed."""

    name: ClassVar[str] = "company.verification_ended.v1"
    company_id: UUID


class GrantGiven(Event, frozen=True):
    """A company lets a partner see certificates."""

    name: ClassVar[str] = "grant.given.v1"
    grant_id: UUID
    company_id: UUID
    partner_company_id: UUID


class GrantRevoked(Event, frozen=True):
    """The partner may not see them any more."""

    name: ClassVar[str] = "grant.revoked.v1"
    grant_id: UUID
    company_id: UUID
    partner_company_id: UUID
