"""Real worker processes: killed, ended in order, ended twice, several at once."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.jobs.processes import Watch, end, end_impatiently, environment, running
from tests.support.postgres import Cluster

JOBS = 240
LEASE_SECONDS = 2
RUN = ("-m", "tests.jobs.worker_process")


pytestmark = pytest.mark.slow


@pytest.fixture
def watch(cluster: Cluster, spare_database: str) -> Iterator[Watch]:
    looking = Watch(cluster.url(spare_database))
    yield looking
    looking.close()


@pytest.fixture
def env(cluster: Cluster, spare_database: str, tmp_path: Path) -> dict[str, str]:
    return environment(cluster.url(spare_database), tmp_path, job_lease_seconds=str(LEASE_SECONDS))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def each_once(count: int) -> Counter[str]:
    return Counter({str(n): 1 for n in range(1, count + 1)})


class TestKilled:
    def test_every_effect_happens_once_after_kill_minus_nine(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.slow", JOBS)
        with running(*RUN, env=env, log=log) as first:
            watch.until("select count(*) > 60 from audit_log")
            first.kill()
            first.wait()
        done_before = sum(watch.effects().values())

        with running(*RUN, env=env, log=log):
            watch.until_settled()

        assert done_before < JOBS
        assert watch.effects() == each_once(JOBS)
        assert watch.states() == {2: JOBS}

    def test_outward_job_is_called_again_and_recorded_once(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.rows(
            "insert into jobs (id, queue, actor, args) values"
            " (gen_random_uuid(), 'heavy', 'probe.render', '{\"n\": \"slow\"}')"
        )
        with running(*RUN, "heavy", env=env, log=log) as first:
            watch.until("select state = 4 from jobs")
            first.kill()
            first.wait()
        watch.rows("update jobs set lease_until = now() + interval '1 s'")

        with running(*RUN, "heavy", env=env, log=log):
            watch.until_settled()

        assert sum(watch.effects().values()) == 1
        assert [row[0] for row in watch.rows("select deliveries from jobs")] == [2]


class TestEndedInOrder:
    def test_running_jobs_finish_and_waiting_ones_are_handed_back(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.slow", JOBS)
        with running(*RUN, env=env, log=log) as worker:
            watch.until("select count(*) > 20 from audit_log")
            code, seconds = end(worker)

        done = watch.states()[2]
        assert code == 0
        assert seconds < 10
        assert watch.states() == {2: done, 0: JOBS - done}
        assert sum(watch.effects().values()) == done
        assert [
            row[0] for row in watch.rows("select max(deliveries) from jobs where state = 0")
        ] == [0]

    def test_second_signal_interrupts_running_jobs_and_hands_them_back(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.endless", 3)
        with running(*RUN, env=env, log=log) as worker:
            watch.until(RUNNING_THREE)
            code, seconds = end_impatiently(worker)

        assert code == 0
        assert seconds < 10
        assert watch.states() == {0: 3}
        assert watch.effects() == {}

    def test_interruptible_jobs_do_not_delay_the_first_signal(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.interruptible", 3)
        with running(*RUN, env=env, log=log) as worker:
            watch.until(RUNNING_THREE)
            code, seconds = end(worker)

        assert code == 0
        assert seconds < 10
        assert watch.states() == {0: 3}

    def test_two_signals_to_the_group_of_an_idle_worker_end_it(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        with running(*RUN, env=env, log=log) as worker:
            watch.until(
                "select count(*) > 0 from pg_stat_activity where application_name = 'cession-jobs'"
            )
            os.killpg(worker.pid, signal.SIGTERM)
            code, seconds = end_impatiently(worker)

        assert code == 0
        assert seconds < 10

    def test_blocked_event_loop_is_cut_short(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.stuck", 1)
        with running(*RUN, env=env, log=log) as worker:
            watch.until("select state = 1 from jobs")
            code, seconds = end_impatiently(worker)

        assert code == 4
        assert seconds < 10

    def test_blocked_event_loop_ends_the_process_by_itself(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.stuck", 1)
        with running(*RUN, env=env | {"TEST_LOOK_SECONDS": "2"}, log=log) as worker:
            code = worker.wait(30)

        assert code == 4
        assert "worker.stuck" in log.read_text()


# An effect holds its job's row lock while it runs.
RUNNING_THREE = (
    "select count(*) = 3 from pg_stat_activity"
    " where datname = current_database() and state = 'idle in transaction'"
)


class TestSeveral:
    def test_two_workers_share_the_work(self, watch: Watch, env: dict[str, str], log: Path) -> None:
        watch.add("probe.slow", JOBS)
        with running(*RUN, env=env, log=log), running(*RUN, env=env, log=log):
            watch.until_settled()

        workers = watch.rows("select worker, count(*) from jobs group by worker")
        assert watch.effects() == each_once(JOBS)
        assert len(workers) == 2

    def test_job_longer_than_its_lease_runs_once(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        env["CESSION_JOB_LEASE_SECONDS"] = "1"
        watch.add("probe.long", 4)
        with running(*RUN, env=env, log=log), running(*RUN, env=env, log=log):
            watch.until_settled()

        assert watch.effects() == each_once(4)

    def test_queues_do_not_wait_for_one_another(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.endless", 40)
        watch.add("probe.count", 20, queue="light")
        with running(*RUN, env=env, log=log):
            watch.until("select count(*) = 20 from jobs where queue = 'light' and state = 2")


class TestLog:
    def test_lines_of_a_job_carry_the_request_that_caused_it(
        self, watch: Watch, env: dict[str, str], log: Path
    ) -> None:
        watch.rows(
            "insert into jobs (id, queue, actor, args, trace) values"
            " (gen_random_uuid(), 'light', 'probe.count', '{\"n\": \"1\"}', 'req_of_somebody')"
        )
        with running(*RUN, env=env, log=log) as worker:
            watch.until_settled()
            end(worker)

        lines = [msgspec.json.decode(line) for line in log.read_text().splitlines()]
        (ended,) = (line for line in lines if line["event"] == "job.ended")
        assert (ended["request_id"], ended["actor"]) == ("req_of_somebody", "probe.count")
        assert (ended["outcome"], ended["process"]) == ("done", "worker")


class TestDatabaseAway:
    def test_worker_reconnects_and_goes_on(
        self, watch: Watch, cluster: Cluster, spare_database: str, env: dict[str, str], log: Path
    ) -> None:
        watch.add("probe.slow", JOBS)
        with running(*RUN, env=env, log=log):
            watch.until("select count(*) > 20 from audit_log")
            killer = Watch(cluster.superuser_url(spare_database))
            killer.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"
                " and usename = 'cession_app' and application_name <> ''",
                spare_database,
            )
            killer.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"
                " and usename = 'cession_app' and state = 'idle in transaction'",
                spare_database,
            )
            killer.close()
            watch.until_settled()

        assert watch.effects() == each_once(JOBS)
        assert log.read_text().count("jobs.connected") == 2
