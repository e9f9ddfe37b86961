"""Start real processes on a test database, signal them, and wait for what they do."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from marketplace.infra.settings import PREFIX
from tests.support.postgres import connect

ROOT: Final = Path(__file__).resolve().parent.parent.parent
POLL_SECONDS: Final = 0.02
END_SECONDS_MAX: Final = 30


def environment(database_url: str, folder: Path, **settings: str) -> dict[str, str]:
    """Give the environment of a process: ours without settings, plus those named."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {"database_url": database_url, "data_dir": str(folder), **settings}
    return inherited | {PREFIX + name.upper(): value for name, value in given.items()}


@contextmanager
def running(*command: str, env: dict[str, str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run `python <command>` in a process group of its own; kill it at the end if it still lives."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(END_SECONDS_MAX)


def end(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Send SIGTERM once; give the exit code and the seconds it took to end."""
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    return process.wait(END_SECONDS_MAX), time.monotonic() - started


def end_impatiently(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Send SIGTERM twice a second until the process ends; gives what `end` gives."""
    started = time.monotonic()
    while process.poll() is None and time.monotonic() - started < END_SECONDS_MAX:
        os.kill(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    return process.wait(0), time.monotonic() - started


class Watch:
    """Looks at a database from a test without an event loop."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(connect(url))

    def close(self) -> None:
        """Close the connection and the loop."""
        self._runner.run(self._connection.close())
        self._runner.close()

    def rows(self, query: str, *arguments: object) -> list[Any]:
        """Run a query."""
        found: list[Any] = self._runner.run(self._connection.fetch(query, *arguments))
        return found

    def effects(self) -> Counter[str]:
        """Count the probes' effects by subject."""
        rows = self.rows("select subject from audit_log where action = 'probe.ran'")
        return Counter(row[0] for row in rows)

    def states(self) -> Counter[int]:
        """Count the jobs by state."""
        return Counter(row[0] for row in self.rows("select state from jobs"))

    def add(self, actor: str, count: int, queue: str = "default") -> None:
        """Commit jobs numbered 1 to `count`."""
        self.rows(
            "insert into jobs (id, queue, actor, args)"
            " select gen_random_uuid(), $2, $1, jsonb_build_object('n', n::text)"
            " from generate_series(1, $3::int) n",
            actor,
            queue,
            count,
        )

    def until(self, query: str, *, seconds: float = 30) -> None:
        """Wait until the query gives true; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self.rows(query)[0][0]:
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {query}; jobs {self.states()}")
            time.sleep(POLL_SECONDS)

    def until_settled(self, *, seconds: float = 30) -> None:
        """Wait until no job is ready, sent or outward."""
        self.until("select not exists (select from jobs where state in (0, 1, 4))", seconds=seconds)
