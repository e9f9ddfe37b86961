"""Coverage, cell by cell: R02-R04, R10, R11, R15 and both RDS matrices (domain notes 3.1-3.4)."""

import pytest

from marketplace.licensing.catalogue import Family, FamilyKind, Metric, load_catalogue
from marketplace.licensing.coverage import (
    Coverage,
    covers,
    licence_server_can_hold,
    substitutes_for,
    versions_covering,
)
from marketplace.licensing.texts import sentence
from tests.licensing.builders import product

CAL_VERSIONS = ["2008", "2012", "2016", "2019", "2022", "2025"]

# Copied from the printed matrices, not from the data file: y yes, n no, capital = inferred (u).
SESSION_HOST = {
    "2008": "yyyyYY",
    "2008 R2": "yyyyYY",
    "2012": "nyyyYY",
    "2012 R2": "nyyyYY",
    "2016": "nnyyyy",
    "2019": "nnnyyy",
    "2022": "NNnnyy",
    "2025": "NNnnny",
}
LICENCE_SERVER = {
    "2008": "ynnnNN",
    "2008 R2": "ynnnNN",
    "2012": "yynnNN",
    "2012 R2": "yynnNN",
    "2016": "yyynnn",
    "2019": "yyyynn",
    "2022": "YYyyyn",
    "2025": "YYyyyy",
}
BASE = {
    "2008": "yyyyyy",
    "2008 R2": "Yyyyyy",
    "2012": "nyyyyy",
    "2012 R2": "nyyyyy",
    "2016": "nnyyyy",
    "2019": "nnnyyy",
    "2022": "nnnnyy",
    "2025": "nnnnny",
}


def cells(matrix: dict[str, str]) -> list[tuple[str, str, str]]:
    return [
        (server, cal, letter)
        for server, letters in matrix.items()
        for cal, letter in zip(CAL_VERSIONS, letters, strict=True)
    ]


def letter_of(answer: Coverage) -> str:
    letter = "y" if answer.covered else "n"
    return letter if answer.confirmed else letter.upper()


class TestBaseCals:
    @pytest.mark.parametrize(("server", "cal", "letter"), cells(BASE))
    @pytest.mark.parametrize("metric", ["user", "device"])
    def test_every_cell_is_as_printed(
        self, server: str, cal: str, letter: str, metric: str
    ) -> None:
        assert letter_of(covers(product(f"ws_cal-{cal}-{metric}"), server)) == letter

    @pytest.mark.parametrize(
        ("key", "server", "rule", "message"),
        [
            ("ws_cal-2019-user", "2019", "R02", "coverage.same_version"),
            ("ws_cal-2022-user", "2019", "R02", "coverage.newer_covers_older"),
            ("ws_cal-2016-user", "2019", "R02", "coverage.older_never_covers"),
            ("ws_cal-2012-user", "2012 R2", "R03", "coverage.r2_covered"),
            ("ws_cal-2008-user", "2008 R2", "R03-2008", "coverage.same_version"),
            ("ws_cal-2008-user", "2012", "R04", "coverage.older_never_covers"),
            ("ws_cal-2008-user", "2012 R2", "R04", "coverage.older_never_covers"),
            ("sql_cal-2022-user", "2017", "X-SQL", "coverage.newer_covers_older"),
            ("sql_cal-2017-user", "2022", "X-SQL", "coverage.older_never_covers"),
            ("exch_std_cal-2019-user", "2016", "X-EXCHANGE", "coverage.newer_covers_older"),
            ("exch_std_cal-2019-user", "SE", "X-EXCHANGE-SE", "coverage.needs_assurance"),
            ("core_cal-2019-user", "2016", "R15", "coverage.suite_yes"),
            ("ecal-2016-user", "2019", "R15", "coverage.suite_no"),
            ("ws_ec-2019-server", "2016", "R10", "coverage.external_yes"),
            ("ws_ec-2016-server", "2019", "R10", "coverage.external_no"),
            ("rds_cal-2019-user", "2022", "X-RDS-HOST", "coverage.matrix_no"),
        ],
    )
    def test_the_rule_and_the_reason_are_named(
        self, key: str, server: str, rule: str, message: str
    ) -> None:
        answer = covers(product(key), server)
        assert (answer.rule, answer.message_key) == (rule, message)
        assert answer.sources
        assert "{" not in sentence(answer.message_key, answer.params)

    def test_exchange_by_age_is_not_sold_on(self) -> None:
        answer = covers(product("exch_std_cal-2019-user"), "2016")
        assert answer.covered
        assert not answer.usable

    def test_exchange_se_is_refused_for_certain(self) -> None:
        assert letter_of(covers(product("exch_std_cal-2019-user"), "SE")) == "n"

    def test_a_suite_is_as_certain_as_the_base_cal(self) -> None:
        assert letter_of(covers(product("core_cal-2008-user"), "2008 R2")) == "Y"
        assert letter_of(covers(product("core_cal-2019-user"), "2019")) == "y"

    def test_an_unknown_server_is_never_covered(self) -> None:
        answer = covers(product("ws_cal-2025-user"), "2030")
        assert letter_of(answer) == "N"
        assert "Windows Server 2025 User CAL" in sentence(answer.message_key, answer.params)


