"""The catalogue's figures must stay within what was promised: run by `make bench`."""

import pytest

from tests.benchmarks import catalogue


@pytest.mark.benchmark
class TestCatalogue:
    @pytest.mark.timeout(300)
    def test_cost_of_a_request_is_small_and_does_not_grow(self) -> None:
        results = catalogue.run()
        print(f"\n{catalogue.table(results)}")
        small = {row.kind: row for row in results if row.listings == catalogue.SIZES[0]}
        for row in results:
            assert row.cpu <= catalogue.CPU_MS_MAX, row
            assert row.cpu <= small[row.kind].cpu * catalogue.GROWTH_MAX, row
