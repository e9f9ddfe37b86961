"""Routes of reviews: the staff's queue and its three answers."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter, QueryParameter

from marketplace.infra.access import company, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import Cursor, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, decode_cursor
from marketplace.listings.schemas import ListingOut
from marketplace.reviews import service
from marketplace.reviews.domain import State
from marketplace.reviews.schemas import (
    Approval,
    CaseOut,
    Queue,
    QueueItem,
    Refusal,
    ReviewOut,
)

ListingId = Annotated[str, Parameter(description="Listing", pattern=pattern("lst"))]
ReviewId = Annotated[str, Parameter(description="Review", pattern=pattern("rev"))]


class SubmissionController(Controller):
    """The seller hands a listing over. Here, because with it the review begins."""

    path = "/v1/listings/{listing_id:str}/submission"
    tags = ["listings"]

    @post(
        "/",
        operation_id="submit_listing",
        status_code=200,
        opt={"access": company("listings:write", verified=True)},
    )
    async def submit_listing(self, work: GivenWork, listing_id: ListingId) -> Answer[ListingOut]:
        """Hand a draft over for review. Findings that block refuse it and are listed in `errors`."""
        listing = await service.submit_listing(work, path_id("lst", listing_id))
        return Answer(
            ListingOut.of(listing), headers={"etag": etag_of(listing.id, listing.version)}
        )


class ReviewController(Controller):
    """May it be sold?"""

    path = "/v1/reviews"
    tags = ["reviews"]

    @get("/", operation_id="list_reviews", opt={"access": staff("reviewer")})
    async def list_reviews(
        self,
        work: GivenWork,
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="Only these")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> Queue:
        """List reviews, the longest waiting first."""
        after = decode_cursor(cursor, tuple[UUID])[0] if cursor else None
        page = await service.list_reviews(work, in_state, after, limit)
        items = [
            QueueItem(ReviewOut.of(review), ListingOut.of(listing), seller.legal_name)
            for review, listing, seller in page.items
        ]
        return Queue(items, page.next_cursor)

    @get("/{review_id:str}", operation_id="load_review", opt={"access": staff("reviewer")})
    async def load_review(self, work: GivenWork, review_id: ReviewId) -> CaseOut:
        """Look at everything about one review."""
        return CaseOut.of(await service.load_case(work, path_id("rev", review_id)))

    @post(
        "/{review_id:str}/approval",
        operation_id="approve_listing",
        status_code=200,
        opt={"access": staff("reviewer")},
    )
    async def approve_listing(
        self, work: GivenWork, review_id: ReviewId, data: JSONBody[Approval]
    ) -> ReviewOut:
        """Approve: the lot is opened in the register and the listing goes on sale."""
        decisions = tuple(row.to_value() for row in data.decisions)
        return ReviewOut.of(await service.approve(work, path_id("rev", review_id), decisions))

    @post(
        "/{review_id:str}/change-request",
        operation_id="request_listing_changes",
        status_code=200,
        opt={"access": staff("reviewer")},
    )
    async def request_listing_changes(
        self, work: GivenWork, review_id: ReviewId, data: JSONBody[Refusal]
    ) -> ReviewOut:
        """Send the listing back to the seller, with what has to change."""
        wanted = path_id("rev", review_id)
        return ReviewOut.of(await service.request_changes(work, wanted, data.reasons))

    @post(
        "/{review_id:str}/rejection",
        operation_id="reject_listing",
        status_code=200,
        opt={"access": staff("reviewer")},
    )
    async def reject_listing(
        self, work: GivenWork, review_id: ReviewId, data: JSONBody[Refusal]
    ) -> ReviewOut:
        """Refuse the listing for good, with the reasons."""
        wanted = path_id("rev", review_id)
        return ReviewOut.of(await service.reject(work, wanted, data.reasons))


CONTROLLERS: Final = (SubmissionController, ReviewController)
