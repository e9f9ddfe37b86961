"""The processes of an installation: `python -m workers.main api | worker | relay | scheduler`.

Exit codes: 0 after an orderly end, 2 for wrong settings or arguments, 3 when the process could not
start (the log says why), 4 when it had to be cut short. SIGTERM and SIGINT end a process in order;
a second one hurries it: running jobs are interrupted and handed back.
"""

import argparse
import asyncio
import os
import queue
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

import asyncpg
import structlog

from marketplace.infra.log import configure_logging
from marketplace.infra.settings import Settings, SettingsError, load_settings
from workers.memory import settle_memory
from workers.registration import QUEUES, Actors

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
EXIT_START: Final = 3
EXIT_CUT_SHORT: Final = 4

GRACE_SECONDS: Final = 20
"""How long running jobs may take to end after the first signal."""
HURRY_SECONDS: Final = 5
"""How long the process may take to end after the second signal, or after the grace time."""
LOOK_SECONDS: Final = 60
"""How often a worker looks at itself. An event loop that does not turn for this long never will:
the process ends, its supervisor starts another, and its jobs are run there."""
NOT_STARTED: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger(__name__)


def run_worker(
    settings: Settings,
    actors: Actors,
    queues: Sequence[str],
    look_seconds: float = LOOK_SECONDS,
) -> int:
    """Work the queues until a signal comes; give the exit code."""
    from workers.worker import WorkerProcess  # noqa: PLC0415 (other processes do not pay for it)

    # put() of this queue is safe inside a signal handler; the handler does nothing else.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: signals.put(got))
    process = WorkerProcess(settings, actors, queues)
    process.start()
    settle_memory()
    while not _signalled(signals, look_seconds):
        process.log_size()
        if not process.answers(look_seconds):
            log.critical("worker.stuck", seconds=look_seconds)
            os._exit(EXIT_CUT_SHORT)
    log.info("worker.stopping", grace_seconds=GRACE_SECONDS)
    _on_second_signal(signals, process.interrupt)
    _cut_short_after(GRACE_SECONDS + HURRY_SECONDS)
    process.stop(GRACE_SECONDS)
    return EXIT_OK


def run_until_signal(run: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run a process that is one coroutine; it ends when the event it gets is set."""

    async def until_signal() -> None:
        stop = asyncio.Event()

        def end() -> None:
            stop.set()
            _cut_short_after(HURRY_SECONDS)

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
        settle_memory()
        await run(stop)

    asyncio.run(until_signal())
    return EXIT_OK


def run_relay(settings: Settings) -> int:
    """Carry jobs to RabbitMQ until a signal comes."""
    from workers.relay import Relay  # noqa: PLC0415 (other processes do not pay for it)

    if not settings.broker_url:
        sys.stderr.write("CESSION_BROKER_URL: must name the RabbitMQ server to relay to\n")
        return EXIT_USAGE
    return run_until_signal(lambda stop: Relay(settings).run(stop))


def run_scheduler(settings: Settings) -> int:
    """Write the rows of the schedule until a signal comes."""
    from workers.parts import close_parts, open_parts  # noqa: PLC0415 (as above)
    from workers.schedule import SCHEDULE, Scheduler  # noqa: PLC0415 (as above)

    async def run(stop: asyncio.Event) -> None:
        parts = open_parts(settings, pool_size=1)
        try:
            await Scheduler(parts.source, parts.doorbell, SCHEDULE).run(stop)
        finally:
            await close_parts(parts)

    return run_until_signal(run)


def run_process(process: str, settings: Settings, queues: Sequence[str]) -> int:
    """Run one kind of process to its end; give its exit code."""
    if process == "relay":
        return run_relay(settings)
    if process == "scheduler":
        return run_scheduler(settings)
    if process == "worker":
        from workers.registration import load_actors  # noqa: PLC0415 (imports every stage)

        return run_worker(settings, load_actors(), queues)
    from workers.web import run_api  # noqa: PLC0415 (workers do without the web framework)

    run_api(settings)
    return EXIT_OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process that the arguments name; give its exit code."""
    parser = argparse.ArgumentParser(prog="workers.main", description=__doc__)
    parser.add_argument("process", choices=("api", "worker", "relay", "scheduler"))
    parser.add_argument(
        "--queues", default=",".join(QUEUES), help="what a worker works (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    queues = tuple(chosen.queues.split(","))
    if unknown := sorted(set(queues) - set(QUEUES)):
        parser.error(f"no such queue: {', '.join(unknown)}; there are {', '.join(QUEUES)}")
    try:
        settings = load_settings(os.environ)
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return EXIT_USAGE
    if not settings.database_url:
        sys.stderr.write("CESSION_DATABASE_URL: must name the database of this installation\n")
        return EXIT_USAGE
    configure_logging(settings, chosen.process)
    try:
        return run_process(chosen.process, settings, queues)
    except NOT_STARTED as problem:
        log.error("process.not_started", error=repr(problem))  # noqa: TRY400 (the message says it)
        return EXIT_START


def leave(code: int) -> NoReturn:
    """End this process with `code`, also when one more signal comes while Python is tidying up.

    The interpreter gives signals back their deadly default before it is gone, but leaves ignored
    ones ignored; without this a second SIGTERM in that moment turns an orderly end into -15.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _signalled(signals: "queue.SimpleQueue[int]", seconds: float) -> bool:
    try:
        signals.get(timeout=seconds)
    except queue.Empty:
        return False
    return True


def _on_second_signal(signals: "queue.SimpleQueue[int]", interrupt: Callable[[], None]) -> None:
    def wait() -> None:
        signals.get()
        log.warning("worker.hurried", seconds=HURRY_SECONDS)
        interrupt()
        _cut_short_after(HURRY_SECONDS)

    threading.Thread(target=wait, name="second-signal", daemon=True).start()


def _cut_short_after(seconds: float) -> None:
    """End the process without ceremony unless it ended itself; leases bring its jobs back."""
    timer = threading.Timer(seconds, os._exit, (EXIT_CUT_SHORT,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    leave(main())
