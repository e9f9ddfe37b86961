"""Routes of listings: the seller's own, their papers, and the public catalogue."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Controller, Request, get, patch, post
from litestar.enums import MediaType
from litestar.params import JSONBody, Parameter, QueryParameter
from msgspec import Meta

from marketplace.infra.access import PUBLIC, company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.files import FileName, as_attachment, gives_file, takes_file
from marketplace.infra.http.parameters import (
    Cursor,
    GivenSettings,
    GivenStorage,
    GivenView,
    GivenWork,
    IfMatch,
    Limit,
    path_id,
)
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, decode_cursor, encode_cursor, window_of
from marketplace.kernel.text import END
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.listings import service
from marketplace.listings.domain.files import ACCEPTED, SIZE_MAX
from marketplace.listings.domain.listing import Listing, State
from marketplace.listings.domain.market import Search
from marketplace.listings.schemas import (
    CatalogueListing,
    CataloguePage,
    EvidenceList,
    EvidenceOut,
    FindingOut,
    Findings,
    ListingChange,
    ListingDetail,
    ListingDraft,
    ListingOut,
    ListingPage,
)
from marketplace.listings.service.papers import Upload

ListingId = Annotated[str, Parameter(description="Listing", pattern=pattern("lst"))]
EvidenceId = Annotated[str, Parameter(description="Paper", pattern=pattern("evi"))]
_PLACE: Final = tuple[Annotated[int, Meta(ge=0, le=10_000_000_000)], UUID]
_MEDIA_TYPES: Final = tuple(kind.media_type for kind in ACCEPTED)


async def read_file(request: Request[Any, Any, Any]) -> None:
    """Read an upload before the unit of work opens, so that a slow sender holds no transaction.

    The framework stops reading at the route's size limit. A request without a credential is refused
    before its file is read.
    """
    if "authorization" in request.headers:
        await request.body()


class ListingController(Controller):
    """What companies offer."""

    path = "/v1/listings"
    tags = ["listings"]

    @post("/", operation_id="post_listing", opt={"access": company("listings:write")})
    async def post_listing(
        self, work: GivenWork, settings: GivenSettings, data: JSONBody[ListingDraft]
    ) -> Answer[ListingOut]:
        """Keep a new draft. Nobody else sees it before it is submitted."""
        return _answer(await service.post_listing(work, data.to_value(), settings.currency))

    @get("/", operation_id="list_listings", opt={"access": company("listings:read")})
    async def list_listings(
        self,
        work: GivenWork,
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="Only these")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> ListingPage:
        """List your listings, newest first."""
        page = await service.list_listings(work, in_state, window_of(limit, cursor))
        return ListingPage([ListingOut.of(row) for row in page.items], page.next_cursor)

    @get(
        "/{listing_id:str}",
        operation_id="load_listing",
        opt={"access": company("listings:read")},
    )
    async def load_listing(self, work: GivenWork, listing_id: ListingId) -> Answer[ListingDetail]:
        """Look at one listing with its findings, papers and value."""
        listing, submission, papers = await service.load_whole_listing(
            work, path_id("lst", listing_id)
        )
        return Answer(
            ListingDetail.whole(listing, submission, papers),
            headers={"etag": etag_of(listing.id, listing.version)},
        )

    @patch(
        "/{listing_id:str}",
        operation_id="change_listing",
        opt={"access": company("listings:write")},
    )
    async def change_listing(
        self,
        work: GivenWork,
        settings: GivenSettings,
        listing_id: ListingId,
        data: JSONBody[ListingChange],
        if_match: IfMatch = None,
    ) -> Answer[ListingOut]:
        """Change a draft, or a listing that was sent back."""
        wanted = path_id("lst", listing_id)
        return _answer(
            await service.change_listing(work, wanted, if_match, data.to_value(), settings.currency)
        )

    @get(
        "/{listing_id:str}/findings",
        operation_id="check_listing",
        opt={"access": company("listings:read")},
    )
    async def check_listing(self, work: GivenWork, listing_id: ListingId) -> Findings:
        """See what the conditions would find today, before you submit."""
        findings = await service.check_listing(work, path_id("lst", listing_id))
        return Findings([FindingOut.of(row) for row in findings])

    @post(
        "/{listing_id:str}/withdrawal",
        operation_id="withdraw_listing",
        status_code=200,
        opt={"access": company("listings:write"), "refusals": (423,)},
    )
    async def withdraw_listing(self, work: GivenWork, listing_id: ListingId) -> Answer[ListingOut]:
        """Take a listing off the market. Licences that a buyer has reserved stay promised."""
        return _answer(await service.withdraw_listing(work, path_id("lst", listing_id)))


class EvidenceController(Controller):
    """The papers behind a listing."""

    path = "/v1/listings/{listing_id:str}/evidence"
    tags = ["listings"]

    @post(
        "/",
        operation_id="attach_evidence",
        operation_class=takes_file(_MEDIA_TYPES, "20 MB"),
        before_request=read_file,
        request_max_body_size=SIZE_MAX,
        opt={"access": company("listings:write"), "refusals": (413, 415)},
    )
    async def attach_evidence(
        self,
        work: GivenWork,
        storage: GivenStorage,
        request: Request[Any, Any, Any],
        listing_id: ListingId,
        kind: Annotated[EvidenceKind, Parameter(description="What the paper shows")],
        file_name: FileName,
    ) -> EvidenceOut:
        """Send a PDF, PNG or JPEG file as the request body. The same file again is the same paper.

        The type is read from the content and must agree with name and Content-Type. Files are not
        scanned for viruses.
        """
        upload = Upload(
            kind=kind,
            file_name=file_name,
            declared_type=request.headers.get("content-type", ""),
            data=await request.body(),
        )
        kept, _ = await service.attach_evidence(work, storage, path_id("lst", listing_id), upload)
        return EvidenceOut.of(kept)

    @get("/", operation_id="list_evidence", opt={"access": company("listings:read")})
    async def list_evidence(self, work: GivenWork, listing_id: ListingId) -> EvidenceList:
        """List the papers of a listing."""
        papers = await service.list_evidence(work, path_id("lst", listing_id))
        return EvidenceList([EvidenceOut.of(row) for row in papers])

    @get(
        "/{evidence_id:str}",
        operation_id="fetch_evidence",
        operation_class=gives_file(_MEDIA_TYPES),
        media_type=MediaType.TEXT,
        opt={"access": company("listings:read")},
    )
    async def fetch_evidence(
        self, work: GivenWork, storage: GivenStorage, listing_id: ListingId, evidence_id: EvidenceId
    ) -> Answer[bytes]:
        """Fetch the file itself: yours, or any listing's for staff."""
        paper = await service.load_evidence(
            work, path_id("lst", listing_id), path_id("evi", evidence_id)
        )
        return Answer(
            await storage.get(paper.sha256),
            media_type=paper.media_type,
            headers=dict(as_attachment(paper.file_name)),
        )


