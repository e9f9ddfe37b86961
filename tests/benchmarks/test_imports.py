"""A licence file of 100,000 lines must be judged in time, and the time must grow with the lines: `make bench`."""

import pytest

from tests.benchmarks import imports


@pytest.mark.benchmark
class TestImports:
    @pytest.mark.timeout(600)
    def test_long_file_is_judged_in_time(self) -> None:
        results = imports.run()
        print(f"\n{imports.table(results)}")
        licences = [row for row in results if row.what != "accesses"]
        for row in licences:
            if row.lines == imports.SIZES[-1]:
                assert row.cpu <= imports.TARGET_SECONDS, row
        for what in ("CSV", "XLSX"):
            smaller, larger = [row for row in licences if row.what == what][-2:]
            assert larger.cpu <= smaller.cpu * imports.GROWTH_MAX, what
