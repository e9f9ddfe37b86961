"""What the routes of grants take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, parse_id, pattern
from marketplace.parties.domain import Grant
from marketplace.parties.schemas.companies import CompanyId
from marketplace.parties.schemas.keys import Moment

CertificateId = Annotated[
    str, Meta(pattern=pattern("crt"), examples=["crt_01kb0m1f7wf2rv4c7c1x0e4q2m"])
]


class GrantIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Let a partner see certificates."""

    partner_company_id: CompanyId
    certificates: Annotated[
        Literal["all"] | Annotated[list[CertificateId], Meta(min_length=1, max_length=500)],
        Meta(description="`all`, also those to come, or a list of yours", examples=["all"]),
    ] = "all"
    expires_at: Annotated[Moment, Meta(description="At most five years ahead")]

    def partner_id(self) -> UUID:
        """Give the partner's id."""
        return parse_id("cmp", self.partner_company_id)

    def certificate_ids(self) -> frozenset[UUID]:
        """Give the listed ids; none means all."""
        if self.certificates == "all":
            return frozenset()
        return frozenset(parse_id("crt", text) for text in self.certificates)


class GrantOut(msgspec.Struct, frozen=True, kw_only=True):
    """A grant, as its giver and its partner see it."""

    id: Annotated[str, Meta(pattern=pattern("grt"))]
    company_id: Annotated[CompanyId, Meta(description="Who gave it")]
    partner_company_id: Annotated[CompanyId, Meta(description="Who may look")]
    certificates: Literal["all"] | list[CertificateId]
    active: bool
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, grant: Grant, now: datetime) -> Self:
        """Write a grant as it is at a moment."""
        listed = [format_id("crt", certificate_id) for certificate_id in grant.certificate_ids]
        return cls(
            id=format_id("grt", grant.id),
            company_id=format_id("cmp", grant.company_id),
            partner_company_id=format_id("cmp", grant.partner_company_id),
            certificates="all" if grant.all_certificates else listed,
            active=grant.is_active(now),
            created_at=grant.created_at,
            expires_at=grant.expires_at,
            revoked_at=grant.revoked_at,
        )


class GrantPage(msgspec.Struct, frozen=True):
    """One page of grants."""

    items: list[GrantOut]
    next_cursor: str | None = None
