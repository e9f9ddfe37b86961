"""The command that starts processes: arguments, settings, exit codes."""

from pathlib import Path

import pytest

from tests.jobs.processes import end, environment, running
from tests.support.postgres import Cluster

NOWHERE = "postgresql://cession_app@127.0.0.1:1/cession"
BROKER: dict[str, dict[str, str]] = {
    "worker": {},
    "relay": {"broker_url": "amqp://guest:guest@127.0.0.1:1/"},
}


def run(*arguments: str, env: dict[str, str], log: Path) -> tuple[int, str]:
    """Run a process that ends by itself; give its exit code and what it wrote."""
    with running("-m", "workers.main", *arguments, env=env, log=log) as process:
        code = process.wait(30)
    return code, log.read_text()


class TestUsage:
    def test_unknown_process_is_refused(self, tmp_path: Path) -> None:
        code, said = run("baker", env=environment(NOWHERE, tmp_path), log=tmp_path / "log")

        assert code == 2
        assert "invalid choice: 'baker'" in said

    def test_unknown_queue_is_refused_with_the_known_ones(self, tmp_path: Path) -> None:
        env = environment(NOWHERE, tmp_path)

        code, said = run("worker", "--queues", "light,huge", env=env, log=tmp_path / "log")

        assert code == 2
        assert "no such queue: huge; there are light, default, heavy" in said

    def test_wrong_setting_is_named(self, tmp_path: Path) -> None:
        env = environment(NOWHERE, tmp_path, job_lease_seconds="soon")

        code, said = run("worker", env=env, log=tmp_path / "log")

        assert code == 2
        assert said.startswith("CESSION_JOB_LEASE_SECONDS: ")

    def test_missing_database_is_said(self, tmp_path: Path) -> None:
        code, said = run("worker", env=environment("", tmp_path), log=tmp_path / "log")

        assert code == 2
        assert "CESSION_DATABASE_URL" in said


class TestStart:
    @pytest.mark.parametrize("process", ["worker", "relay"])
    def test_unreachable_database_ends_the_process_with_the_reason(
        self, process: str, tmp_path: Path
    ) -> None:
        env = environment(NOWHERE, tmp_path, **BROKER[process])

        code, said = run(process, env=env, log=tmp_path / "log")

        assert code == 3
        assert "process.not_started" in said

    def test_scheduler_waits_for_the_database(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        env = environment(NOWHERE, tmp_path)
        with running("-m", "workers.main", "scheduler", env=env, log=log) as process:
            while "scheduler.tick_failed" not in log.read_text():
                assert process.poll() is None
            code, seconds = end(process)

        assert code == 0
        assert seconds < 5

    def test_worker_of_some_queues_works_only_those(
        self, cluster: Cluster, spare_database: str, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        env = environment(cluster.url(spare_database), tmp_path)
        with running(
            "-m", "workers.main", "worker", "--queues", "light", env=env, log=log
        ) as process:
            while "worker.started" not in log.read_text():
                assert process.poll() is None
            code, _ = end(process)

        assert code == 0
        assert '"queues": {"light": 2}' in log.read_text()
