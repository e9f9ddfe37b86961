"""What the routes of reviews take and give."""

from datetime import datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import END, LongText
from marketplace.listings.schemas import EvidenceOut, FindingOut, ListingOut, ListingText
from marketplace.reviews.domain import FindingDecision, Review, State
from marketplace.reviews.service import Case

FindingCode = Annotated[
    str, Meta(pattern=rf"^[a-z0-9]{{1,20}}\.[a-z_]{{1,40}}{END}", examples=["c01.source_unproven"])
]


class FindingDecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes a finding that holds as cured."""

    code: FindingCode
    note: Annotated[LongText, Meta(description="On what this rests")]

    def to_value(self) -> FindingDecision:
        """Give the decision as a value."""
        return FindingDecision(self.code, self.note)


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Approves a listing; each finding that holds before publication needs a decision."""

    decisions: Annotated[list[FindingDecisionBody], Meta(max_length=50)] = []


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sends a listing back or rejects it."""

    reasons: Annotated[
        LongText,
        Meta(
            description="What the seller reads",
            examples=["The invoice names 50 licences, the listing 60."],
        ),
    ]


class ReviewOut(msgspec.Struct, frozen=True, kw_only=True):
    """A review."""

    id: Annotated[str, Meta(pattern=pattern("rev"))]
    listing_id: ListingText
    company_id: Annotated[str, Meta(pattern=pattern("cmp"))]
    state: State
    opened_at: datetime
    decided_at: datetime | None
    decided_by: Annotated[str | None, Meta(description="The staff member")]
    reasons: str
    decisions: list[FindingDecisionBody]

    @classmethod
    def of(cls, review: Review) -> Self:
        """Write a review."""
        return cls(
            id=format_id("rev", review.id),
            listing_id=format_id("lst", review.listing_id),
            company_id=format_id("cmp", review.company_id),
            state=review.state,
            opened_at=review.opened_at,
            decided_at=review.decided_at,
            decided_by=format_id("mem", review.decided_by) if review.decided_by else None,
            reasons=review.reasons,
            decisions=[FindingDecisionBody(row.code, row.note) for row in review.decisions],
        )


class QueueItem(msgspec.Struct, frozen=True):
    """A line of the queue."""

    review: ReviewOut
    listing: ListingOut
    seller_name: str


class Queue(msgspec.Struct, frozen=True):
    """Reviews, the longest waiting first."""

    items: list[QueueItem]
    next_cursor: str | None


class CaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one review."""

    review: ReviewOut
    listing: ListingOut
    seller_name: str
    submitted_findings: Annotated[
        list[FindingOut], Meta(description="What the conditions found at submission")
    ]
    findings: Annotated[
        list[FindingOut],
        Meta(description="Today, papers that came later included; the decision rests on these"),
    ]
    to_decide: Annotated[
        list[str], Meta(description="Codes that an approval must decide one by one")
    ]
    claims: Annotated[
        list[ListingOut],
        Meta(description="Listings of other sellers that name the same agreement and part number"),
    ]
    evidence: list[EvidenceOut]

    @classmethod
    def of(cls, case: Case) -> Self:
        """Write a case."""
        return cls(
            review=ReviewOut.of(case.review),
            listing=ListingOut.of(case.listing),
            seller_name=case.seller.legal_name,
            submitted_findings=[FindingOut.of(row) for row in case.submission.findings],
            findings=[FindingOut.of(row) for row in case.assessment.findings],
            to_decide=list(case.assessment.to_decide),
            claims=[ListingOut.of(row) for row in case.claims],
            evidence=[EvidenceOut.of(row) for row in case.papers],
        )
