"""Products, names, versions, lifecycles and part numbers (domain notes 4)."""

from datetime import date

import pytest

from marketplace.kernel.errors import Malformed
from marketplace.licensing.catalogue import Lifecycle, Metric, Phase, load_catalogue
from tests.licensing.builders import TODAY, product

CATALOGUE = load_catalogue()


class TestProductKeys:
    @pytest.mark.parametrize("key", sorted(CATALOGUE.products))
    def test_every_key_finds_its_product_again(self, key: str) -> None:
        assert CATALOGUE.product(key).key == key
        assert CATALOGUE.product(f" {key.upper()} ").key == key

    @pytest.mark.parametrize(
        "key",
        ["", "ws_cal", "ws_cal-2012r2-user", "ws_cal-2017-user", "ws_ec-2019-user", "a-b-c-d"],
    )
    def test_an_unknown_product_is_refused_with_the_reason(self, key: str) -> None:
        assert CATALOGUE.find_product(key) is None
        with pytest.raises(Malformed, match="ws_cal-2019-user") as refusal:
            CATALOGUE.product(key)
        assert refusal.value.code == "product.unknown"

    def test_exchange_se_has_no_tradable_cal(self) -> None:
        versions = {row.version for row in CATALOGUE.products.values() if "exch" in row.family}
        assert versions == {"2016", "2019"}


class TestNames:
    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("ws_cal-2019-user", "Windows Server 2019 User CAL"),
            ("rds_cal-2019-device", "RDS 2019 Device CAL"),
            ("sql_cal-2022-user", "SQL Server 2022 User CAL"),
            ("exch_ent_cal-2016-user", "Exchange Server 2016 Enterprise User CAL"),
            ("ws_ec-2016-server", "Windows Server 2016 External Connector"),
            ("core_cal-2016-user", "Core CAL Suite User (rights frozen at Windows Server 2016)"),
        ],
    )
    def test_a_product_is_called_what_people_call_it(self, key: str, name: str) -> None:
        assert CATALOGUE.product_name(product(key)) == name


class TestServerVersions:
    @pytest.mark.parametrize("text", ["2012 R2", "2012r2", " 2012-R2 "])
    def test_any_spelling_finds_the_version(self, text: str) -> None:
        found = CATALOGUE.find_server("ws_cal", text)
        assert found is not None
        assert (found.id, CATALOGUE.server_name(found)) == ("2012r2", "Windows Server 2012 R2")

    @pytest.mark.parametrize(("family", "text"), [("ws_cal", "2017"), ("nothing", "2019")])
    def test_an_unknown_family_or_version_finds_nothing(self, family: str, text: str) -> None:
        assert CATALOGUE.find_server(family, text) is None

    def test_cal_versions_are_in_release_order(self) -> None:
        assert CATALOGUE.cal_versions["ws"] == ("2008", "2012", "2016", "2019", "2022", "2025")
        assert CATALOGUE.cal_order(product("ws_cal-2016-user")) == 2


class TestLifecycle:
    @pytest.mark.parametrize(
        ("key", "ends"),
        [
            ("ws_cal-2008-user", (date(2015, 1, 13), date(2020, 1, 14), date(2023, 1, 10))),
            ("ws_cal-2012-user", (date(2018, 10, 9), date(2023, 10, 10), date(2026, 10, 13))),
            ("ws_cal-2016-user", (date(2022, 1, 11), date(2027, 1, 12), None)),
            ("ws_cal-2019-user", (date(2024, 1, 9), date(2029, 1, 9), None)),
            ("rds_cal-2022-user", (date(2026, 10, 13), date(2031, 10, 14), None)),
            ("ws_cal-2025-user", (date(2029, 11, 13), date(2034, 11, 14), None)),
            ("sql_cal-2016-user", (date(2021, 7, 13), date(2026, 7, 14), date(2029, 7, 17))),
            ("sql_cal-2025-user", (date(2031, 1, 6), date(2036, 1, 6), None)),
            ("exch_std_cal-2019-user", (date(2024, 1, 9), date(2025, 10, 14), None)),
        ],
    )
    def test_dates_are_those_of_the_notes(self, key: str, ends: tuple[date | None, ...]) -> None:
        life = CATALOGUE.lifecycle_of(product(key))
        assert life is not None
        assert (life.mainstream_end_on, life.extended_end_on, life.paid_end_on) == ends

    @pytest.mark.parametrize(
        ("on", "phase"),
        [
            (date(2012, 10, 29), Phase.UPCOMING),
            (date(2018, 10, 9), Phase.MAINSTREAM),
            (date(2018, 10, 10), Phase.EXTENDED),
            (date(2023, 10, 11), Phase.PAID),
            (date(2026, 10, 14), Phase.ENDED),
        ],
    )
    def test_the_last_day_still_counts(self, on: date, phase: Phase) -> None:
        life = Lifecycle(
            start_on=date(2012, 10, 30),
            mainstream_end_on=date(2018, 10, 9),
            extended_end_on=date(2023, 10, 10),
            paid_end_on=date(2026, 10, 13),
        )
        assert life.phase(on) is phase

    def test_without_a_known_end_a_phase_goes_on(self) -> None:
        start = date(2025, 7, 1)
        assert Lifecycle(start_on=start).phase(TODAY) is Phase.MAINSTREAM
        ended = Lifecycle(start_on=start, mainstream_end_on=date(2025, 8, 1))
        assert ended.phase(TODAY) is Phase.EXTENDED

    def test_without_paid_updates_support_ends_with_the_extended_phase(self) -> None:
        life = CATALOGUE.lifecycle_of(product("exch_std_cal-2016-user"))
        assert life is not None
        assert life.phase(TODAY) is Phase.ENDED

    @pytest.mark.parametrize(
        ("on", "count"),
        [(date(2021, 8, 17), 0), (date(2021, 8, 18), 1), (TODAY, 2)],
    )
    def test_newer_versions_count_from_their_release(self, on: date, count: int) -> None:
        assert CATALOGUE.newer_versions(product("ws_cal-2019-user"), on) == count


class TestPartNumbers:
    def test_a_number_is_found_in_any_case(self) -> None:
        row = CATALOGUE.find_part_number(" r18-05767 ")
        assert row is not None
        assert (row.family, row.version, row.metric) == ("ws_cal", "2019", Metric.DEVICE)
        assert row.confirmed

    def test_an_unknown_number_is_none(self) -> None:
        assert CATALOGUE.find_part_number("R18-99999") is None

    def test_a_number_from_memory_is_flagged(self) -> None:
        row = CATALOGUE.find_part_number("R18-05768")
        assert row is not None
        assert not row.confirmed

    def test_one_cloud_number_stands_for_both_terms(self) -> None:
        row = CATALOGUE.find_part_number("DG7GMGF0D5VX")
        assert row is not None
        assert row.programmes == ("csp_perpetual", "csp_subscription")
        assert row.metric is None

    def test_a_subscription_number_is_not_tradable(self) -> None:
        row = CATALOGUE.find_part_number("DG7GMGF0DVSV:000P")
        assert row is not None
        assert not row.tradable
