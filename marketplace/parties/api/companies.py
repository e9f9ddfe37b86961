"""Routes of companies: register, see and change, be verified; and the directory of partners."""

from typing import Annotated, Literal

from litestar import Controller, get, post, put
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import PUBLIC, SIGNED_IN, company, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import Cursor, GivenWork, IfMatch, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.parties import service
from marketplace.parties.domain import Company, CompanyKind, Decision
from marketplace.parties.schemas.companies import (
    CompanyOut,
    CompanyPage,
    DecisionIn,
    FactsIn,
    PartnerOut,
    PartnerPage,
    RegistrationIn,
    VerificationOut,
    VerificationPage,
)
from marketplace.parties.schemas.sessions import LoggedInOut

CompanyPath = Annotated[str, Parameter(description="Company", pattern=pattern("cmp"))]
Verified = Annotated[bool | None, Parameter(description="Only verified ones, or only others")]
Kind = Annotated[
    Literal["company", "partner", "operator"] | None, Parameter(description="Only of this kind")
]


class CompanyController(Controller):
    """Who trades here."""

    path = "/v1"
    tags = ("companies",)

    @post(
        "/companies",
        operation_id="register_company",
        opt={"access": PUBLIC, "guessable": True, "shown_once": True},
    )
    async def register_company(
        self, work: GivenWork, data: JSONBody[RegistrationIn]
    ) -> Answer[LoggedInOut]:
        """Register your company; you are logged in at once and may draft, trading waits for verification."""
        registered = await service.register_company(
            work, data.company_kind(), data.facts(), data.new_owner()
        )
        return Answer(
            LoggedInOut.of(registered),
            headers={"etag": etag_of(registered.company.id, registered.company.version)},
        )

    @get("/companies", operation_id="list_companies", opt={"access": staff("reviewer", "finance")})
    async def list_companies(
        self,
        work: GivenWork,
        verified: Verified = None,
        kind: Kind = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> CompanyPage:
        """List companies, newest first; `verified=false` is the reviewers' queue."""
        page = await service.list_companies(
            work,
            window_of(limit, cursor),
            verified=verified,
            kind=CompanyKind(kind) if kind else None,
        )
        return CompanyPage([CompanyOut.of(item) for item in page.items], page.next_cursor)

    @get(
        "/companies/{company_id:str}",
        operation_id="load_company",
        opt={"access": company("company:read")},
    )
    async def load_company(self, work: GivenWork, company_id: CompanyPath) -> Answer[CompanyOut]:
        """Look at your company (staff: at any)."""
        return _answer(await service.load_company(work, path_id("cmp", company_id)))

    @put(
        "/companies/{company_id:str}",
        operation_id="change_company",
        opt={"access": company("company:write")},
    )
    async def change_company(
        self,
        work: GivenWork,
        company_id: CompanyPath,
        data: JSONBody[FactsIn],
        if_match: IfMatch = None,
    ) -> Answer[CompanyOut]:
        """Replace your company's facts. Another name, register number, country or VAT id ends the verification."""
        changed = await service.change_company(
            work, path_id("cmp", company_id), data.facts(), if_match
        )
        return _answer(changed)

    @post(
        "/companies/{company_id:str}/verification",
        operation_id="decide_verification",
        opt={"access": staff("reviewer")},
        status_code=200,
    )
    async def decide_verification(
        self,
        work: GivenWork,
        company_id: CompanyPath,
        data: JSONBody[DecisionIn],
        if_match: IfMatch = None,
    ) -> Answer[CompanyOut]:
        """Verify a company, or take it back. If-Match says which version of its facts you looked at."""
        decided = await service.decide_verification(
            work, path_id("cmp", company_id), Decision(data.decision), data.reason, if_match
        )
        return _answer(decided)

    @get(
        "/companies/{company_id:str}/verifications",
        operation_id="list_verifications",
        opt={"access": company("company:read")},
    )
    async def list_verifications(
        self,
        work: GivenWork,
        company_id: CompanyPath,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> VerificationPage:
        """Read what was decided about a company's verification and why, newest first."""
        page = await service.list_verifications(
            work, path_id("cmp", company_id), window_of(limit, cursor)
        )
        return VerificationPage([VerificationOut.of(item) for item in page.items], page.next_cursor)

    @get("/partners", operation_id="list_partners", opt={"access": SIGNED_IN})
    async def list_partners(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> PartnerPage:
        """List the verified partners, whom you can grant sight of your certificates."""
        page = await service.list_partners(work, window_of(limit, cursor))
        return PartnerPage([PartnerOut.of(item) for item in page.items], page.next_cursor)


def _answer(found: Company) -> Answer[CompanyOut]:
    return Answer(CompanyOut.of(found), headers={"etag": etag_of(found.id, found.version)})
