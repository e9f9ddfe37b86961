"""Decisions about a submission, without a database."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from marketplace.kernel.errors import Conflict, DomainError, Forbidden, Malformed
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.eligibility.conditions import assess
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import (
    SELLER,
    ChainLink,
    Declared,
    EvidenceKind,
    FirstSeller,
    PaperState,
    SaStatus,
    SellerRole,
    Term,
    summarise,
)
from marketplace.reviews import domain
from marketplace.reviews.domain import (
    LISTED_BY_ANOTHER,
    Assessment,
    FindingDecision,
    Review,
    Reviewer,
    State,
)
from marketplace.reviews.events import STAGE_EVENTS, ReviewDecided
from tests.listings.test_listing import make_position

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
REVIEWER = Reviewer(uuid4(), uuid4())
PAPERS = (EvidenceKind.AGREEMENT, EvidenceKind.FIRST_INVOICE, EvidenceKind.PAYMENT_PROOF)


def make_review(**changes: Any) -> Review:
    given: dict[str, Any] = {
        "id": uuid4(),
        "listing_id": uuid4(),
        "submission_id": uuid4(),
        "company_id": uuid4(),
        "state": State.OPEN,
        "version": 1,
        "opened_at": NOW,
    } | changes
    return Review(**given)


def findings(papers: tuple[EvidenceKind, ...] = PAPERS, **changes: Any) -> tuple[Finding, ...]:
    """Assess a sound position with these papers."""
    sound = {
        "country": "DE",
        "first_sold_on": date(2020, 3, 1),
        "first_seller": FirstSeller.AUTHORISED_PARTNER,
        "term": Term.PERPETUAL,
        "paid_in_full": True,
        "identifiers": {"licence_number": "1"},
        "purchased_version": "2019",
        "purchased_metric": Metric.USER,
        "sa_status": SaStatus.NEVER,
        "seller_role": SellerRole.AGREEMENT_HOLDER,
        "terms_edition": "2020-03",
        "retention_covenant": Declared.NO,
        "third_party_rights": Declared.NO,
    }
    return assess(make_position(**(sound | changes)), summarise(papers), NOW.date())


def decide_all(rows: tuple[Finding, ...]) -> tuple[FindingDecision, ...]:
    return tuple(FindingDecision(row.code, "seen") for row in domain.open_holds(rows))


class TestApprove:
    def test_proven_listing_is_approved_with_the_findings_it_rests_on(self) -> None:
        review, rows = make_review(), findings()
        assert domain.open_holds(rows) == ()
        changed, event = domain.approve(review, REVIEWER, Assessment(rows), (), NOW)
        assert (changed.state, changed.version) == (State.APPROVED, 2)
        assert (changed.decided_by, changed.decided_at) == (REVIEWER.member_id, NOW)
        assert changed.findings == rows
        assert event == ReviewDecided(review_id=review.id, listing_id=review.listing_id)

    def test_hold_that_is_due_later_needs_no_decision(self) -> None:
        held = [row for row in findings() if row.outcome is Outcome.HOLD]
        assert [row.rule_id for row in held] == ["C07"]

    def test_each_hold_needs_its_own_decision(self) -> None:
        rows = findings(papers=())
        held = domain.open_holds(rows)
        assert len(held) > 2
        with pytest.raises(Conflict, match=r"review\.finding_undecided") as refusal:
            domain.approve(make_review(), REVIEWER, Assessment(rows), decide_all(rows)[1:], NOW)
        assert [field.pointer for field in refusal.value.fields] == [f"/findings/{held[0].code}"]
        changed, _ = domain.approve(
            make_review(), REVIEWER, Assessment(rows), decide_all(rows), NOW
        )
        assert changed.decisions == decide_all(rows)

    def test_what_the_seller_left_out_can_be_closed_by_the_reviewer(self) -> None:
        rows = findings(
            purchased_version="",
            purchased_metric=None,
            sa_status=SaStatus.UNKNOWN,
            seller_role=SellerRole.UNKNOWN,
            terms_edition="",
            retention_covenant=Declared.UNKNOWN,
            third_party_rights=Declared.UNKNOWN,
        )
        held = {row.rule_id for row in domain.open_holds(rows)}
        assert held == {"C06", "C08", "C11", "C12", "C14", "C17", "C18", "C20", "C21"}
        changed, _ = domain.approve(
            make_review(), REVIEWER, Assessment(rows), decide_all(rows), NOW
        )
        assert changed.state is State.APPROVED

    def test_owner_that_stopped_too_late_cannot_be_decided_away(self) -> None:
        late = ChainLink(
            transferor="first",
            transferee=SELLER,
            quantity=100,
            transferred_on=date(2024, 3, 15),
            deed=PaperState.SHOWN,
            cease_use=PaperState.SHOWN,
            ceased_quantity=100,
            ceased_on=date(2024, 3, 16),
        )
        rows = findings(
            papers=(*PAPERS, EvidenceKind.TRANSFER_DEED, EvidenceKind.CEASE_USE_DECLARATION),
            seller_role=SellerRole.PURCHASER,
            first_acquirer="first",
            chain=(late,),
        )
        with pytest.raises(Conflict, match=r"review\.finding_blocks") as refusal:
            domain.approve(make_review(), REVIEWER, Assessment(rows), decide_all(rows), NOW)
        assert [field.pointer for field in refusal.value.fields] == ["/findings/c08.ended_late"]

    def test_block_cannot_be_decided_away(self) -> None:
        rows = findings(country="US")
        decisions = (FindingDecision("c02.origin_outside", "never mind"),)
        with pytest.raises(Conflict, match=r"review\.finding_blocks"):
            domain.approve(make_review(), REVIEWER, Assessment(rows), decisions, NOW)

    def test_right_that_vests_later_waits(self) -> None:
        rows = findings(
            papers=(*PAPERS, EvidenceKind.ENROLMENT),
            programme="enterprise_agreement",
            identifiers={"enrolment_number": "1"},
            term_end_on=date(2027, 6, 30),
        )
        with pytest.raises(Conflict, match=r"review\.finding_waits") as refusal:
            domain.approve(make_review(), REVIEWER, Assessment(rows), decide_all(rows), NOW)
        assert "2027-07-01" in refusal.value.fields[0].detail

    def test_position_that_another_seller_claims_needs_a_decision(self) -> None:
        assessment = Assessment(findings(), claimed_by_another=True)
        assert assessment.to_decide == (LISTED_BY_ANOTHER,)
        with pytest.raises(Conflict, match=r"review\.finding_undecided") as refusal:
            domain.approve(make_review(), REVIEWER, assessment, (), NOW)
        assert "Another seller" in refusal.value.fields[0].detail
        decisions = (FindingDecision(LISTED_BY_ANOTHER, "it withdrew by phone"),)
        changed, _ = domain.approve(make_review(), REVIEWER, assessment, decisions, NOW)
        assert changed.decisions == decisions

    def test_decision_about_something_else_is_refused(self) -> None:
        decisions = (FindingDecision("c07.not_declared", "later"),)
        with pytest.raises(Malformed, match=r"review\.finding_unknown"):
            domain.approve(make_review(), REVIEWER, Assessment(findings()), decisions, NOW)


def run(command: str, review: Review, reviewer: Reviewer) -> Review:
    if command == "approve":
        return domain.approve(review, reviewer, Assessment(findings()), (), NOW)[0]
    if command == "reject":
        return domain.reject(review, reviewer, "no", NOW)[0]
    return domain.request_changes(review, reviewer, "more", NOW)[0]


COMMANDS = {
    "approve": State.APPROVED,
    "reject": State.REJECTED,
    "request_changes": State.CHANGES_REQUESTED,
}


class TestStates:
    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("command", COMMANDS)
    def test_review_is_decided_once(self, command: str, state: State) -> None:
        review = make_review(state=state)
        if state is State.OPEN:
            assert run(command, review, REVIEWER).state is COMMANDS[command]
            return
        with pytest.raises(Conflict, match=r"review\.closed"):
            run(command, review, REVIEWER)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_nobody_decides_about_its_own_company(self, command: str) -> None:
        review = make_review(company_id=REVIEWER.company_id)
        with pytest.raises(Forbidden, match=r"review\.own_company"):
            run(command, review, REVIEWER)

    def test_reasons_are_kept(self) -> None:
        assert run("reject", make_review(), REVIEWER).reasons == "no"
        assert run("request_changes", make_review(), REVIEWER).reasons == "more"

    @pytest.mark.parametrize("state", State)
    def test_only_an_open_review_lapses(self, state: State) -> None:
        review = make_review(state=state)
        lapsed = domain.lapse(review, NOW)
        if state is State.OPEN:
            assert (lapsed.state, lapsed.decided_at, lapsed.version) == (State.LAPSED, NOW, 2)
        else:
            assert lapsed == review


class TestValues:
    def test_review_survives_its_own_encoding(self) -> None:
        review = run("approve", make_review(), REVIEWER)
        assert msgspec.json.decode(msgspec.json.encode(review), type=Review) == review

    def test_events_have_versioned_names(self) -> None:
        assert [event.name for event in STAGE_EVENTS] == ["review.opened.v1", "review.decided.v1"]
        assert issubclass(Conflict, DomainError)
