"""The cost of a job must stay within what the design was chosen for: run by `make bench`."""

import pytest

from tests.benchmarks import jobs


@pytest.mark.benchmark
class TestJobs:
    @pytest.mark.timeout(300)
    def test_job_is_cheap(self) -> None:
        result = jobs.run()
        print(f"\n{jobs.table(result)}")

        assert result.cpu_worker + result.cpu_database <= jobs.CPU_MS_MAX
