"""A review: one decision about one submission, by a person who has nothing to do with the seller."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Forbidden, Malformed
from marketplace.kernel.events import Event
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.rules import Due
from marketplace.licensing.texts import cure_text, finding_text
from marketplace.reviews.events import ReviewDecided


class State(StrEnum):
    """How a review stands. `lapsed`: the listing ended before anybody decided."""

    OPEN = "open"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    LAPSED = "lapsed"


class FindingDecision(msgspec.Struct, frozen=True):
    """A reviewer takes a finding that holds as cured, and says on what it rests."""

    code: str
    note: str


LISTED_BY_ANOTHER: Final = "position.listed_by_another"
"""What a reviewer must decide when another seller claims the same agreement and part number."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One submission in the hands of the operator. `findings` are those the decision rests on, once it is taken."""

    id: UUID
    listing_id: UUID
    submission_id: UUID
    company_id: UUID
    state: State
    version: int
    opened_at: datetime
    reasons: str = ""
    decisions: tuple[FindingDecision, ...] = ()
    findings: tuple[Finding, ...] = ()
    decided_by: UUID | None = None
    decided_at: datetime | None = None


class Reviewer(msgspec.Struct, frozen=True):
    """The person who decides, and the company it works for."""

    member_id: UUID
    company_id: UUID


class Assessment(msgspec.Struct, frozen=True):
    """What speaks for and against a listing today.

    `findings` are those of the conditions; `claimed_by_another` says that another company lists the same position.
    """

    findings: tuple[Finding, ...]
    claimed_by_another: bool = False

    @property
    def to_decide(self) -> tuple[str, ...]:
        """Give the codes that an approval must decide one by one."""
        codes = [row.code for row in open_holds(self.findings)]
        return (*codes, LISTED_BY_ANOTHER) if self.claimed_by_another else tuple(codes)


def open_holds(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Give the findings that keep a listing from publication until a person takes them as cured."""
    return tuple(
        row for row in findings if row.outcome is Outcome.HOLD and row.due is Due.PUBLICATION
    )


def approve(
    review: Review,
    reviewer: Reviewer,
    assessment: Assessment,
    decisions: tuple[FindingDecision, ...],
    now: datetime,
) -> tuple[Review, Event]:
    """Let the listing be sold. Everything that holds today needs the reviewer's own decision.

    Raises:
        Conflict: `review.closed`, `review.finding_blocks`, `review.finding_waits`,
        `review.finding_undecided`, `review.first_sale_unknown`.
        Forbidden: `review.own_company`.
        Malformed: `review.finding_unknown`.
    """
    require_decidable(review, reviewer)
    _refuse_blocking(assessment.findings)
    _refuse_unknown_origin(assessment.findings)
    _refuse_waiting(open_holds(assessment.findings), now.date())
    _require_decisions(assessment, {row.code for row in decisions})
    changed = msgspec.structs.replace(review, decisions=decisions, findings=assessment.findings)
    return _decided(changed, State.APPROVED, reviewer, now)


def _refuse_unknown_origin(findings: tuple[Finding, ...]) -> None:
    """No zone is open to a lot without day and country of its first sale (C02), so no word of a reviewer helps."""
    if any(row.code == "c02.origin_unknown" for row in findings):
        raise Conflict(
            "review.first_sale_unknown",
            "Day or country of the first sale is missing; send the listing back and ask for them.",
        )


def request_changes(
    review: Review, reviewer: Reviewer, reasons: str, now: datetime
) -> tuple[Review, Event]:
    """Ask the seller for changes; raises as `require_decidable`."""
    require_decidable(review, reviewer)
    changed = msgspec.structs.replace(review, reasons=reasons)
    return _decided(changed, State.CHANGES_REQUESTED, reviewer, now)


def reject(review: Review, reviewer: Reviewer, reasons: str, now: datetime) -> tuple[Review, Event]:
    """Refuse the listing for good; raises as `require_decidable`."""
    require_decidable(review, reviewer)
    changed = msgspec.structs.replace(review, reasons=reasons)
    return _decided(changed, State.REJECTED, reviewer, now)


def lapse(review: Review, now: datetime) -> Review:
    """Close a review whose listing ended; one that was decided stays as it is."""
    if review.state is not State.OPEN:
        return review
    return msgspec.structs.replace(
        review, state=State.LAPSED, decided_at=now, version=review.version + 1
    )


def require_decidable(review: Review, reviewer: Reviewer) -> None:
    """Refuse a second decision, and one about the reviewer's own company.

    Raises:
        Conflict: `review.closed`.
        Forbidden: `review.own_company`.
    """
    if reviewer.company_id == review.company_id:
        raise Forbidden(
            "review.own_company", "You belong to the seller; a colleague outside it must decide."
        )
    if review.state is not State.OPEN:
        raise Conflict("review.closed", f"This review is {review.state.value}; it is decided once.")


def _decided(
    review: Review, state: State, reviewer: Reviewer, now: datetime
) -> tuple[Review, Event]:
    changed = msgspec.structs.replace(
        review,
        state=state,
        version=review.version + 1,
        decided_by=reviewer.member_id,
        decided_at=now,
    )
    return changed, ReviewDecided(review_id=review.id, listing_id=review.listing_id)


def _refuse_blocking(findings: tuple[Finding, ...]) -> None:
    blocking = [row for row in findings if row.outcome is Outcome.BLOCK]
    if blocking:
        raise Conflict(
            "review.finding_blocks",
            "Some findings block and no reviewer can lift them; send the listing back or reject it.",
            *(_problem(row) for row in blocking),
        )


def _refuse_waiting(holding: tuple[Finding, ...], today: date) -> None:
    """A right that vests on a later day has not vested, whatever a reviewer thinks (C05)."""
    waiting = [row for row in holding if row.recheck_on is not None and row.recheck_on > today]
    if waiting:
        raise Conflict(
            "review.finding_waits",
            "Some findings can only be cured by time; approve on or after the day they name.",
            *(_problem(row) for row in waiting),
        )


def _require_decisions(assessment: Assessment, decided: set[str]) -> None:
    """Every open point needs a decision, and nothing else may be decided."""
    unknown = sorted(decided - set(assessment.to_decide))
    if unknown:
        raise Malformed(
            "review.finding_unknown",
            "Decide only what holds today; the review shows it.",
            *(FieldProblem("/decisions", code) for code in unknown),
        )
    missing = [code for code in assessment.to_decide if code not in decided]
    if missing:
        texts = {row.code: _problem(row) for row in assessment.findings}
        claimed = FieldProblem(
            f"/findings/{LISTED_BY_ANOTHER}",
            "Another seller lists the same agreement and part number.",
        )
        raise Conflict(
            "review.finding_undecided",
            "Some points hold: take each as cured and say on what it rests, or ask for changes.",
            *(texts.get(code, claimed) for code in missing),
        )


def _problem(finding: Finding) -> FieldProblem:
    return FieldProblem(
        f"/findings/{finding.code}", f"{finding_text(finding)} {cure_text(finding)}".strip()
    )