class CatalogueController(Controller):
    """What is on sale. No account is needed."""

    path = "/v1/catalogue"
    tags = ["listings"]

    @get("/", operation_id="search_catalogue", opt={"access": PUBLIC})
    async def search_catalogue(  # noqa: PLR0913, PLR0917 - each filter is a parameter
        self,
        view: GivenView,
        family: Annotated[
            str | None, Parameter(pattern=f"^[a-z0-9_]{{1,20}}{END}", description="Product family")
        ] = None,
        version: Annotated[
            str | None,
            Parameter(pattern=f"^[a-z0-9]{{1,10}}{END}", description="CAL version; needs `family`"),
        ] = None,
        metric: Annotated[Metric | None, Parameter(description="Needs `family`")] = None,
        country: Annotated[
            str | None,
            Parameter(pattern=f"^[A-Z]{{2}}{END}", description="Country of the first sale"),
        ] = None,
        min_quantity: Annotated[
            int | None, Parameter(ge=1, le=1_000_000, description="Fewest licences free")
        ] = None,
        max_price_minor: Annotated[
            int | None,
            Parameter(ge=1, le=10_000_000_000, description="Highest price of one licence"),
        ] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> CataloguePage:
        """Search what is on sale, the cheapest first. Sellers are masked."""
        search = Search(
            family=family,
            version=version,
            metric=metric,
            country=country,
            min_quantity=min_quantity,
            max_price_minor=max_price_minor,
        )
        after = decode_cursor(cursor, _PLACE) if cursor else None
        rows, place = await service.search_catalogue(view, search, after, limit)
        return CataloguePage(
            [CatalogueListing.of(row) for row in rows],
            None if place is None else encode_cursor(place[0], str(place[1])),
        )

    @get("/{listing_id:str}", operation_id="show_catalogue_listing", opt={"access": PUBLIC})
    async def show_catalogue_listing(
        self, view: GivenView, listing_id: ListingId
    ) -> Answer[CatalogueListing]:
        """Look at one listing that is on sale."""
        row = await service.show_catalogue_listing(view, path_id("lst", listing_id))
        return Answer(CatalogueListing.of(row), headers={"etag": etag_of(row.id, row.version)})


def _answer(listing: Listing) -> Answer[ListingOut]:
    return Answer(ListingOut.of(listing), headers={"etag": etag_of(listing.id, listing.version)})


CONTROLLERS: Final = (ListingController, EvidenceController, CatalogueController)
