"""`make bench`: whole purchases, with the aims of the issue."""

from typing import Final

import pytest

from tests.benchmarks import purchase

CPU_MS_AIM: Final = 25.0
STATEMENTS_AIM: Final = 80


@pytest.mark.benchmark
@pytest.mark.timeout(900)
class TestPurchase:
    def test_prints_the_table(self) -> None:
        rounds, limits = purchase.run()
        print(f"\n{purchase.report(rounds, limits)}")
        one = rounds[0]
        print(f"aims at one client: CPU <= {CPU_MS_AIM:.0f} ms, statements <= {STATEMENTS_AIM}")
        assert all(len(done.purchases) == purchase.PURCHASES[done.clients] for done in rounds)
        assert one.statements > 0
