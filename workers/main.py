"""The processes of an installation: `python -m workers.main api | worker | relay | scheduler`.

Exit codes: 0 after an orderly end, 2 for wrong settings or arguments, 3 when the process could not
start (the log says why), 4 when it had to be cut short. SIGTERM and SIGINT end a process in order;
a second one hurries it: running jobs are interrupted and handed back.
"""

import argparse
import gc
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Final

import structlog

from marketplace.infra.log import configure_logging
from marketplace.infra.settings import Settings, SettingsError, load_settings
from workers.registration import QUEUES, Actors, load_actors
from workers.worker import WorkerProcess

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
EXIT_START: Final = 3
EXIT_CUT_SHORT: Final = 4

GRACE_SECONDS: Final = 20
HURRY_SECONDS: Final = 5
SIZE_LOG_SECONDS: Final = 600

log = structlog.get_logger(__name__)


def run_worker(settings: Settings, actors: Actors, queues: Sequence[str]) -> int:
    """Work the queues until a signal comes; give the exit code."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    # A queue whose put() is safe inside a signal handler; the handler itself does nothing else.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: signals.put(got))
    process = WorkerProcess(settings, actors, queues)
    try:
        process.start()
    except OSError:
        log.exception("worker.not_started")
        return EXIT_START
    settle_memory()
    while True:
        try:
            signals.get(timeout=SIZE_LOG_SECONDS)
            break
        except queue.Empty:
            process.log_size()
    return _stop_worker(process, signals)


def settle_memory() -> None:
    """Keep the collector from walking what start-up made: it cost the slowest requests most."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _stop_worker(process: WorkerProcess, signals: "queue.SimpleQueue[int]") -> int:
    def hurry_on_second_signal() -> None:
        signals.get()
        log.warning("worker.hurried")
        process.interrupt()
        _cut_short_after(HURRY_SECONDS)

    log.info("worker.stopping", grace_seconds=GRACE_SECONDS)
    threading.Thread(target=hurry_on_second_signal, daemon=True).start()
    _cut_short_after(GRACE_SECONDS + HURRY_SECONDS)
    process.stop(GRACE_SECONDS)
    return EXIT_OK


def _cut_short_after(seconds: float) -> None:
    """End the process without ceremony unless it ended itself; leases bring its jobs back."""
    timer = threading.Timer(seconds, os._exit, (EXIT_CUT_SHORT,))
    timer.daemon = True
    timer.start()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one process; give its exit code."""
    parser = argparse.ArgumentParser(prog="workers.main", description=__doc__)
    parser.add_argument("process", choices=("api", "worker", "relay", "scheduler"))
    parser.add_argument(
        "--queues",
        default=",".join(QUEUES),
        help="what a worker works, by weight: %(default)s",
    )
    chosen = parser.parse_args(arguments)
    queues = tuple(chosen.queues.split(","))
    if unknown := set(queues) - set(QUEUES):
        parser.error(f"no such queue: {', '.join(sorted(unknown))}")
    try:
        settings = load_settings(os.environ)
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return EXIT_USAGE
    if not settings.database_url:
        sys.stderr.write("CESSION_DATABASE_URL: must name the database of this installation\n")
        return EXIT_USAGE
    configure_logging(settings, chosen.process)
    return run_worker(settings, load_actors(), queues)


if __name__ == "__main__":
    sys.exit(main())
