"""The verdict over findings, the transfer's own check, and what must hold for every position."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.coverage import covers
from marketplace.licensing.eligibility.conditions import assess, assess_transfer, judge
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import (
    CeaseUse,
    EvidenceKind,
    EvidenceSummary,
    SourcePosition,
)
from marketplace.licensing.zones import Zone
from tests.licensing.builders import TODAY, declaration, enterprise, evidence, position

CATALOGUE = load_catalogue()
SOUND = evidence(EvidenceKind.ENROLMENT)


class TestVerdict:
    def test_outcomes_order_from_pass_to_block(self) -> None:
        names = [row.value for row in sorted(Outcome, key=lambda row: row.severity)]
        assert names == ["pass", "warn", "restrict", "hold", "block"]

    @pytest.mark.parametrize(
        ("changes", "zone", "outcome", "steps"),
        [
            # steps: submit, publish, match, transfer; C07 is open in all of these
            ({}, Zone.EEA, "hold", "yyyn"),
            ({}, None, "hold", "yyyn"),
            ({}, Zone.CH, "hold", "yynn"),
            ({}, Zone.OTHER, "block", "nnnn"),
            ({"country": "CH"}, Zone.CH, "hold", "yyyn"),
            ({"segment": "academic", "part_number": ""}, Zone.EEA, "hold", "yyyn"),
            ({"paid_in_full": False}, None, "hold", "ynnn"),
            ({"key_only": True}, None, "block", "nnnn"),
        ],
    )
    def test_a_finding_stops_the_step_it_is_due_for(
        self, changes: dict[str, Any], zone: Zone | None, outcome: str, steps: str
    ) -> None:
        verdict = judge(assess(position(**changes), SOUND, TODAY, zone))
        allowed = (
            verdict.may_submit,
            verdict.may_publish,
            verdict.may_match,
            verdict.may_transfer,
        )
        assert verdict.outcome is Outcome(outcome)
        assert "".join("y" if step else "n" for step in allowed) == steps

    def test_the_declaration_opens_the_transfer(self) -> None:
        shown = EvidenceSummary(SOUND.kinds, declaration())
        verdict = judge(assess(position(), shown, TODAY, Zone.EEA))
        assert (verdict.outcome, verdict.may_transfer) == (Outcome.PASS, True)
        assert verdict.confirmed
        assert not verdict.is_restricted

    def test_restricted_and_unconfirmed_lots_say_so(self) -> None:
        case = position(segment="charity", part_number="")
        verdict = judge(assess(case, SOUND, TODAY))
        assert verdict.is_restricted
        assert not verdict.confirmed

    def test_the_earliest_day_to_look_again_is_kept(self) -> None:
        shown = EvidenceSummary(SOUND.kinds, declaration(ended_on=TODAY + timedelta(days=3)))
        case = enterprise(term_end_on=date(2027, 6, 30))
        assert judge(assess(case, shown, TODAY)).recheck_on == TODAY + timedelta(days=3)
        assert judge(assess(position(), SOUND, TODAY)).recheck_on is None

    def test_nothing_checked_is_a_hold(self) -> None:
        verdict = judge([])
        assert verdict.outcome is Outcome.HOLD
        assert not verdict.may_submit
        assert not verdict.may_publish
        assert not verdict.may_transfer


class TestTransferCheck:
    @pytest.mark.parametrize(
        ("declared", "code"),
        [
            (None, "c07.not_declared"),
            (declaration(39), "c07.quantity_short"),
            (declaration(40), "c07.pass"),
            (declaration(40, ended_on=TODAY + timedelta(days=1)), "c07.ends_later"),
        ],
    )
    def test_asks_for_the_quantity_of_this_transfer_only(
        self, declared: CeaseUse | None, code: str
    ) -> None:
        shown = EvidenceSummary(cease_use=declared)
        found = assess_transfer(position(), shown, TODAY, quantity=40, zone=Zone.EEA)
        assert [row.code for row in found] == [code, "c10.split_clause", "c22.pass"]

    def test_a_whole_lot_to_one_buyer_carries_no_split_label(self) -> None:
        shown = EvidenceSummary(cease_use=declaration(100))
        found = assess_transfer(position(), shown, TODAY, quantity=100, zone=Zone.UK)
        assert [row.code for row in found] == ["c07.pass", "c10.pass", "c22.pass"]
        assert judge(found).may_transfer

    def test_half_a_pack_or_a_closed_zone_stops_it(self) -> None:
        packs = position(programme="oem", pack_size=5)
        shown = EvidenceSummary(cease_use=declaration(100))
        found = assess_transfer(packs, shown, TODAY, quantity=7, zone=Zone.OTHER)
        assert [row.code for row in found] == ["c07.pass", "c10.adjust", "c22.zone_refused"]
        assert not judge(found).may_transfer


class TestStoredForm:
    def test_findings_and_positions_survive_json(self) -> None:
        case = enterprise(term_end_on=date(2027, 6, 30))
        found = assess(case, SOUND, TODAY, Zone.EEA)
        stored = msgspec.json.encode((case, found))
        again = msgspec.json.decode(stored, type=tuple[SourcePosition, tuple[Finding, ...]])
        assert again == (case, found)


class TestForEveryCal:
    @given(cal=st.sampled_from(sorted(CATALOGUE.products.values())), data=st.data())
    def test_a_newer_version_reaches_at_least_as_far(self, cal: Any, data: st.DataObject) -> None:
        family = CATALOGUE.family_of(cal)
        newer = data.draw(
            st.sampled_from(CATALOGUE.products_of(family, cal.metric)[CATALOGUE.cal_order(cal) :])
        )
        for server in CATALOGUE.servers_of(family):
            assert covers(cal, server.id).covered <= covers(newer, server.id).covered

    @given(cal=st.sampled_from(sorted(CATALOGUE.products.values())), data=st.data())
    def test_an_older_server_is_reached_at_least_as_well(
        self, cal: Any, data: st.DataObject
    ) -> None:
        servers = [row.id for row in CATALOGUE.servers_of(CATALOGUE.family_of(cal))]
        first = data.draw(st.integers(0, len(servers) - 1))
        second = data.draw(st.integers(first, len(servers) - 1))
        older, newer = covers(cal, servers[first]), covers(cal, servers[second])
        assert newer.covered <= older.covered
