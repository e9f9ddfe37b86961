"""Printing must stay as fast as promised: run by `make bench`."""

import pytest

from tests.benchmarks import certificates


@pytest.mark.benchmark
# WeasyPrint 70 leaves closing its colour profile to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestPrintCertificates:
    @pytest.mark.timeout(300)
    def test_printing_is_fast_and_far_from_naive(self) -> None:
        results = certificates.run()
        print(f"\n{certificates.table(results)}")
        rows = {row.way: row for row in results}
        naive = rows[certificates.NAIVE].per_second
        for way in (certificates.POOL, certificates.ENGINE):
            assert rows[way].per_second >= certificates.RATIO_MIN * naive
        assert rows[certificates.POOL].per_second >= certificates.PER_SECOND_MIN
