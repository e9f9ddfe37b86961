"""A dramatiq broker on the job table: no second server, and no message that can be lost.

`LedgerLink` lives on the process's event loop and owns one driver connection: it claims in batches,
hears the doorbell and sweeps expired leases. A `LedgerConsumer` feeds one queue of one worker from
it. Acknowledging does nothing: the job's own transaction has marked the row done.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import dramatiq
import structlog
from dramatiq.broker import Consumer, MessageProxy

from marketplace.infra.jobs import delivery
from marketplace.infra.jobs.delivery import Delivery
from marketplace.infra.jobs.doorbell import CHANNEL, EVERY_QUEUE

POLL_SECONDS: Final = 1.0
CALL_SECONDS_MAX: Final = 30.0
_DRIVER_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class LedgerLink:
    """One connection to the job table, shared by all queues of a process; reconnects by itself."""

    def __init__(self, database_url: str, lease_seconds: int) -> None:
        self._url = database_url
        self._lease_seconds = lease_seconds
        self._lock = asyncio.Lock()
        self._connection: Any = None
        self._listeners: list[tuple[Callable[[], None], str]] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, listen and start sweeping; raises when the database does not answer."""
        await self._connected()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_for_ever())

    async def close(self) -> None:
        """Stop sweeping and close the connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._connection is not None:
            self._connection.terminate()

    def add_listener(self, wake: Callable[[], None], queue: str = EVERY_QUEUE) -> None:
        """Call this, on the event loop, whenever jobs of a queue (or of any) were committed or freed."""
        self._listeners.append((wake, queue))

    def remove_listener(self, wake: Callable[[], None]) -> None:
        """Call it no longer."""
        self._listeners = [known for known in self._listeners if known[0] != wake]

    async def claim(self, queue: str, limit: int) -> tuple[list[Delivery], float | None]:
        """Claim due jobs and give the seconds until the next one is due, if there is one."""
        async with self._lock:
            try:
                connection = await self._connected()
                return await delivery.claim(connection, queue, limit, self._lease_seconds)
            except _DRIVER_ERRORS as problem:
                self._lose(problem)
                return [], None

    async def hand_back(self, job_ids: list[UUID]) -> None:
        """Free claimed jobs that were not started."""
        async with self._lock:
            try:
                await delivery.hand_back(await self._connected(), job_ids)
            except _DRIVER_ERRORS as problem:
                self._lose(problem)

    async def sweep(self) -> None:
        """Free jobs whose lease ran out, and wake the consumers for them."""
        async with self._lock:
            try:
                freed = await delivery.sweep(await self._connected())
            except _DRIVER_ERRORS as problem:
                self._lose(problem)
                return
        if freed:
            log.warning("jobs.swept", queues=sorted(freed))
            self._wake(freed)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.sweep()

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=10, server_settings={"application_name": "cession-jobs"}
            )
            log.info("jobs.connected")
            await self._connection.add_listener(CHANNEL, self._heard)
        return self._connection

    def _lose(self, problem: BaseException) -> None:
        log.warning("jobs.database_away", error=repr(problem))
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _heard(self, _connection: Any, _pid: int, _channel: str, queues: str) -> None:
        self._wake(set(queues.split()) or {EVERY_QUEUE})

    def _wake(self, queues: set[str]) -> None:
        for wake, queue in self._listeners:
            if queue in queues or EVERY_QUEUE in (queue, *queues):
                wake()


class LedgerConsumer(Consumer):
    """Feeds one queue to one worker; dramatiq calls it from the queue's own thread."""

    def __init__(self, broker: "LedgerBroker", queue: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._timeout_seconds = timeout / 1000
        self._ready: deque[Delivery] = deque()
        self._outstanding = 0
        self._changed = threading.Condition()
        self._rung = threading.Event()
        self._look_at = 0.0
        self._wake = self._rung.set
        broker.link.add_listener(self._wake, queue)

    def __next__(self) -> MessageProxy | None:
        """Give the next job, or `None` after at most the timeout."""
        if not self._ready and not self._broker.stopping:
            self._refill()
        if not self._ready:
            return None
        return MessageProxy(message_for(self._ready.popleft(), self._queue))

    def _refill(self) -> None:
        free = self._wait_for_room()
        if not free:
            return
        wait = min(self._timeout_seconds, self._look_at - time.monotonic())
        if wait > 0 and not self._rung.wait(wait):
            return
        self._rung.clear()
        claimed, due_seconds = self._broker.call(self._broker.link.claim(self._queue, free))
        with self._changed:
            self._outstanding += len(claimed)
        self._ready.extend(claimed)
        until_next = POLL_SECONDS if due_seconds is None else max(min(due_seconds, POLL_SECONDS), 0)
        self._look_at = time.monotonic() + until_next

    def _wait_for_room(self) -> int:
        """Give how many jobs to claim: half the prefetch or more, so that batches stay big."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._outstanding <= self._prefetch // 2, self._timeout_seconds
            )
            room = self._prefetch - self._outstanding
            return room if self._outstanding <= self._prefetch // 2 else 0

    def _settle(self, count: int) -> None:
        with self._changed:
            self._outstanding -= count
            self._changed.notify()

    def ack(self, message: MessageProxy) -> None:
        """Count the job as no longer in hand."""
        del message
        self._settle(1)

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Hand back what was claimed and not started."""
        job_ids = [UUID(message.args[0]) for message in messages]
        job_ids += [waiting.job_id for waiting in self._ready]
        self._ready.clear()
        if job_ids:
            self._broker.call(self._broker.link.hand_back(job_ids))
            self._settle(len(job_ids))

    def close(self) -> None:
        """Hand back what is still buffered here."""
        self._broker.link.remove_listener(self._wake)
        self.requeue(())


class LedgerBroker(dramatiq.Broker):
    """Delivers jobs straight from the table to the workers of this process."""

    def __init__(
        self,
        link: LedgerLink,
        loop: asyncio.AbstractEventLoop,
        middleware: list[dramatiq.Middleware],
    ) -> None:
        super().__init__(middleware=middleware)
        self.link = link
        self.stopping = False
        self._loop = loop

    def declare_queue(self, queue_name: str) -> None:
        """Make the queue known to the worker; there is nothing to create, a queue is a column."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        """Give a consumer that holds up to `prefetch` jobs and waits `timeout` milliseconds."""
        return LedgerConsumer(self, queue_name, prefetch, timeout)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> Any:  # noqa: ARG002 - the signature is the framework's
        """Refuse: a job is a row, written by the unit of work that causes it."""
        raise AssertionError(f"{message.actor_name}: jobs are enqueued by Work.enqueue")

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the link from a thread."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(CALL_SECONDS_MAX)


def message_for(job: Delivery, queue_name: str) -> dramatiq.Message[Any]:
    """Make the message of a delivery: whom to call and which row, nothing else."""
    job_id = str(job.job_id)
    return dramatiq.Message(
        queue_name=queue_name,
        actor_name=job.actor,
        args=(job_id,),
        kwargs={},
        options={},
        message_id=job_id,
    )
