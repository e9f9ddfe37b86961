"""The waits between attempts; the docstring's table is checked against the function."""

import re

from hypothesis import given
from hypothesis import strategies as st

from marketplace.infra.jobs import backoff
from marketplace.infra.jobs.backoff import LONGEST_WAIT_SECONDS, SPREAD, wait_seconds

SECONDS = {"s": 1, "min": 60, "h": 3600}


class TestWaitSeconds:
    def test_first_wait_is_about_five_seconds(self) -> None:
        assert wait_seconds(1, 0.5) == 5

    def test_waits_double(self) -> None:
        assert [wait_seconds(runs, 0.5) for runs in range(1, 7)] == [5, 10, 20, 40, 80, 160]

    def test_waits_end_at_an_hour(self) -> None:
        assert wait_seconds(11, 0.5) == LONGEST_WAIT_SECONDS
        assert wait_seconds(30_000, 0.5) == LONGEST_WAIT_SECONDS

    @given(st.integers(1, 40_000), st.floats(0, 1, exclude_max=True))
    def test_wait_is_spread_by_a_fifth_at_most(self, failed_runs: int, chance: float) -> None:
        middle = wait_seconds(failed_runs, 0.5)

        assert abs(wait_seconds(failed_runs, chance) - middle) <= middle * SPREAD + 1

    def test_documented_table_is_true(self) -> None:
        assert backoff.__doc__ is not None
        row = next(line for line in backoff.__doc__.splitlines() if line.startswith("| wait"))
        documented = [
            int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+) (s|min|h) ", row)
        ]

        waits = [wait_seconds(runs, 0.5) for runs in range(1, 12)]

        assert len(documented) == len(waits)
        assert all(
            abs(told - wait) <= 30 or told == wait
            for told, wait in zip(documented, waits, strict=True)
        )
