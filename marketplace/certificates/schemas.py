"""What the API gives about certificates. The facts are shown as far as the reader may see them."""

from datetime import datetime
from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta

from marketplace.certificates.domain.certificate import (
    Certificate,
    PublicFacts,
    Reader,
    Status,
    shown_to,
)
from marketplace.documents.certificate import CertificateView
from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import ShortText

_KNOW_ORDER: Final = frozenset({Reader.HOLDER, Reader.STAFF})

CertificateKey = Annotated[str, Meta(pattern=pattern("crt"))]


class CertificateOut(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its facts as frozen when the title moved."""

    id: CertificateKey
    number: Annotated[str, Meta(examples=["CES-2026-7F3A-09C2-11"])]
    status: Status
    status_reason: str | None
    read_as: Reader
    issued_at: datetime
    order_id: Annotated[str | None, Meta(description="For the holder and staff only")]
    transfer_id: Annotated[str, Meta(pattern=pattern("trf"))]
    languages: Annotated[
        list[str], Meta(description="Languages in which the PDF can be fetched now")
    ]
    verify_url: str
    facts: CertificateView

    @classmethod
    def of(cls, certificate: Certificate, reader: Reader) -> Self:
        """Build from the domain value for one reader."""
        facts = shown_to(certificate.facts, reader)
        audience = "seller" if reader is Reader.SELLER else "holder"
        return cls(
            id=format_id("crt", certificate.id),
            number=certificate.number,
            status=certificate.status,
            status_reason=certificate.status_reason,
            read_as=reader,
            issued_at=certificate.issued_at,
            order_id=format_id("ord", certificate.order_id) if reader in _KNOW_ORDER else None,
            transfer_id=format_id("trf", certificate.transfer_id),
            languages=sorted(
                paper.language for paper in certificate.papers if paper.audience == audience
            ),
            verify_url=facts.verification.url,
            facts=facts,
        )


class CertificateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate in a list."""

    id: CertificateKey
    number: str
    status: Status
    read_as: Reader
    product: str
    version: str
    metric: str
    quantity: int
    issued_at: datetime

    @classmethod
    def of(cls, certificate: Certificate, reader: Reader) -> Self:
        """Build from the domain value for one reader."""
        licence = certificate.facts.licences[0]
        return cls(
            id=format_id("crt", certificate.id),
            number=certificate.number,
            status=certificate.status,
            read_as=reader,
            product=licence.product,
            version=licence.version,
            metric=licence.metric,
            quantity=certificate.facts.quantity,
            issued_at=certificate.issued_at,
        )


class CertificatePage(msgspec.Struct, frozen=True):
    """Certificates, newest first."""

    items: list[CertificateSummary]
    next_cursor: str | None


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a certificate is declared invalid; the reason is public."""

    reason: Annotated[ShortText, Meta(examples=["The seller withdrew its declaration."])]


class PublicCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody with the code may know; no company but the operator is named."""

    number: str
    status: Status
    status_reason: Annotated[str | None, Meta(description="Why it is not valid any more")]
    product: str
    version: str
    metric: str
    quantity: int
    programme: str
    first_sold_country: str
    links: Annotated[int, Meta(description="Steps from the first sale to the holder")]
    lot: Annotated[str, Meta(description="Pseudonym of the lot in the title register")]
    operator: str
    issued_at: datetime
    checked_at: Annotated[datetime, Meta(description="The status is of this moment")]

    @classmethod
    def of(cls, facts: PublicFacts) -> Self:
        """Build from the domain value."""
        return cls(**msgspec.structs.asdict(facts))
