"""The findings of a lot must stay within what was promised: run by `make bench`."""

import pytest

from tests.benchmarks import eligibility


@pytest.mark.benchmark
class TestEligibility:
    def test_one_lot_takes_under_a_millisecond_and_grows_less_than_its_chain(self) -> None:
        results = eligibility.run()
        print(f"\n{eligibility.table(results)}")
        everything, *chains = results
        assert everything.p99 <= eligibility.TARGET_MS, everything
        assert everything.ratio <= eligibility.RATIO_MAX, everything
        for row in chains:
            assert row.median <= eligibility.TARGET_MS, row
            assert row.median <= chains[0].median * eligibility.GROWTH_MAX, row
