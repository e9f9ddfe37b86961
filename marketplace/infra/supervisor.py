"""`cession serve`: the whole installation on one machine, kept running, ended in order.

Start: database, migrations, API, relay (only with a broker), worker, scheduler. A child that ends
is started again after a growing pause; so is the embedded database. Stop: every child gets one
SIGTERM on its main process only (a second one cuts a worker's running jobs short), a grace time,
then SIGKILL; the database comes last. Production runs the same commands under its own supervisor
(compose.yaml).
"""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from marketplace.infra import migrations
from marketplace.infra.children import end_with_parent
from marketplace.infra.embedded import EmbeddedPostgres
from marketplace.infra.embedded_files import PostgresUnavailableError
from marketplace.infra.installation import (
    as_environment,
    embedded_server,
    owner_url,
    with_addresses,
)
from marketplace.infra.settings import PREFIX, Settings

HEALTH_PATH: Final = "/health/ready"
STATE_FILE: Final = "run.json"

_READY_SECONDS_MAX: Final = 60.0
_GRACE_SECONDS: Final = 25.0
"""A little longer than a worker gives its running jobs (workers/main.py)."""
_POLL_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SETTLED_SECONDS: Final = 60.0
"""A child that ran this long starts its pauses from the beginning."""
_EXIT_USAGE: Final = 2
_CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent

Say = Callable[[str], None]


class ServeError(Exception):
    """The installation cannot run; the message says what to do."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What other processes may know of a running installation (`run.json` in the data folder)."""

    pid: int
    address: str
    database_url: str
    migration_database_url: str
    children: dict[str, int]


class Child:
    """One process of the installation, started again when it ends by itself."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started_at = 0.0
        self._start_again_at = 0.0

    @property
    def pid(self) -> int:
        """Process id, 0 while it waits to be started again."""
        return self._process.pid if self._process is not None else 0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process; its output goes to its log file."""
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                self._command,
                cwd=_CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on, once
                preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - two system calls
            )
        self._started_at = time.monotonic()

    def look_after(self, environment: Mapping[str, str], say: Say) -> bool:
        """Start the process again when it ended and its pause is over; tell whether it was."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return False
            self._note_end(code, say)
        if time.monotonic() < self._start_again_at:
            return False
        self.start(environment)
        return True

    def ask_to_stop(self) -> None:
        """Send one SIGTERM to the main process."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; tell whether it came in time."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process and what it started, without asking."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log_end(self) -> str:
        """Give the last lines of the log, for a message."""
        return "\n  ".join(self._log.read_text(errors="replace").splitlines()[-8:])

    def _note_end(self, code: int, say: Say) -> None:
        self._process = None
        if code == _EXIT_USAGE:
            raise ServeError(f"{self.name} refuses its settings:\n  {self.log_end()}")
        settled = time.monotonic() - self._started_at > _SETTLED_SECONDS
        self._failures = 1 if settled else self._failures + 1
        pause = _PAUSE_SECONDS[min(self._failures, len(_PAUSE_SECONDS)) - 1]
        self._start_again_at = time.monotonic() + pause
        say(f"{self.name} ended with {code}, starting it again (log: {self._log})")


