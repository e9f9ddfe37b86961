"""Programmes with their vesting rule, units, zones (domain notes 1.3, 1.4, 1.8)."""

from datetime import date
from typing import Any

import pytest

from marketplace.licensing.eligibility.positions import OrderedUnit
from marketplace.licensing.programmes import (
    Decision,
    Perpetual,
    VestingState,
    find_programme,
    find_segment,
    load_programmes,
    vesting_on,
)
from marketplace.licensing.units import is_tradable_quantity, tradable_up_to, unit_of
from marketplace.licensing.zones import (
    Answer,
    Origin,
    Zone,
    open_zones,
    origin_of,
    ruling_for,
    zone_of,
)
from tests.licensing.builders import position

MATRIX = load_programmes().programmes
TERM_END = date(2026, 11, 24)


class TestProgrammeMatrix:
    @pytest.mark.parametrize(
        ("programme", "perpetual", "decision", "confirmed"),
        [
            ("open_license", "yes", "accept", True),
            ("open_value", "yes", "hold_until_vested", True),
            ("open_value_subscription", "after_buyout", "reject_without_buyout", False),
            ("select_plus", "yes", "accept", True),
            ("mpsa", "yes", "accept", False),
            ("enterprise_agreement", "yes", "hold_until_vested", True),
            ("ea_subscription", "after_buyout", "reject_without_buyout", True),
            ("csp_perpetual", "yes", "accept", True),
            ("csp_subscription", "no", "reject", True),
            ("fpp", "yes", "accept", True),
            ("oem", "yes", "accept", True),
            ("spla", "no", "reject", False),
            ("academic_subscription", "no", "reject", False),
            ("nfr", "no", "reject", False),
            ("evaluation", "no", "reject", False),
            ("developer_subscription", "no", "reject", False),
            ("partner_benefit", "no", "reject", False),
            ("retail_key", "unknown", "reject", True),
            ("suite_bridge", "no", "reject", True),
            ("from_sa", "no", "reject", True),
            ("add_on_user_subscription", "no", "reject", True),
            ("user_subscription", "no", "reject", True),
        ],
    )
    def test_row_is_as_printed(
        self, programme: str, perpetual: str, decision: str, *, confirmed: bool
    ) -> None:
        row = MATRIX[programme]
        assert (row.perpetual, row.decision, row.confirmed) == (perpetual, decision, confirmed)

    def test_boxes_and_oem_packs_stay_whole(self) -> None:
        assert {row.id for row in MATRIX.values() if row.whole_pack} == {"fpp", "oem"}

    def test_what_is_never_perpetual_is_rejected(self) -> None:
        for row in MATRIX.values():
            assert (row.perpetual is Perpetual.NO) <= (row.decision is Decision.REJECT)

    def test_an_unknown_programme_or_segment_is_none(self) -> None:
        assert find_programme("barter") is None
        assert find_segment("friends") is None

    def test_all_but_commercial_prices_are_restricted(self) -> None:
        segments = load_programmes().segments.values()
        assert {row.id for row in segments if not row.restricted} == {"commercial"}


class TestVesting:
    @pytest.mark.parametrize(
        ("programme", "paid", "term_end", "on", "state"),
        [
            ("enterprise_agreement", True, TERM_END, date(2026, 11, 24), "term_running"),
            ("enterprise_agreement", True, TERM_END, date(2026, 11, 25), "vested"),
            ("enterprise_agreement", False, TERM_END, date(2026, 11, 25), "not_paid"),
            ("enterprise_agreement", False, None, date(2026, 11, 25), "not_paid"),
            ("enterprise_agreement", True, None, date(2026, 11, 25), "term_end_unknown"),
            ("open_value", True, TERM_END, date(2026, 11, 24), "term_running"),
            ("select_plus", True, None, date(2026, 11, 24), "vested"),
            ("select_plus", False, None, date(2026, 11, 24), "not_paid"),
            ("open_license", True, TERM_END, date(2026, 11, 24), "vested"),
            ("csp_subscription", True, None, date(2026, 11, 24), "never"),
        ],
    )
    def test_a_date_rule_decides(
        self, programme: str, *, paid: bool, term_end: date | None, on: date, state: str
    ) -> None:
        found = vesting_on(MATRIX[programme], paid_in_full=paid, term_end_on=term_end, on=on)
        assert found.state is VestingState(state)

    def test_the_first_vested_day_follows_the_last_day_of_the_term(self) -> None:
        row = MATRIX["enterprise_agreement"]
        found = vesting_on(row, paid_in_full=True, term_end_on=TERM_END, on=TERM_END)
        assert found.vests_on == date(2026, 11, 25)
        assert found.confirmed

    def test_an_unconfirmed_rule_says_so(self) -> None:
        row = MATRIX["open_value"]
        found = vesting_on(row, paid_in_full=True, term_end_on=TERM_END, on=date(2027, 1, 1))
        assert (found.state, found.confirmed) == (VestingState.VESTED, False)


