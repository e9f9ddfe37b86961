"""Routes of certificates: JSON facts, the PDF, revocation by staff, and the public look-up by code."""

from typing import Annotated, Any, Literal

from litestar import Controller, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody, Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from marketplace.certificates import service
from marketplace.certificates.domain.certificate import Certificate, Reader
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
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.kernel.text import END

CertificateId = Annotated[str, Parameter(description="Certificate", pattern=pattern("crt"))]
# With `.pdf` behind it this names the paper; the OpenAPI document shows the two as two paths.
CertificateOrPaper = Annotated[
    str, Parameter(description="Certificate", pattern=rf"^crt_{SUFFIX_PATTERN}(\.pdf)?{END}")
]
Language = Annotated[Literal["en", "de"], Parameter(description="Language of the paper")]
Code = Annotated[
    str,
    Parameter(
        description="The code printed on the certificate, as typed by a person",
        pattern=f"^[0-9A-Za-z -]{{1,60}}{END}",
        examples=[Example(value="K7Q2MD-ZX4JHA-92LRTP-B6WNYC")],
    ),
]

_PDF_SUFFIX = ".pdf"
_RETRY_SECONDS = "2"


class CertificateController(Controller):
    """The proof."""

    path = "/v1"
    tags = ("certificates",)

    @get(
        "/certificates",
        operation_id="list_certificates",
        opt={"access": company("certificates:read")},
    )
    async def list_certificates(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> CertificatePage:
        """List the certificates you hold, sold under, or were granted, newest first."""
        page = await service.list_certificates(work, window_of(limit, cursor))
        items = [CertificateSummary.of(item, service.reader_of(work, item)) for item in page.items]
        return CertificatePage(items, page.next_cursor)

    @get(
        "/certificates/{certificate_id:str}",
        operation_id="load_certificate",
        opt={"access": company("certificates:read"), "paper": True},
        responses={HTTP_200_OK: ResponseSpec(CertificateOut, generate_examples=False)},
    )
    async def load_certificate(
        self,
        work: GivenWork,
        storage: GivenStorage,
        certificate_id: CertificateOrPaper,
        language: Language = "en",
    ) -> Answer[Any]:
        """Read a certificate: its facts as frozen when the title moved, as far as you may see them."""
        plain_id, is_paper = certificate_id.removesuffix(_PDF_SUFFIX), _PDF_SUFFIX in certificate_id
        found, reader = await service.load_certificate(work, path_id("crt", plain_id))
        body = CertificateOut.of(found, reader)
        if not is_paper:
            return Answer(body, headers={"etag": _etag(found, reader)})
        sha256 = service.paper_hash(work, found, reader, language)
        if sha256 is None:
            return Answer(
                body, status_code=HTTP_202_ACCEPTED, headers={"Retry-After": _RETRY_SECONDS}
            )
        return Answer(
            await storage.get(sha256),
            media_type="application/pdf",
            headers={
                "etag": f'"{sha256}"',
                "Content-Disposition": f'inline; filename="{found.number}-{language}.pdf"',
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


def _etag(certificate: Certificate, reader: Reader) -> str:
    """Tag one version as one reader sees it: what is masked differs between them."""
    tag = etag_of(certificate.id, certificate.version)
    return f'{tag[:-1]}.{reader.value}"'
