"""The relay: carries claimed jobs to RabbitMQ, as (actor, job id) and nothing else.

It may run any number of times, SKIP LOCKED shares the work. What it publishes may be lost or arrive
twice without harm: a lost message's lease runs out and the sweep frees the job, a second copy finds
its job done. So publisher confirms stay off (measured: nine times faster).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import pika.exceptions
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import BrokerConnectionError

from marketplace.infra.jobs.delivery import Delivery
from marketplace.infra.settings import Settings
from workers.broker import POLL_SECONDS, LedgerLink, message_for
from workers.registration import QUEUES, broker_queue
from workers.waiting import first_of

BATCH: Final = 256
RETRY_SECONDS: Final = 2.0
_BROKER_ERRORS: Final = (BrokerConnectionError, pika.exceptions.AMQPError, OSError)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Publisher:
    """Publishes from one thread of its own: a connection of this driver belongs to one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._broker = RabbitmqBroker(url=settings.broker_url, middleware=[])
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publisher")

    async def publish(self, queue: str, jobs: Sequence[Delivery]) -> int:
        """Publish a batch; give how many were sent before the connection failed, if it did."""
        return await self._in_thread(self._publish, queue, jobs)

    async def beat(self) -> None:
        """Answer the server's heartbeats, or it drops an idle connection."""
        await self._in_thread(self._beat)

    async def close(self) -> None:
        """Close the connection and the thread."""
        await self._in_thread(self._broker.close)
        self._thread.shutdown()

    def _publish(self, queue: str, jobs: Sequence[Delivery]) -> int:
        name = broker_queue(self._settings, queue)
        for sent, job in enumerate(jobs):
            try:
                self._broker.enqueue(message_for(job, name))
            except _BROKER_ERRORS as problem:
                log.warning("relay.broker_away", error=repr(problem), queue=name)
                return sent
        return len(jobs)

    def _beat(self) -> None:
        try:
            self._broker.connection.process_data_events(0)
        except _BROKER_ERRORS:
            del self._broker.connection

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


class Relay:
    """Moves the due jobs of every queue; `run()` ends when `stop` is set."""

    def __init__(self, settings: Settings) -> None:
        self._link = LedgerLink(settings.database_url, settings.job_lease_seconds)
        self._publisher = Publisher(settings)
        self._woken = asyncio.Event()
        self.published = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until told to stop; raises when the database does not answer at the start."""
        await self._link.open()
        self._link.add_listener(self._woken.set)
        log.info("relay.started")
        try:
            while not stop.is_set():
                self._woken.clear()
                pause = min([await self._relay(queue) for queue in QUEUES])
                if pause == POLL_SECONDS:
                    await self._publisher.beat()
                await first_of(stop, self._woken, seconds=pause)
        finally:
            await self._publisher.close()
            await self._link.close()
            log.info("relay.stopped", published=self.published)

    async def _relay(self, queue: str) -> float:
        """Move one batch; give the seconds after which to look again."""
        jobs, due_seconds = await self._link.claim(queue, BATCH)
        pause = POLL_SECONDS if due_seconds is None else max(min(due_seconds, POLL_SECONDS), 0)
        if not jobs:
            return pause
        sent = await self._publisher.publish(queue, jobs)
        self.published += sent
        if sent < len(jobs):
            await self._link.hand_back([job.job_id for job in jobs[sent:]])
            return RETRY_SECONDS
        return pause
