"""What the routes of companies take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import (
    PRINTABLE,
    CountryCode,
    EmailText,
    LongText,
    ShortText,
)
from marketplace.licensing.zones import Zone
from marketplace.parties.domain import (
    Address,
    Company,
    CompanyFacts,
    CompanyKind,
    NewMember,
    VerificationEntry,
)
from marketplace.parties.schemas.people import Password

CompanyId = Annotated[
    str, Meta(pattern=pattern("cmp"), examples=["cmp_01kb0m1f7wf2rv4c7c1x0e4q2m"])
]


class AddressIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A postal address in the company's country."""

    lines: Annotated[
        list[ShortText], Meta(min_length=1, max_length=4, examples=[["Speicherstraße 12"]])
    ]
    postcode: Annotated[str, Meta(max_length=20, pattern=PRINTABLE, examples=["20457"])]
    city: Annotated[ShortText, Meta(examples=["Hamburg"])]


class FactsIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a company says about itself; a PUT replaces all of it."""

    legal_name: Annotated[
        ShortText,
        Meta(description="As in the commercial register", examples=["Nordlicht Maschinenbau GmbH"]),
    ]
    register_number: Annotated[
        ShortText, Meta(description="With the court where usual", examples=["Hamburg HRB 123456"])
    ]
    country: CountryCode
    address: AddressIn
    vat_id: (
        Annotated[
            str,
            Meta(
                max_length=30,
                pattern=PRINTABLE,
                description="With its country prefix; format and check digits are checked",
                examples=["DE136695976"],
            ),
        ]
        | None
    ) = None

    def facts(self) -> CompanyFacts:
        """Give the value the service takes."""
        return CompanyFacts(
            legal_name=self.legal_name,
            register_number=self.register_number,
            country=self.country,
            vat_id=self.vat_id,
            address=Address(
                lines=tuple(self.address.lines),
                postcode=self.address.postcode,
                city=self.address.city,
            ),
        )


class OwnerIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The person who registers the company and manages it from then on."""

    name: Annotated[ShortText, Meta(examples=["Ines Albrecht"])]
    email: EmailText
    password: Password


class RegistrationIn(FactsIn, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A company registers itself."""

    owner: OwnerIn
    kind: Annotated[
        Literal["company", "partner"],
        Meta(
            description="`partner`: an auditor, reseller or law firm that looks at certificates it was granted"
        ),
    ] = "company"

    def company_kind(self) -> CompanyKind:
        """Give the kind as the domain says it."""
        return CompanyKind(self.kind)

    def new_owner(self) -> NewMember:
        """Give the value the service takes."""
        return NewMember(name=self.owner.name, email=self.owner.email, password=self.owner.password)


class CompanyOut(msgspec.Struct, frozen=True, kw_only=True):
    """A company."""

    id: CompanyId
    kind: CompanyKind
    legal_name: str
    register_number: str
    country: str
    vat_id: str | None
    vat_id_format_valid: Annotated[
        bool,
        Meta(
            description="Format and check digits are right; whether the number is in use was not asked"
        ),
    ]
    address: AddressIn
    zone: Annotated[
        Zone, Meta(description="Where rights exhausted by a first sale reach this company")
    ]
    verified: Annotated[bool, Meta(description="May trade; without it the company may draft only")]
    verified_at: datetime | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, company: Company) -> Self:
        """Write a company."""
        return cls(
            id=format_id("cmp", company.id),
            kind=company.kind,
            legal_name=company.legal_name,
            register_number=company.register_number,
            country=company.country,
            vat_id=company.vat_id,
            vat_id_format_valid=company.vat_id_format_valid,
            address=AddressIn(
                list(company.address.lines), company.address.postcode, company.address.city
            ),
            zone=company.zone,
            verified=company.verified_at is not None,
            verified_at=company.verified_at,
            version=company.version,
            created_at=company.created_at,
        )


class CompanyPage(msgspec.Struct, frozen=True):
    """One page of companies."""

    items: list[CompanyOut]
    next_cursor: str | None = None


class PartnerOut(msgspec.Struct, frozen=True):
    """Who a partner is: all that other companies see of it."""

    id: CompanyId
    legal_name: str
    country: str

    @classmethod
    def of(cls, company: Company) -> Self:
        """Write a partner."""
        return cls(format_id("cmp", company.id), company.legal_name, company.country)


class PartnerPage(msgspec.Struct, frozen=True):
    """One page of partners."""

    items: list[PartnerOut]
    next_cursor: str | None = None


class DecisionIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What staff decided about a company's verification, and why; the company can read both."""

    decision: Literal["verified", "revoked"]
    reason: Annotated[
        LongText, Meta(examples=["Register extract of 2026-11-20 and VIES answer seen."])
    ]


class VerificationOut(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a company's verification history."""

    id: str
    decision: Annotated[
        Literal["verified", "revoked", "lapsed"],
        Meta(description="`lapsed`: the company changed a legal fact"),
    ]
    reason: str
    decided_at: datetime

    @classmethod
    def of(cls, entry: VerificationEntry) -> Self:
        """Write an entry; which person decided stays inside."""
        return cls(
            id=format_id("vrf", entry.id),
            decision=entry.decision.value,
            reason=entry.reason,
            decided_at=entry.decided_at,
        )


class VerificationPage(msgspec.Struct, frozen=True):
    """One page of a verification history."""

    items: list[VerificationOut]
    next_cursor: str | None = None
