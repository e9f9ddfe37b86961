"""Which products answer a line, and why."""

from typing import Any

import pytest

from marketplace.kernel.errors import Malformed
from marketplace.licensing.catalogue import Metric
from marketplace.quotes.domain.need import Asked, Deliverable, deliverables


def asked(**changes: Any) -> Asked:
    values: dict[str, Any] = {
        "family": "ws_cal",
        "metric": Metric.USER,
        "quantity": 1,
        "quantity_max": 1,
    }
    return Asked(**values | changes)


def versions(found: tuple[Deliverable, ...]) -> list[str]:
    return [one.product.version for one in found]


class TestDeliverables:
    def test_named_version_comes_first_without_a_reason(self) -> None:
        found = deliverables(asked(version="2019"), 0)
        assert versions(found) == ["2019", "2022", "2025"]
        assert found[0].reason is None

    def test_newer_version_carries_rule_and_sentence(self) -> None:
        reason = deliverables(asked(version="2019"), 0)[1].reason
        assert reason is not None
        assert reason.rule == "R02"
        assert "Windows Server 2022 User CAL" in reason.text

    def test_newer_versions_can_be_declined(self) -> None:
        assert versions(deliverables(asked(version="2019", newer_versions=False), 0)) == ["2019"]

    def test_server_version_is_answered_by_all_that_cover_it(self) -> None:
        found = deliverables(asked(covers_server_version="2022"), 0)
        assert versions(found) == ["2022", "2025"]
        assert all(one.reason is not None for one in found)

    def test_server_2012_r2_is_answered_by_2012_licences(self) -> None:
        found = deliverables(asked(covers_server_version="2012 R2"), 0)
        assert found[0].product.version == "2012"
        assert found[0].reason is not None
        assert found[0].reason.rule == "R03"

    def test_rds_follows_its_own_matrix(self) -> None:
        found = deliverables(asked(family="rds_cal", covers_server_version="2019"), 0)
        assert versions(found) == ["2019", "2022", "2025"]
        assert {one.reason.rule for one in found if one.reason} == {"X-RDS-HOST"}

    @pytest.mark.parametrize(
        "names", [{}, {"version": "2019", "covers_server_version": "2019"}], ids=["none", "both"]
    )
    def test_line_must_name_exactly_one(self, names: dict[str, str]) -> None:
        with pytest.raises(Malformed) as refused:
            deliverables(asked(**names), 3)
        assert refused.value.code == "quote.line_ambiguous"
        assert refused.value.fields[0].pointer == "/lines/3"

    def test_unknown_product_points_at_its_line(self) -> None:
        with pytest.raises(Malformed) as refused:
            deliverables(asked(version="1999"), 2)
        assert refused.value.code == "product.unknown"
        assert refused.value.fields[0].pointer == "/lines/2/version"

    def test_unknown_server_points_at_its_line(self) -> None:
        with pytest.raises(Malformed) as refused:
            deliverables(asked(covers_server_version="1999"), 1)
        assert refused.value.code == "server_version.unknown"
        assert refused.value.fields[0].pointer == "/lines/1/covers_server_version"
