"""A review: one decision about one submission, by a person who has nothing to do with the seller."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Forbidden, Malformed
from marketplace.kernel.events import Event
from marketplace.licensing.findings import Due, Finding, Outcome
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


def open_holds(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Give the findings that keep a listing from publication until a person takes them as cured."""
    return tuple(
        row for row in findings if row.outcome is Outcome.HOLD and row.due is Due.PUBLICATION
    )


def approve(
    review: Review,
    reviewer: Reviewer,
    findings: tuple[Finding, ...],
    decisions: tuple[FindingDecision, ...],
    now: datetime,
) -> tuple[Review, Event]:
    """Let the listing be sold. `findings` are today's; every one that holds needs the reviewer's own decision.

    Raises:
        Conflict: `review.closed`, `review.finding_blocks`, `review.finding_waits`,
        `review.finding_undecided`.
        Forbidden: `review.own_company`.
        Malformed: `review.finding_unknown`.
    """
    require_decidable(review, reviewer)
    _refuse_blocking(findings)
    holding = open_holds(findings)
    _refuse_waiting(holding, now.date())
    decided = {row.code for row in decisions}
    _refuse_unknown(decided, holding)
    missing = [row for row in holding if row.code not in decided]
    if missing:
        raise Conflict(
            "review.finding_undecided",
            "Some findings hold: take each as cured and say on what it rests, or ask for changes.",
            *(_problem(row) for row in missing),
        )
    changed = msgspec.structs.replace(review, decisions=decisions, findings=findings)
    return _decided(changed, State.APPROVED, reviewer, now)


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


def _refuse_unknown(decided: set[str], holding: tuple[Finding, ...]) -> None:
    unknown = sorted(decided - {row.code for row in holding})
    if unknown:
        raise Malformed(
            "review.finding_unknown",
            "Decide only findings that hold today; the review shows them.",
            *(FieldProblem("/decisions", code) for code in unknown),
        )


def _problem(finding: Finding) -> FieldProblem:
    return FieldProblem(
        f"/findings/{finding.code}", f"{finding_text(finding)} {cure_text(finding)}".strip()
    )
