"""The worker process: one lane of threads per queue, one event loop, an orderly end.

A lane is a dramatiq broker and worker for one queue, so that heavy jobs never take the threads of
light ones. All lanes run their jobs on one event loop with one database pool.

Memory: the process logs its size every minute (`worker.size`) with the number of jobs run. A
supervisor may end it at any time (SIGTERM hands jobs back, SIGKILL costs one lease), so a restart
at night is the cure for a leak that nobody has found yet.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import resource
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import dramatiq
import msgspec
import structlog
import uvloop
from dramatiq.asyncio import EventLoopThread
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import Middleware

from marketplace.infra.render.pool import RenderPool
from marketplace.infra.settings import Settings
from workers.broker import LedgerBroker, LedgerLink
from workers.parts import close_parts, open_parts, process_name
from workers.registration import QUEUES, Actors, Tools, broker_queue
from workers.runtime import Runtime

WAKE_MILLISECONDS: Final = 250
"""How often idle threads look whether they should end."""
LIGHT_THREADS: Final = 2
LOOP_START_SECONDS_MAX: Final = 5.0
CLOSE_SECONDS_MAX: Final = 3.0

log = structlog.get_logger(__name__)


class Lane(msgspec.Struct, frozen=True):
    """One queue of this process with the threads that work it."""

    queue: str
    broker: dramatiq.Broker
    worker: dramatiq.Worker


class UnknownActors(Middleware):
    """Puts a job back whose actor this release does not know, with the reason in its row."""

    def __init__(self, refuse: Callable[[str, UUID], None]) -> None:
        self._refuse = refuse

    def after_nack(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Record it; dramatiq rejects messages for no other reason here."""
        del broker
        self._refuse(message.actor_name, UUID(message.args[0]))


class WorkerProcess:
    """Everything of one worker, from `start()` to `stop()`."""

    def __init__(self, settings: Settings, actors: Actors, queues: Iterable[str]) -> None:
        self._settings = settings
        self._actors = actors
        self._threads = {queue: _threads(settings, queue) for queue in queues}
        self._loop_thread = EventLoopThread(logging.getLogger("workers.loop"))
        self._loop_thread.loop.close()
        self._loop_thread.loop = uvloop.new_event_loop()
        # The thread must not outlive the main one: with dramatiq's own, a second SIGTERM that ends
        # the main thread leaves a process that hangs until somebody kills it.
        self._loop_thread.daemon = True
        self._parts = open_parts(settings, sum(self._threads.values()) + 1)
        self._renderer = RenderPool(
            Path(settings.data_dir) / "fonts", processes=settings.render_processes
        )
        tools = Tools(settings=settings, storage=self._parts.storage, renderer=self._renderer)
        self._runtime = Runtime(self._parts.source, actors, tools, process_name())
        self._link = LedgerLink(settings.database_url, settings.job_lease_seconds)
        self._lanes: list[Lane] = []
        self._warming: concurrent.futures.Future[None] | None = None

    def start(self) -> None:
        """Connect and begin to work; raises when the database does not answer."""
        self._loop_thread.start(timeout=LOOP_START_SECONDS_MAX)
        if not self._settings.broker_url:
            self._call(self._link.open())
        if "heavy" in self._threads:
            # Not awaited: light jobs need not wait for fonts, and a paper waits for its process.
            self._warming = self._later(self._renderer.start())
        for queue, threads in self._threads.items():
            self._lanes.append(self._open_lane(queue, threads))
        for lane in self._lanes:
            lane.broker.emit_after("process_boot")
            lane.worker.start()
        log.info("worker.started", queues=self._threads, actors=len(self._actors))

    def answers(self, within_seconds: float) -> bool:
        """Tell whether the event loop still turns; a defect that blocks it stops every job."""
        try:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop_thread.loop).result(
                within_seconds
            )
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> None:
        """Cancel what is running; its jobs roll back and are handed back."""
        self._loop_thread.loop.call_soon_threadsafe(self._runtime.interrupt)

    def stop(self, grace_seconds: float) -> None:
        """End: finish what runs within the grace time, hand back the rest, close connections."""
        deadline = time.monotonic() + grace_seconds
        for lane in self._lanes:
            if isinstance(lane.broker, LedgerBroker):
                lane.broker.stopping = True
            for thread in lane.worker.workers:
                thread.stop()
        self._loop_thread.loop.call_soon_threadsafe(self._runtime.interrupt_interruptible)
        for lane in self._lanes:
            left = max(deadline - time.monotonic(), 0.1)
            lane.worker.stop(timeout=int(left * 1000))
        self.interrupt()
        with contextlib.suppress(TimeoutError):
            self._call(asyncio.wait_for(self._runtime.idle(), CLOSE_SECONDS_MAX))
        for lane in self._lanes:
            lane.broker.close()
        if self._warming is not None:
            self._warming.cancel()
        self._call(self._renderer.close())
        self._call(self._link.close())
        self._call(close_parts(self._parts))
        self._loop_thread.stop()  # type: ignore[no-untyped-call]  # dramatiq is half typed
        log.info("worker.stopped", deliveries=self._runtime.deliveries_run)

    def log_size(self) -> None:
        """Log the greatest size so far (resident, in MB) and the number of deliveries run."""
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        log.info("worker.size", resident_mb_max=largest, deliveries=self._runtime.deliveries_run)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop_thread.loop)
        future.add_done_callback(_log_failed_start)
        return future

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop_thread.loop).result()

    def _open_lane(self, queue: str, threads: int) -> Lane:
        # None of dramatiq's own: the ledger retries, and its TimeLimit and ShutdownNotifications
        # throw an exception into a thread that waits for the event loop. Thrown while that thread
        # leaves the lock of its future, it leaves the lock held and the loop waits for ever (seen
        # on a busy machine). The runtime cancels on the loop instead, where it is safe and exact.
        middleware: list[Middleware] = [UnknownActors(self._refuse)]
        name = queue
        broker: dramatiq.Broker
        if self._settings.broker_url:
            name = broker_queue(self._settings, queue)
            broker = RabbitmqBroker(url=self._settings.broker_url, middleware=middleware)
        else:
            broker = LedgerBroker(self._link, self._loop_thread.loop, middleware)
        for actor in self._actors.values():
            dramatiq.Actor(
                self._deliverer(actor.name),
                broker=broker,
                actor_name=actor.name,
                queue_name=name,
                priority=0,
                options={},
            )
        broker.declare_queue(name)
        worker = dramatiq.Worker(
            broker, queues={name}, worker_threads=threads, worker_timeout=WAKE_MILLISECONDS
        )
        worker.queue_prefetch = QUEUES[queue].prefetch
        return Lane(queue, broker, worker)

    def _deliverer(self, actor_name: str) -> Callable[[str], None]:
        def deliver(job_id: str) -> None:
            # A cancelled job has been handed back by the runtime: nothing is left to do here.
            with contextlib.suppress(concurrent.futures.CancelledError):
                self._call(self._runtime.run(actor_name, UUID(job_id)))

        return deliver

    def _refuse(self, actor_name: str, job_id: UUID) -> None:
        self._call(self._runtime.refuse_unknown(actor_name, job_id))


def _log_failed_start(started: concurrent.futures.Future[None]) -> None:
    if not started.cancelled() and started.exception() is not None:
        log.error("worker.renderer_not_started", exc_info=started.exception())


def _threads(settings: Settings, queue: str) -> int:
    if queue == "light":
        return LIGHT_THREADS
    return settings.render_processes if queue == "heavy" else settings.worker_threads