class Supervisor:
    """Runs an installation until a signal comes."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._folder = Path(settings.data_dir).resolve()
        self._server: EmbeddedPostgres | None = embedded_server(settings)
        self._children: list[Child] = []
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._environment: dict[str, str] = {}

    def run(
        self, when_ready: Callable[[Settings], None] | None = None, *, once: bool = False
    ) -> int:
        """Start everything, keep it running, stop it in order on SIGINT or SIGTERM.

        `when_ready` is called once with the settings in force, when the API answers; with `once`
        everything stops when it has returned.

        Raises:
            ServeError: it runs already, or the API does not come up.
            PostgresUnavailableError: the database cannot be started.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._refuse_second()
        with self._catching_signals():
            try:
                settings = self._start()
                if when_ready is not None and self._signals.empty():
                    when_ready(settings)
                if not once:
                    self._keep_running()
            finally:
                self._stop()
        return 0

    def _start(self) -> Settings:
        settings = self._settings
        if self._server is not None:
            settings = with_addresses(settings, self._server.start())
            if self._server.folder.parent != self._folder:
                self._say(
                    f"the database is in {self._server.folder}: its user cannot enter {self._folder}"
                )
        migrations.upgrade(owner_url(settings))
        settings = replace(
            settings, data_dir=str(self._folder), port=settings.port or free_port(settings.host)
        )
        if settings.public_url == Settings().public_url:
            settings = replace(settings, public_url=address_of(settings))
        self._environment = child_environment(settings)
        self._children = [self._make_child(name) for name in process_names(settings)]
        for child in self._children:
            child.start(self._environment)
        self._settings = settings
        self._wait_until_ready()
        self._write_state()
        return settings

    def _make_child(self, name: str) -> Child:
        logs = self._folder / "log"
        logs.mkdir(exist_ok=True)
        log = logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        log.touch()
        return Child(name, (sys.executable, "-m", "workers.main", name), log)

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + _READY_SECONDS_MAX
        while not answers(address_of(self._settings) + HEALTH_PATH):
            if not self._signals.empty():
                return
            if time.monotonic() > give_up_at:
                api = self._children[0]
                raise ServeError(f"the API does not answer; the end of its log:\n  {api.log_end()}")
            self._look_after_all()
            time.sleep(_POLL_SECONDS)

    def _keep_running(self) -> None:
        while True:
            try:
                self._signals.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._look_after_all()
            else:
                return

    def _look_after_all(self) -> None:
        if self._server is not None and self._server.ended:
            self._say("the database ended, starting it again")
            try:
                self._server.start()
            except PostgresUnavailableError as problem:
                self._say(str(problem))
                time.sleep(1)
        started = [child.look_after(self._environment, self._say) for child in self._children]
        if any(started):
            self._write_state()

    def _stop(self) -> None:
        for child in self._children:
            child.ask_to_stop()
        give_up_at = time.monotonic() + _GRACE_SECONDS
        for child in self._children:
            while not child.wait(_POLL_SECONDS):
                # A second Ctrl-C, or the end of the grace time: no more waiting.
                if time.monotonic() > give_up_at or not self._signals.empty():
                    child.kill()
        if self._server is not None:
            self._server.stop()
        (self._folder / STATE_FILE).unlink(missing_ok=True)

    def _write_state(self) -> None:
        state = State(
            pid=os.getpid(),
            address=address_of(self._settings),
            database_url=self._settings.database_url,
            migration_database_url=self._settings.migration_database_url,
            children={child.name: child.pid for child in self._children},
        )
        written = self._folder / f"{STATE_FILE}.new"
        written.touch(mode=0o600)  # an address may carry a password
        written.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
        written.replace(self._folder / STATE_FILE)

    def _refuse_second(self) -> None:
        state = read_state(self._folder)
        if state is not None and runs(state.pid) and answers(state.address + HEALTH_PATH):
            raise ServeError(f"it runs already at {state.address} (process {state.pid})")

    @contextmanager
    def _catching_signals(self) -> Iterator[None]:
        # Putting into this queue is all a handler does: it is safe at any point of the program.
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [
            signal.signal(number, lambda got, _: self._signals.put(got)) for number in numbers
        ]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def process_names(settings: Settings) -> tuple[str, ...]:
    """Give the processes these settings need, the API first."""
    relay = ("relay",) if settings.broker_url else ()
    return ("api", *relay, "worker", "scheduler")


def child_environment(settings: Settings) -> dict[str, str]:
    """Give the environment of a child: ours, with exactly these settings in it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return ours | as_environment(settings)


def address_of(settings: Settings) -> str:
    """Give the address of the API on this machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else settings.host  # noqa: S104 - compared
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def free_port(host: str) -> int:
    """Give a port nobody listens on; it stays the same when the API is started again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Tell whether a server answers at `url` and does not report a failure of its own."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code < 500  # noqa: PLR2004 - a server error
    except OSError:
        return False


def read_state(folder: Path) -> State | None:
    """Give the state file of a data folder, or `None` when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / STATE_FILE).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def runs(pid: int) -> bool:
    """Tell whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
