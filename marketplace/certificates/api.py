"""Routes of certificates: JSON facts, the PDF, revocation by staff, and the public look-up by code."""

from typing import Annotated, Any, Literal

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from marketplace.certificates import service
from marketplace.certificates.schemas import (
    CertificateOut,
    CertificatePage,
    CertificateSummary,
    PublicCertificate,
    Revocation,
)
from marketplace.infra.access import PUBLIC, company, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import (
    Cursor,
    GivenStorage,
    GivenView,
    GivenWork,
    Limit,
    path_id,
)
from marketplace.kernel.ids import SUFFIX_PATTERN, pattern
from marketplace.kernel.paging import LIMIT_DEFAULT

CertificateId = Annotated[str, Parameter(description="Certificate", pattern=pattern("crt"))]
CertificateOrPaper = Annotated[
    str,
    Parameter(
        description="Certificate; with `.pdf` at the end, the paper",
        pattern=rf"^crt_{SUFFIX_PATTERN}(\.pdf)?$",
    ),
]
Language = Annotated[Literal["en", "de"], Parameter(description="Language of the paper")]
Code = Annotated[
    str,
    Parameter(description="The code printed on the certificate", pattern="^[0-9A-Za-z -]{1,60}$"),
]

_PDF_SUFFIX = ".pdf"
_RETRY_SECONDS = "2"


class CertificateController(Controller):
    """The proof."""

    path = "/v1"
    tags = ["certificates"]

    @get(
        "/certificates",
        operation_id="list_certificates",
        opt={"access": company("certificates:read")},
    )
    async def list_certificates(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> CertificatePage:
        """List the certificates you hold, sold under, or were granted, newest first."""
        page = await service.list_certificates(work, cursor, limit)
        items = [CertificateSummary.of(item, service.reader_of(work, item)) for item in page.items]
        return CertificatePage(items, page.next_cursor)

    @get(
        "/certificates/{certificate:str}",
        operation_id="load_certificate",
        opt={"access": company("certificates:read"), "paper": True},
    )
    async def load_certificate(
        self,
        work: GivenWork,
        storage: GivenStorage,
        certificate: CertificateOrPaper,
        language: Language = "en",
    ) -> Answer[Any]:
        """Read a certificate as JSON; put `.pdf` behind the id for the paper (202 while it is printed)."""
        certificate_id = path_id("crt", certificate.removesuffix(_PDF_SUFFIX))
        found, reader = await service.load_certificate(work, certificate_id)
        body = CertificateOut.of(found, reader)
        if not certificate.endswith(_PDF_SUFFIX):
            version = len(found.papers) + (found.status_reason is not None) * 1000
            return Answer(body, headers={"etag": etag_of(found.id, version)})
        sha256 = service.paper_hash(work, found, reader, language)
        if sha256 is None:
            return Answer(
                body, status_code=HTTP_202_ACCEPTED, headers={"Retry-After": _RETRY_SECONDS}
            )
        name = f"{found.number}-{language}.pdf"
        return Answer(
            await storage.get(sha256),
            media_type="application/pdf",
            status_code=HTTP_200_OK,
            headers={
                "etag": f'"{sha256}"',
                "Content-Disposition": f'inline; filename="{name}"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @post(
        "/certificates/{certificate_id:str}/revocation",
        operation_id="revoke_certificate",
        opt={"access": staff("admin")},
    )
    async def revoke_certificate(
        self, work: GivenWork, certificate_id: CertificateId, data: JSONBody[Revocation]
    ) -> CertificateOut:
        """Declare a certificate invalid; everyone who checks it is told so from now on."""
        revoked = await service.revoke_certificate(
            work, path_id("crt", certificate_id), data.reason
        )
        return CertificateOut.of(revoked, service.reader_of(work, revoked))

    @get("/verifications/{code:str}", operation_id="verify_certificate", opt={"access": PUBLIC})
    async def verify_certificate(self, view: GivenView, code: Code) -> PublicCertificate:
        """Check a certificate by the code printed on it; no account needed."""
        return PublicCertificate.of(await service.verify_code(view, code))
