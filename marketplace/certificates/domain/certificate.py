"""What a certificate is, who may see how much of it, and its number and code. Pure.

The facts are a `CertificateView` (see `documents/certificate.py`), frozen when the title moved. A certificate never
changes; that it was superseded or revoked is a new row beside it.
"""

import base64
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.documents.certificate import CertificateView, mask_buyer, mask_first_acquirer
from marketplace.kernel.errors import Conflict

CODE_BYTES: Final = 15
"""120 random bits: nobody finds a certificate by trying codes."""
_CODE_LETTERS: Final = 24
_GROUP: Final = 6
_MISREAD: Final = str.maketrans("018", "OIB")


class Status(StrEnum):
    """Issued until an end is recorded."""

    ISSUED = "issued"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


class Reader(StrEnum):
    """Who reads, which decides what is masked."""

    HOLDER = "holder"
    SELLER = "seller"
    PARTNER = "partner"
    STAFF = "staff"


class Paper(msgspec.Struct, frozen=True):
    """A printed file of a certificate: language, audience and the hash it is stored under."""

    language: str
    audience: str
    template_version: int
    sha256: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its frozen facts."""

    id: UUID
    number: str
    code: str
    transfer_id: UUID
    order_id: UUID
    holder_id: UUID
    seller_id: UUID
    lot_id: UUID
    facts: CertificateView
    issued_at: datetime
    status: Status = Status.ISSUED
    status_reason: str | None = None
    papers: tuple[Paper, ...] = ()

    @property
    def version(self) -> int:
        """Count what followed the certificate: printed papers, and its end."""
        return 1 + len(self.papers) + (self.status is not Status.ISSUED)


class PublicFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody with the code may know: the licences and the state, no company but the operator."""

    number: str
    status: Status
    status_reason: str | None
    issued_at: datetime
    product: str
    version: str
    metric: str
    quantity: int
    programme: str
    first_sold_country: str
    links: int
    lot: str
    operator: str
    checked_at: datetime


def number_of(certificate_id: UUID, issued_at: datetime) -> str:
    """Give the printed number: year and the last 40 bits of the id, for example `CES-2026-7F3A-09C2-11`.

    The bits are random, so the number tells nothing about volumes; the table refuses a repetition.
    """
    tail = certificate_id.hex[-10:].upper()
    return f"CES-{issued_at.year}-{tail[:4]}-{tail[4:8]}-{tail[8:]}"


def code_of(random: bytes) -> str:
    """Give the verification code: 24 base32 letters and digits in groups of six."""
    return normal_code(base64.b32encode(random[:CODE_BYTES]).decode())


def normal_code(text: str) -> str:
    """Read a code as people type it: any case, dashes and blanks; 0, 1 and 8 are read as O, I and B.

    The alphabet of codes (base32, RFC 4648 section 6) has no 0, 1 and 8, so a correct code never holds one.
    """
    letters = [
        letter
        for letter in text.upper().translate(_MISREAD)
        if letter.isascii() and letter.isalnum()
    ][:_CODE_LETTERS]
    return "-".join(
        "".join(letters[start : start + _GROUP]) for start in range(0, len(letters), _GROUP)
    )


def shown_to(facts: CertificateView, reader: Reader) -> CertificateView:
    """Give the facts as one reader may see them.

    The seller's side does not learn who bought. A first acquirer that asked to stay masked is masked for everybody but
    the operator's staff; the reference that stays is resolved in an audit.
    """
    if reader is Reader.STAFF:
        return facts
    shown = mask_buyer(facts) if reader is Reader.SELLER else facts
    masked = facts.disclosure != "full" and reader is not Reader.SELLER
    return mask_first_acquirer(shown) if masked else shown


def revoke(certificate: Certificate, reason: str) -> Certificate:
    """Declare a certificate invalid; an ended one stays as it ended."""
    if certificate.status is not Status.ISSUED:
        raise Conflict(
            "certificate.ended", f"This certificate is {certificate.status.value} already."
        )
    return msgspec.structs.replace(certificate, status=Status.REVOKED, status_reason=reason)


def public_facts(
    facts: CertificateView, status: Status, status_reason: str | None, checked_at: datetime
) -> PublicFacts:
    """Give what may be public; the reason for an end is, so that whoever relied on the paper can act."""
    licence = facts.licences[0]
    return PublicFacts(
        number=facts.number,
        status=status,
        status_reason=status_reason,
        issued_at=facts.issued_at,
        product=licence.product,
        version=licence.version,
        metric=licence.metric,
        quantity=facts.quantity,
        programme=facts.source.programme,
        first_sold_country=facts.source.first_sold_country,
        links=len(facts.chain),
        lot=facts.register.lot,
        operator=facts.operator.name or "",
        checked_at=checked_at,
    )
