"""The facts this stage announces."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class CertificateIssued(Event, frozen=True):
    """A transfer has its certificate; the paper is printed next."""

    name: ClassVar[str] = "certificate.issued.v1"
    certificate_id: UUID


class CertificateRendered(Event, frozen=True):
    """The paper can be fetched in every language."""

    name: ClassVar[str] = "certificate.rendered.v1"
    certificate_id: UUID


class CertificateRevoked(Event, frozen=True):
    """The operator declared a certificate invalid."""

    name: ClassVar[str] = "certificate.revoked.v1"
    certificate_id: UUID
