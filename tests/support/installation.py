"""A whole installation as `cession serve` runs it, for tests that need real processes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

from marketplace.infra.render.fonts import prepare_fonts
from marketplace.infra.supervisor import HEALTH_PATH, State, answers, read_state
from tests.support.source import CHECKOUT

START_SECONDS_MAX: Final = 120.0
STOP_SECONDS_MAX: Final = 40.0


class Installation:
    """A running `cession serve`."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], told: Path) -> None:
        self.folder = folder
        self.process = process
        self._told = told

    @property
    def state(self) -> State:
        """What its state file says now."""
        state = read_state(self.folder)
        if state is None:
            raise AssertionError(f"not running: {self.output()}")
        return state

    @property
    def address(self) -> str:
        """Where its API listens."""
        return self.state.address

    def ready(self) -> bool:
        """Tell whether the API answers and reaches its database."""
        state = read_state(self.folder)
        return state is not None and answers(state.address + HEALTH_PATH)

    def wait_until_ready(self) -> None:
        """Wait for the API; a start that fails shows what was printed and the log of the API."""
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                log = self.folder / "log" / "api.log"
                told = log.read_text(errors="replace")[-3000:] if log.exists() else ""
                raise AssertionError(f"it did not start\n{self.output()}\n{told}")
            time.sleep(0.05)

    def pid_of(self, child: str) -> int:
        """Give the process id of a child; waits while it is between two starts."""
        until(lambda: self.state.children[child] != 0, f"{child} runs")
        return self.state.children[child]

    def kill(self, child: str) -> int:
        """Kill one child without warning and give the number it had."""
        pid = self.pid_of(child)
        os.kill(pid, signal.SIGKILL)
        return pid

    def database_pid(self) -> int:
        """Give the process id of the embedded database, 0 while there is none."""
        try:
            return int((self.folder / "postgres/data/postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return 0

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS_MAX)

    def output(self) -> str:
        """What it printed."""
        return self._told.read_text(errors="replace")


def until(met: Callable[[], bool], what: str, seconds_max: float = START_SECONDS_MAX) -> None:
    """Wait until a condition is met; fail with `what` when it is not."""
    give_up_at = time.monotonic() + seconds_max
    while not met():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {seconds_max:g} s: {what}")
        time.sleep(0.05)


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Give a new folder that the database's user can enter also when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="cession-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def prepared_fonts() -> Path:
    """Give faces that all installations under test share: making them takes 3 s of CPU."""
    shared = CHECKOUT / "var" / "test-fonts"
    prepare_fonts(shared)
    return shared


def start(folder: Path, settings: Mapping[str, str] | None = None) -> Installation:
    """Start `cession serve` on a data folder and a free port; give it before it is ready."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CESSION_")}
    environment = ours | {"CESSION_DATA_DIR": str(folder), "CESSION_PORT": "0", **(settings or {})}
    if not (folder / "fonts").exists():
        (folder / "fonts").symlink_to(prepared_fonts())
    told = folder / f"serve-{uuid4().hex[:8]}.out"  # several starts may share a folder
    with told.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "marketplace", "serve"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    return Installation(folder, process, told)


@contextmanager
def installation(settings: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """Run an installation of one's own for as long as the block runs."""
    with reachable_folder() as folder:
        running = start(folder, settings)
        try:
            running.wait_until_ready()
            yield running
        finally:
            if running.process.poll() is None:
                running.process.terminate()
                running.process.wait(STOP_SECONDS_MAX)
