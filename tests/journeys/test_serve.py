"""`cession serve` as a person uses it: starts, survives the loss of any part, stops, starts again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.infra.supervisor import STATE_FILE, runs
from tests.support.installation import (
    START_SECONDS_MAX,
    STOP_SECONDS_MAX,
    Installation,
    installation,
    reachable_folder,
    start,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def served() -> Iterator[Installation]:
    """Give a running installation that the tests of this file share and leave running."""
    with installation() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Installation]:
    """Give a running installation that the test may end."""
    with installation() as running:
        yield running


def processes_of(running: Installation) -> list[int]:
    """Give the process ids of all its parts."""
    return [*map(running.pid_of, running.state.children), running.database_pid()]


class TestServe:
    def test_every_part_runs_and_the_address_is_told(self, served: Installation) -> None:
        assert set(served.state.children) == {"api", "worker", "scheduler"}
        assert f"Cession runs at {served.address}" in served.output()

    def test_state_file_is_private(self, served: Installation) -> None:
        assert (served.folder / STATE_FILE).stat().st_mode & 0o077 == 0

    def test_second_one_on_the_same_data_is_refused(self, served: Installation) -> None:
        first_words = served.output()
        second = start(served.folder)
        assert second.process.wait(START_SECONDS_MAX) == 2
        assert "it runs already" in second.output()
        assert served.ready(), first_words


class TestLoseAPart:
    @pytest.mark.parametrize("child", ["api", "worker", "scheduler"])
    def test_killed_child_comes_back(self, served: Installation, child: str) -> None:
        address = served.address
        lost = served.kill(child)
        until(lambda: served.pid_of(child) != lost, f"{child} is back")
        until(served.ready, "the API answers")
        assert served.address == address

    def test_killed_database_comes_back(self, served: Installation) -> None:
        lost = served.database_pid()
        os.kill(lost, signal.SIGKILL)
        until(lambda: not runs(lost), "the database is gone")
        until(lambda: served.database_pid() not in (0, lost), "the database is back")
        until(served.ready, "the API answers")

    def test_killed_supervisor_leaves_nothing_running(self, own: Installation) -> None:
        parts = processes_of(own)
        own.process.kill()
        own.process.wait()
        until(lambda: not any(runs(pid) for pid in parts), "every part ended", STOP_SECONDS_MAX)


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_one_signal_ends_all_of_it_in_order(
        self, own: Installation, number: signal.Signals
    ) -> None:
        parts = processes_of(own)
        assert own.stop(number) == 0
        assert [pid for pid in parts if runs(pid)] == []
        assert not (own.folder / STATE_FILE).exists()

    def test_second_signal_does_not_wait_for_a_child_that_hangs(self, own: Installation) -> None:
        parts = processes_of(own)
        os.kill(own.pid_of("scheduler"), signal.SIGSTOP)
        own.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            own.process.wait(2)
        assert own.stop() == 0
        assert [pid for pid in parts if runs(pid)] == []

    def test_data_survives(self) -> None:
        with reachable_folder() as folder:
            first = start(folder)
            until(first.ready, "the first start")
            assert "migration.applied" in first.output()
            assert first.stop() == 0
            assert Path(folder, "postgres/data/PG_VERSION").exists()
            again = start(folder)
            until(again.ready, "the second start")
            assert "migration.applied" not in again.output()
            assert again.stop() == 0


class TestRefuseToStart:
    def test_wrong_setting_is_named(self) -> None:
        with reachable_folder() as folder:
            refused = start(folder, {"CESSION_PORT": "eighty"})
            assert refused.process.wait(START_SECONDS_MAX) == 2
            assert "CESSION_PORT" in refused.output()

    def test_database_without_an_owner_address_is_refused(self) -> None:
        with reachable_folder() as folder:
            refused = start(folder, {"CESSION_DATABASE_URL": "postgresql://cession_app@/nowhere"})
            assert refused.process.wait(START_SECONDS_MAX) == 2
            assert "CESSION_MIGRATION_DATABASE_URL" in refused.output()
