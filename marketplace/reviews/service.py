"""Use cases of reviews. An approval opens the lot in the register and publishes the listing, all in one transaction."""

from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, page_of
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.listings import service as listings
from marketplace.listings.domain.listing import Evidence, Listing, Submission
from marketplace.parties import service as parties
from marketplace.parties.domain import Company
from marketplace.register import service as register
from marketplace.register.domain import FirstSale, NewLot, Party
from marketplace.reviews import domain, store
from marketplace.reviews.domain import Assessment, FindingDecision, Review, Reviewer, State
from marketplace.reviews.events import ReviewOpened

FIRST_SALE_KINDS: Final = (
    EvidenceKind.FIRST_INVOICE,
    EvidenceKind.LICENCE_STATEMENT,
    EvidenceKind.PORTAL_EXTRACT,
    EvidenceKind.AGREEMENT,
)
"""Papers that show the first sale, the strongest first (C01)."""

log = structlog.get_logger()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a reviewer looks at.

    `assessment` is today's, papers included that came after the submission; `claims` are listings of
    other sellers that name the same position.
    """

    review: Review
    listing: Listing
    seller: Company
    submission: Submission
    papers: list[Evidence]
    assessment: Assessment
    claims: list[Listing]


async def submit_listing(work: Work, listing_id: UUID) -> Listing:
    """Hand the caller's listing over for review and put it into the queue.

    Raises:
        As `listings.service.submit_listing`.
    """
    listing, submission = await listings.submit_listing(work, listing_id)
    review = Review(
        id=work.new_id(),
        listing_id=listing.id,
        submission_id=submission.id,
        company_id=listing.company_id,
        state=State.OPEN,
        version=1,
        opened_at=work.now,
    )
    async with work.elevated("the queue is the operator's; a seller only adds to it"):
        await store.add(work.connection, review)
    work.announce(ReviewOpened(review_id=review.id, listing_id=listing.id))
    log.info("review.opened", review_id=str(review.id), listing_id=str(listing.id))
    return listing


async def close_reviews(work: Work, listing_id: UUID) -> None:
    """Let the open review of a listing lapse that was withdrawn or has expired."""
    for review in await store.lock_open_of(work.connection, listing_id):
        await store.save(work.connection, domain.lapse(review, work.now))


async def list_reviews(
    work: Work, state: State | None, after: UUID | None, limit: int
) -> Page[tuple[Review, Listing, Company]]:
    """Give one page of the queue, the longest waiting first."""
    rows = await store.list_page(work.connection, state, after, limit + 1)
    page = page_of(rows, limit, lambda row: (str(row.id),))
    offers = await listings.load_listings(work, [row.listing_id for row in page.items])
    sellers = await parties.load_companies(work, {row.company_id for row in page.items})
    items = [(row, offers[row.listing_id], sellers[row.company_id]) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


async def load_case(work: Work, review_id: UUID) -> Case:
    """Give everything about one review.

    Raises:
        NotFound.
    """
    review = await _load(work, review_id)
    listing = await listings.load_listing(work, review.listing_id)
    assessment, claims = await _assess(work, listing)
    return Case(
        review=review,
        listing=listing,
        seller=await parties.load_company(work, review.company_id),
        submission=await listings.load_submission(work, review.submission_id),
        papers=await listings.list_evidence(work, review.listing_id),
        assessment=assessment,
        claims=claims,
    )


async def approve(work: Work, review_id: UUID, decisions: tuple[FindingDecision, ...]) -> Review:
    """Approve: open the lot in the register, put its papers behind it, publish the listing.

    Raises:
        NotFound.
        Conflict: `review.closed`, `review.finding_blocks`, `review.finding_waits`,
        `review.finding_undecided`,
            `listing.not_possible`, `listing.expired`, `company.not_verified`.
        Forbidden: `review.own_company`.
        Malformed: `review.finding_unknown`.
    """
    found = await _load(work, review_id, lock=True)
    listing = await listings.load_listing(work, found.listing_id, lock=True)
    assessment, _ = await _assess(work, listing)
    review, event = domain.approve(found, _reviewer(work), assessment, decisions, work.now)
    seller = await parties.load_company(work, listing.company_id)
    parties.require_tradable(seller)
    lot_id = await _open_lot(work, listing, seller)
    await listings.publish_listing(work, listing.id, lot_id, assessment.findings)
    await store.save(work.connection, review)
    work.announce(event)
    _record(work, review, listing)
    return review


async def request_changes(work: Work, review_id: UUID, reasons: str) -> Review:
    """Ask the seller for changes.

    Raises:
        NotFound.
        Conflict: `review.closed`, `listing.not_possible`.
        Forbidden: `review.own_company`.
    """
    found = await _load(work, review_id, lock=True)
    review, event = domain.request_changes(found, _reviewer(work), reasons, work.now)
    listing = await listings.send_back_listing(work, review.listing_id, reasons)
    await store.save(work.connection, review)
    work.announce(event)
    _record(work, review, listing)
    return review


async def reject(work: Work, review_id: UUID, reasons: str) -> Review:
    """Refuse the listing for good.

    Raises:
        NotFound.
        Conflict: `review.closed`, `listing.not_possible`.
        Forbidden: `review.own_company`.
    """
    found = await _load(work, review_id, lock=True)
    review, event = domain.reject(found, _reviewer(work), reasons, work.now)
    listing = await listings.reject_listing(work, review.listing_id, reasons)
    await store.save(work.connection, review)
    work.announce(event)
    _record(work, review, listing)
    return review


async def _assess(work: Work, listing: Listing) -> tuple[Assessment, list[Listing]]:
    claims = await listings.listed_by_others(work, listing)
    findings = await listings.findings_of(work, listing.id)
    return Assessment(findings, claimed_by_another=bool(claims)), claims


async def _load(work: Work, review_id: UUID, *, lock: bool = False) -> Review:
    found = await store.find(work.connection, review_id, lock=lock)
    if found is None:
        raise NotFound("review.unknown", "There is no such review.")
    return found


def _reviewer(work: Work) -> Reviewer:
    member_id = work.principal.member_id
    if member_id is None:
        raise AssertionError("route without a staff member")
    return Reviewer(member_id, work.principal.company)


async def _open_lot(work: Work, listing: Listing, seller: Company) -> UUID:
    position = listing.position
    papers = await listings.list_evidence(work, listing.id)
    operator = await parties.operator(work)
    owner = Party(seller.id, seller.legal_name, seller.register_number, seller.country)
    lot = NewLot(
        # Random, not time-ordered: it is the lot's public pseudonym.
        id=UUID(bytes=work.token(16), version=4),
        owner=owner,
        units=position.offered,
        first_sale=FirstSale(
            product=position.product.key,
            metric=position.product.metric.value,
            agreement=position.agreement_number,
            # A second-hand seller is not the one who bought first (C11).
            acquirer=position.first_acquirer if position.chain else seller.legal_name,
            document_sha256=_first_sale_document(papers),
            territory=position.country,
            attestor=operator.legal_name,
        ),
    )
    holding_id = await register.open_lot(work, lot)
    chain = await register.chain_of(work, holding_id)
    opened_by = chain.links[0].event_id
    for paper in papers:
        shown = {"kind": paper.kind.value, "file": paper.sha256}
        await register.attach_evidence(work, lot.id, opened_by, shown)
    return lot.id


def _first_sale_document(papers: list[Evidence]) -> str:
    """Choose the paper that shows the first sale; empty when the reviewer accepted other proof."""
    by_kind = {paper.kind: paper.sha256 for paper in reversed(papers)}
    return next((by_kind[kind] for kind in FIRST_SALE_KINDS if kind in by_kind), "")


def _record(work: Work, review: Review, listing: Listing) -> None:
    work.audit(f"review.{review.state.value}", format_id("lst", listing.id), review.reasons[:200])
    log.info(
        "review.decided",
        review_id=str(review.id),
        listing_id=str(listing.id),
        state=review.state.value,
    )
