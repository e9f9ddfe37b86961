"""A worker inside the test's process: what can be seen without killing it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.infra.settings import Settings
from tests.jobs import probes
from tests.jobs.processes import Watch
from tests.support.postgres import Cluster
from workers.registration import collect
from workers.worker import WorkerProcess


@pytest.fixture
def watch(cluster: Cluster, spare_database: str) -> Iterator[Watch]:
    looking = Watch(cluster.url(spare_database))
    yield looking
    looking.close()


@pytest.fixture
def worker(cluster: Cluster, spare_database: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    settings = Settings(
        database_url=cluster.url(spare_database), data_dir=str(tmp_path), worker_threads=2
    )
    process = WorkerProcess(settings, collect([probes]), ("light", "default"))
    process.start()
    yield process
    process.stop(5)


class TestWorker:
    def test_job_with_an_unknown_actor_is_put_back_with_the_reason(
        self, worker: WorkerProcess, watch: Watch
    ) -> None:
        watch.add("probe.tomorrow", 1)

        watch.until("select attempts = 1 from jobs")

        (row,) = watch.rows("select state, last_error from jobs")
        assert tuple(row) == (0, "LookupError: no actor is called probe.tomorrow")
        assert worker.answers(5)

    def test_jobs_caused_by_jobs_run_at_once(self, worker: WorkerProcess, watch: Watch) -> None:
        watch.add("probe.follow", 10)

        watch.until("select count(*) = 30 from jobs where state = 2")

        assert sum(watch.effects().values()) == 30
        worker.log_size()

    def test_interrupted_job_is_free_again(self, worker: WorkerProcess, watch: Watch) -> None:
        watch.add("probe.endless", 1)
        watch.until("select state = 1 from jobs")
        time.sleep(0.3)  # from claimed to running

        worker.interrupt()

        # Handed back and claimed again: it was not lost, and not counted as a failure.
        watch.until("select state = 1 and attempts = 0 from jobs")
        assert watch.effects() == {}
