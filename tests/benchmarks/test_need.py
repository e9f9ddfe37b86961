"""What was promised for real accesses must hold at the limits: run by `make bench`."""

import pytest

from tests.benchmarks import need


@pytest.mark.benchmark
class TestNeed:
    @pytest.mark.timeout(900)
    def test_time_and_memory_stay_within_what_was_promised(self) -> None:
        results = need.run()
        print(f"\n{need.table(results)}")
        for row in results:
            assert row.proof_faults == (), row
            assert row.solve_seconds <= need.SECONDS_MAX, row
            assert row.megabytes <= need.MEGABYTES_MAX, row
            if row.accesses <= need.AT_ONCE:
                assert row.solve_seconds <= need.AT_ONCE_SECONDS_MAX, row
            if not row.owned:
                assert row.could_save_at_most_minor == 0, row
            assert row.cost_minor <= row.one_kind_minor, row