class TestRdsMatrices:
    @pytest.mark.parametrize(("host", "cal", "letter"), cells(SESSION_HOST))
    @pytest.mark.parametrize("metric", ["user", "device"])
    def test_session_host_cell_is_as_printed(
        self, host: str, cal: str, letter: str, metric: str
    ) -> None:
        assert letter_of(covers(product(f"rds_cal-{cal}-{metric}"), host)) == letter

    @pytest.mark.parametrize(("server", "cal", "letter"), cells(LICENCE_SERVER))
    def test_licence_server_cell_is_as_printed(self, server: str, cal: str, letter: str) -> None:
        answer = licence_server_can_hold(product(f"rds_cal-{cal}-user"), server)
        assert letter_of(answer) == letter
        assert "{" not in sentence(answer.message_key, answer.params)

    @pytest.mark.parametrize(
        ("key", "server"), [("rds_cal-2019-user", "2017"), ("ws_cal-2019-user", "2019")]
    )
    def test_a_licence_server_question_without_sense_is_a_defect(
        self, key: str, server: str
    ) -> None:
        with pytest.raises(KeyError):
            licence_server_can_hold(product(key), server)


class TestVersionsCovering:
    @pytest.mark.parametrize(
        ("family", "server", "versions"),
        [
            ("ws_cal", "2019", "2019 2022 2025"),
            ("ws_cal", "2012 R2", "2012 2016 2019 2022 2025"),
            ("ws_cal", "2008 R2", "2012 2016 2019 2022 2025"),  # 2008 itself is not confirmed
            ("rds_cal", "2012", "2012 2016 2019"),  # 2022 and 2025 are only inferred
            ("rds_cal", "2025", "2025"),
            ("sql_cal", "2019", "2019 2022 2025"),
            ("exch_std_cal", "SE", ""),
            ("exch_std_cal", "2016", ""),
            ("ws_cal", "2030", ""),
            ("nothing", "2019", ""),
        ],
    )
    def test_confirmed_ones_come_oldest_first(
        self, family: str, server: str, versions: str
    ) -> None:
        found = versions_covering(family, server, Metric.DEVICE)
        assert [answer.product.version for answer in found] == versions.split()
        assert all(answer.product.metric is Metric.DEVICE for answer in found)

    def test_a_family_without_the_metric_offers_nothing(self) -> None:
        assert versions_covering("ws_cal", "2019", Metric.SERVER) == ()


class TestSubstitutes:
    @pytest.mark.parametrize(
        ("key", "versions"),
        [
            ("ws_cal-2019-user", "2019 2022 2025"),
            ("ws_cal-2025-user", "2025"),
            ("sql_cal-2022-device", "2022 2025"),
            # Against hosts up to 2012 R2 the 2022 and 2025 columns are inferred.
            ("rds_cal-2012-user", "2012 2016 2019"),
            ("rds_cal-2019-user", "2019"),
            ("rds_cal-2022-user", "2022 2025"),
            ("exch_std_cal-2016-user", "2016"),
        ],
    )
    def test_only_newer_versions_known_to_reach_as_far(self, key: str, versions: str) -> None:
        assert [found.version for found in substitutes_for(product(key))] == versions.split()


class TestAdditiveFamilies:
    @pytest.mark.parametrize("row", load_catalogue().families.values(), ids=lambda row: row.id)
    def test_exactly_the_additive_families_need_one(self, row: Family) -> None:
        assert (row.kind is FamilyKind.ADDITIVE) == bool(row.needs)
