"""What may be searched for, and what a buyer must be told."""

from datetime import date

import pytest

from marketplace.kernel.errors import Malformed
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.eligibility.conditions import assess
from marketplace.licensing.eligibility.findings import load_rules
from marketplace.licensing.eligibility.positions import summarise
from marketplace.listings.domain.market import LABEL_CODES, Search, check_search, labels_of
from tests.listings.test_listing import make_position

ON = date(2026, 11, 25)


class TestCheckSearch:
    @pytest.mark.parametrize(
        "search", [Search(), Search(family="ws_cal"), Search(family="ws_cal", version="2019")]
    )
    def test_sensible_search_passes(self, search: Search) -> None:
        check_search(search)

    @pytest.mark.parametrize("search", [Search(version="2019"), Search(metric=Metric.USER)])
    def test_version_or_metric_alone_is_refused(self, search: Search) -> None:
        with pytest.raises(Malformed, match=r"catalogue\.family_missing"):
            check_search(search)


class TestLabels:
    def test_split_and_provenance_are_shown_and_nothing_else(self) -> None:
        position = make_position(segment="academic")
        labels = labels_of(assess(position, summarise(()), ON))
        assert labels == ("c10.split_clause", "c13.restricted")

    def test_every_label_is_a_finding_of_the_rules(self) -> None:
        assert set(load_rules().findings) >= LABEL_CODES
