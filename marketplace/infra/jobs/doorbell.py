"""The doorbell: tells waiting workers that rows were committed, outside the business transaction.

`NOTIFY` inside a transaction makes commits queue one behind another (measured: 2.8 times slower at
16 connections), so each process rings after its commits, from one autocommit connection of its own,
at most once per few milliseconds. A lost ring costs a worker's next poll, one second; so nothing
here ever raises to the caller.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Final

import asyncpg
import structlog

CHANNEL: Final = "cession_jobs"
EVERY_QUEUE: Final = "*"
PAUSE_SECONDS: Final = 0.004
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class PostgresDoorbell:
    """Rings with `pg_notify`; belongs to one event loop. `close()` it at the end of the process."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._rung = asyncio.Event()
        self._queues: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None

    def ring(self, queues: Collection[str] = ()) -> None:
        """Note the ring; the running task sends it, joined with others of the same milliseconds.

        Workers look only into the queues that are named; none named means all.
        """
        self._queues.update(queues or {EVERY_QUEUE})
        self._rung.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_rings())

    async def close(self) -> None:
        """Stop ringing and give the connection back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._hang_up()

    async def _send_rings(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                await self._notify()
                pause = PAUSE_SECONDS
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
                log.warning("doorbell.unheard", error=repr(problem))
                self._hang_up()
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _notify(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url,
                # A ring may be lost, so it does not wait for the disk.
                server_settings={
                    "synchronous_commit": "off",
                    "application_name": "cession-doorbell",
                },
            )
        queues, self._queues = self._queues, set()
        await self._connection.execute(
            "select pg_notify($1, $2)", CHANNEL, " ".join(sorted(queues))
        )

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
