"""States and decisions of a listing, without a database."""

from datetime import UTC, date, datetime, timedelta
from itertools import product as pairs
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, DomainError, Malformed
from marketplace.kernel.events import Event
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.positions import (
    ChainLink,
    FromSaSubscription,
    OrderedUnit,
    SourcePosition,
    summarise,
)
from marketplace.listings import events
from marketplace.listings.domain import listing as domain
from marketplace.listings.domain.listing import (
    EDITABLE,
    TAKES_EVIDENCE,
    TRANSITIONS,
    Listing,
    State,
    Submission,
    Terms,
    position_key,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LOT = uuid4()


def make_position(**changes: Any) -> SourcePosition:
    given: dict[str, Any] = {
        "product": load_catalogue().product("ws_cal-2019-user"),
        "programme": "open_license",
        "acquired": 100,
        "offered": 60,
        "retained": 40,
        "agreement_number": "61234567",
        "part_number": "R18-05768",
    } | changes
    return SourcePosition(**given)


def make_terms(**changes: Any) -> Terms:
    given: dict[str, Any] = {
        "unit_price": Money(1890, "EUR"),
        "smallest_quantity": 5,
        "expires_at": NOW + timedelta(days=30),
    } | changes
    return Terms(**given)


def make_listing(state: State = State.DRAFT, **changes: Any) -> Listing:
    live = state in (State.PUBLISHED, State.SOLD_OUT)
    given: dict[str, Any] = {
        "id": uuid4(),
        "company_id": uuid4(),
        "state": state,
        "version": 3,
        "position": make_position(),
        "terms": make_terms(),
        "seller_country": "DE",
        "created_at": NOW - timedelta(days=2),
        "changed_at": NOW - timedelta(days=1),
        "available": 60 if live else 0,
        "committed": 60 if live or state is State.SUBMITTED else 0,
        "lot_id": LOT if live else None,
    } | changes
    return Listing(**given)


def make_submission(listing: Listing) -> Submission:
    findings = assess(listing.position, summarise(()), NOW.date())
    return Submission(
        id=uuid4(),
        listing_id=listing.id,
        position=listing.position,
        findings=findings,
        rule_set_version="test",
        submitted_at=NOW,
    )


def run(command: str, listing: Listing) -> tuple[Listing, Event]:
    """Run a command that changes the state."""
    if command == "submit":
        submission = make_submission(listing)
        return domain.submit(listing, submission, judge(submission.findings), NOW)
    if command == "publish":
        return domain.publish(listing, LOT, NOW)
    if command in ("send_back", "reject"):
        return {"send_back": domain.send_back, "reject": domain.reject}[command](
            listing, "reasons", NOW
        )
    return {"withdraw": domain.withdraw, "expire": domain.expire}[command](listing, 10, NOW)


COMMANDS = sorted(set(TRANSITIONS) - {"sell_out"})


class TestStates:
    @pytest.mark.parametrize(("command", "state"), list(pairs(COMMANDS, State)))
    def test_table_decides(self, command: str, state: State) -> None:
        listing = make_listing(state)
        allowed, target = TRANSITIONS[command]
        if state not in allowed:
            with pytest.raises(Conflict, match=r"listing\.not_possible"):
                run(command, listing)
            return
        changed, event = run(command, listing)
        assert changed.state is target
        assert changed.version == listing.version + 1
        assert changed.changed_at == NOW
        assert event.ids()["listing_id"] == str(listing.id)

    def test_final_states_lead_nowhere(self) -> None:
        final = {State.REJECTED, State.SOLD_OUT, State.WITHDRAWN, State.EXPIRED}
        assert not any(final & allowed for allowed, _ in TRANSITIONS.values())

    @given(st.lists(st.sampled_from(COMMANDS), max_size=12))
    def test_available_units_never_exceed_committed_ones(self, commands: list[str]) -> None:
        listing = make_listing()
        for command in commands:
            try:
                listing, _ = run(command, listing)
            except Conflict:
                continue
            assert 0 <= listing.available <= listing.committed <= listing.position.offered
            assert (listing.available > 0) == (listing.state is State.PUBLISHED)

    def test_events_have_distinct_versioned_names(self) -> None:
        names = [event.name for event in events.STAGE_EVENTS]
        assert len(set(names)) == len(names)
        assert all(name.startswith("listing.") and name.endswith(".v1") for name in names)


class TestSubmit:
    def test_units_are_committed_and_the_old_note_goes(self) -> None:
        changed, _ = run("submit", make_listing(State.CHANGES_REQUESTED, note="please change"))
        assert (changed.committed, changed.note, changed.submitted_at) == (60, "", NOW)

    def test_past_end_is_refused(self) -> None:
        with pytest.raises(Conflict, match=r"listing\.expired"):
            run("submit", make_listing(terms=make_terms(expires_at=NOW)))

    def test_blocking_findings_are_listed_with_their_text(self) -> None:
        listing = make_listing(position=make_position(retained=50, key_only=True))
        with pytest.raises(Conflict, match=r"listing\.blocked") as refusal:
            run("submit", listing)
        named = {field.pointer: field.detail for field in refusal.value.fields}
        assert set(named) == {"/findings/c09.overdraw", "/findings/c19.key_only"}
        assert "110 licences" in named["/findings/c09.overdraw"]

    def test_broken_pack_is_refused(self) -> None:
        position = make_position(
            ordered_unit=OrderedUnit.PACK, pack_size=5, offered=58, retained=42
        )
        with pytest.raises(Conflict, match=r"listing\.not_tradable_units") as refusal:
            run("submit", make_listing(position=position))
        assert [field.pointer for field in refusal.value.fields] == ["/position/offered"]
        assert "nearest: 60" in refusal.value.fields[0].detail

    def test_smallest_quantity_must_be_whole_packs(self) -> None:
        position = make_position(ordered_unit=OrderedUnit.PACK, pack_size=20)
        with pytest.raises(Conflict, match=r"listing\.not_tradable_units") as refusal:
            run("submit", make_listing(position=position))
        assert [field.pointer for field in refusal.value.fields] == ["/smallest_quantity"]

    def test_pack_of_unknown_size_is_refused(self) -> None:
        position = make_position(ordered_unit=OrderedUnit.PACK)
        with pytest.raises(Conflict, match="State the pack size"):
            run("submit", make_listing(position=position))


class TestPublish:
    def test_all_offered_units_go_on_sale(self) -> None:
        changed, event = domain.publish(make_listing(State.SUBMITTED), LOT, NOW)
        assert (changed.available, changed.lot_id, changed.published_at) == (60, LOT, NOW)
        assert event == events.ListingPublished(listing_id=changed.id, lot_id=LOT)

    def test_listing_that_ended_in_review_is_refused(self) -> None:
        listing = make_listing(State.SUBMITTED, terms=make_terms(expires_at=NOW))
        with pytest.raises(Conflict, match=r"listing\.expired"):
            domain.publish(listing, LOT, NOW)


class TestEnding:
    def test_returned_units_may_be_listed_again(self) -> None:
        changed, _ = domain.withdraw(make_listing(State.PUBLISHED), 45, NOW)
        assert (changed.committed, changed.available, changed.ended_at) == (15, 0, NOW)

    def test_units_that_come_back_later_are_freed_then(self) -> None:
        ended, _ = domain.withdraw(make_listing(State.PUBLISHED), 45, NOW)
        later = domain.give_back(ended, 15, NOW)
        assert (later.committed, later.version) == (0, ended.version + 1)

    @pytest.mark.parametrize("state", State)
    def test_clock_ends_what_is_open_and_over(self, state: State) -> None:
        over = make_listing(state, terms=make_terms(expires_at=NOW))
        assert domain.is_due(over, NOW) == (state in TRANSITIONS["expire"][0])
        assert not domain.is_due(make_listing(state), NOW)

    def test_unpublished_listing_frees_its_whole_position(self) -> None:
        changed, _ = domain.expire(make_listing(State.SUBMITTED), 0, NOW)
        assert changed.committed == 0

    @pytest.mark.parametrize("decide", [domain.send_back, domain.reject])
    def test_refused_listing_frees_its_position_and_keeps_the_reasons(self, decide: Any) -> None:
        changed, _ = decide(make_listing(State.SUBMITTED), "invoice unreadable", NOW)
        assert (changed.committed, changed.note) == (0, "invoice unreadable")


class TestGates:
    @pytest.mark.parametrize("state", State)
    def test_only_editable_states_can_be_changed(self, state: State) -> None:
        if state in EDITABLE:
            domain.require_editable(make_listing(state))
            return
        with pytest.raises(Conflict, match=r"listing\.not_editable"):
            domain.require_editable(make_listing(state))

    @pytest.mark.parametrize("state", State)
    def test_papers_are_taken_until_the_review_ends(self, state: State) -> None:
        if state in TAKES_EVIDENCE:
            domain.require_takes_evidence(make_listing(state))
            return
        with pytest.raises(Conflict, match=r"listing\.evidence_closed"):
            domain.require_takes_evidence(make_listing(state))


class TestCheckOffer:
    def test_sound_offer_passes(self) -> None:
        domain.check_offer(make_position(), make_terms(), "EUR", NOW)
        dated = make_position(first_sold_on=date(2020, 3, 1), term_end_on=date(2100, 12, 31))
        domain.check_offer(dated, make_terms(), "EUR", NOW)

    @pytest.mark.parametrize(
        ("position", "terms", "code"),
        [
            ({}, {"unit_price": Money(1, "USD")}, "listing.currency"),
            ({}, {"expires_at": NOW}, "listing.expiry"),
            ({}, {"expires_at": NOW + timedelta(days=367)}, "listing.expiry"),
            ({}, {"smallest_quantity": 61}, "listing.smallest_quantity"),
            ({"first_sold_on": date(1989, 12, 31)}, {}, "listing.date"),
            ({"term_end_on": date.max}, {}, "listing.date"),
            ({"sa_ended_on": date.min}, {}, "listing.date"),
            (
                {
                    "chain": (
                        ChainLink(
                            transferor="a",
                            transferee="seller",
                            quantity=1,
                            ceased_on=date.min,
                        ),
                    )
                },
                {},
                "listing.date",
            ),
            (
                {"from_sa_subscriptions": (FromSaSubscription(ends_on=date.max),)},
                {},
                "listing.date",
            ),
        ],
    )
    def test_senseless_offer_is_refused(
        self, position: dict[str, Any], terms: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(Malformed) as refusal:
            domain.check_offer(make_position(**position), make_terms(**terms), "EUR", NOW)
        assert refusal.value.code == code
        assert refusal.value.fields


class TestPositionKey:
    @pytest.mark.parametrize(
        ("agreement", "part"),
        [("61234567", "R18-05768"), (" 6123 4567 ", "r18-05768"), ("6123-4567", "R1805768")],
    )
    def test_spelling_does_not_open_a_second_account(self, agreement: str, part: str) -> None:
        respelled = make_position(agreement_number=agreement, part_number=part)
        assert position_key(respelled) == position_key(make_position())

    @pytest.mark.parametrize(
        "changes",
        [
            {"agreement_number": "61234568"},
            {"part_number": "R18-05767"},
            {"part_number": ""},
            {"agreement_number": ""},
        ],
    )
    def test_other_position_has_another_key(self, changes: dict[str, str]) -> None:
        assert position_key(make_position(**changes)) != position_key(make_position())

    def test_without_numbers_programme_and_product_name_it(self) -> None:
        bare = make_position(agreement_number="", part_number="")
        assert position_key(bare) == "programme:open_license/ws_cal-2019-user"


class TestValues:
    def test_listing_survives_its_own_encoding(self) -> None:
        listing = make_listing(State.PUBLISHED)
        again = msgspec.json.decode(msgspec.json.encode(listing), type=Listing)
        assert again == listing
        assert isinstance(again.id, UUID)

    def test_refusals_are_domain_errors(self) -> None:
        assert issubclass(Conflict, DomainError)