class TestUnits:
    @pytest.mark.parametrize(
        ("changes", "rule", "size"),
        [
            ({}, "licence", 1),
            ({"programme": "barter"}, "licence", 1),
            ({"programme": "oem", "pack_size": 5}, "pack", 5),
            ({"programme": "fpp"}, "pack", 0),
            ({"ordered_unit": OrderedUnit.PACK, "pack_size": 20}, "pack", 20),
            ({"ordered_unit": OrderedUnit.PACK, "pack_size": -5}, "pack", 0),
            ({"ordered_unit": OrderedUnit.WHOLE}, "whole", 100),
            ({"ordered_unit": OrderedUnit.SERVER_BUNDLE}, "server_bundle", 0),
            ({"ordered_unit": OrderedUnit.CAL_SUITE}, "cal_suite", 0),
            ({"key": "core_cal-2019-user"}, "cal_suite", 1),
            ({"key": "core_cal-2019-user", "ordered_unit": OrderedUnit.CAL_SUITE}, "cal_suite", 1),
            ({"key": "ws_ec-2019-server"}, "external_connector", 1),
        ],
    )
    def test_the_unit_follows_from_order_family_and_programme(
        self, changes: dict[str, Any], rule: str, size: int
    ) -> None:
        unit = unit_of(position(**changes))
        assert (unit.rule.id, unit.size) == (rule, size)

    @pytest.mark.parametrize(
        ("quantity", "fits", "down", "up"),
        [
            (-5, False, 0, 0),
            (0, False, 0, 0),
            (3, False, 0, 5),
            (5, True, 5, 5),
            (12, False, 10, 15),
            (100, True, 100, 100),
        ],
    )
    def test_packs_trade_in_multiples(
        self, quantity: int, *, fits: bool, down: int, up: int
    ) -> None:
        packs = position(programme="oem", pack_size=5)
        assert is_tradable_quantity(packs, quantity) is fits
        assert tradable_up_to(packs, quantity) == down
        assert unit_of(packs).round_up(quantity) == up

    def test_a_whole_agreement_trades_all_or_nothing(self) -> None:
        whole = position(ordered_unit=OrderedUnit.WHOLE)
        assert [tradable_up_to(whole, quantity) for quantity in (1, 99, 100)] == [0, 0, 100]

    def test_what_is_inseparable_trades_in_no_quantity(self) -> None:
        bundle = position(ordered_unit=OrderedUnit.SERVER_BUNDLE)
        assert not is_tradable_quantity(bundle, 5)
        assert (tradable_up_to(bundle, 5), unit_of(bundle).round_up(5)) == (0, 0)


class TestZones:
    @pytest.mark.parametrize(
        ("country", "zone"),
        [
            ("DE", "eea"), ("de", "eea"), (" NO ", "eea"), ("IS", "eea"), ("LI", "eea"),
            ("GB", "uk"), ("CH", "ch"), ("US", "other"), ("", "other"), ("XX", "other"),
        ],
    )  # fmt: skip
    def test_a_country_has_one_zone(self, country: str, zone: str) -> None:
        assert zone_of(country) is Zone(zone)

    def test_the_eea_has_thirty_members(self) -> None:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        members = [a + b for a in letters for b in letters if zone_of(a + b) is Zone.EEA]
        assert len(members) == 30

    @pytest.mark.parametrize(
        ("country", "on", "origin"),
        [
            ("FR", date(2024, 1, 1), "eea"),
            ("GB", date(2020, 12, 31), "uk_until_2020"),
            ("GB", date(2021, 1, 1), "uk_from_2021"),
            ("CH", date(2015, 1, 1), "ch"),
            ("US", date(2015, 1, 1), "elsewhere"),
        ],
    )
    def test_for_the_united_kingdom_the_day_decides(
        self, country: str, on: date, origin: str
    ) -> None:
        assert origin_of(country, on) is Origin(origin)

    @pytest.mark.parametrize(
        ("origin", "eea", "uk", "ch"),
        [
            ("eea", "yes", "yes", "review u"),
            ("uk_until_2020", "yes", "yes", "review u"),
            ("uk_from_2021", "no", "yes", "review u"),
            ("ch", "no u", "no u", "yes"),
            ("elsewhere", "no", "no u", "review u"),
        ],
    )
    def test_every_cell_is_as_printed(self, origin: str, eea: str, uk: str, ch: str) -> None:
        for zone, text in ((Zone.EEA, eea), (Zone.UK, uk), (Zone.CH, ch)):
            cell = ruling_for(Origin(origin), zone)
            assert cell.answer is Answer(text.removesuffix(" u"))
            assert cell.confirmed is not text.endswith(" u")

    @pytest.mark.parametrize(
        ("country", "on", "zones"),
        [
            ("DE", date(2019, 1, 1), "eea uk"),
            ("GB", date(2020, 12, 31), "eea uk"),
            ("GB", date(2021, 1, 1), "uk"),
            ("CH", date(2019, 1, 1), "ch"),
            ("US", date(2019, 1, 1), ""),
        ],
    )
    def test_only_confirmed_zones_are_open(self, country: str, on: date, zones: str) -> None:
        assert [zone.value for zone in open_zones(country, on)] == zones.split()
