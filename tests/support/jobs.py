"""Run what was enqueued, without a worker process: the workers' own runtime on due rows."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from sqlalchemy import text

from marketplace.infra.work import WorkSource
from workers.registration import Tools, load_actors
from workers.runtime import Runtime

Drain = Callable[..., Awaitable[list[str]]]
"""`await drain(allow_failures=False)` gives the actors that ran, in order."""

_DUE: Final = text(
    "SELECT id, actor FROM jobs WHERE state IN (0, 1) AND run_at <= clock_timestamp()"
    " AND NOT id = ANY(CAST(:tried AS uuid[])) ORDER BY run_at, id LIMIT 1"
)
_FAILED: Final = text("SELECT actor, last_error FROM jobs WHERE id = :id AND state <> 2")


class JobFailedError(AssertionError):
    """A drained job failed; the message is what the ledger recorded."""


def make_drain(source: WorkSource, tools: Tools) -> Drain:
    """Give a function that runs due jobs until none is left, also those that jobs enqueue."""
    runtime = Runtime(source, load_actors(), tools, "tests")

    async def drain(*, allow_failures: bool = False) -> list[str]:
        ran: list[str] = []
        tried: list[UUID] = []
        while True:
            async with source.engine.connect() as connection:
                due = (await connection.execute(_DUE, {"tried": tried})).first()
            if due is None:
                return ran
            tried.append(due.id)
            await runtime.run(due.actor, due.id)
            ran.append(due.actor)
            if not allow_failures:
                await _refuse_failure(source, due.id)

    return drain


async def _refuse_failure(source: WorkSource, job_id: UUID) -> None:
    async with source.engine.connect() as connection:
        failed = (await connection.execute(_FAILED, {"id": job_id})).first()
    if failed is not None:
        raise JobFailedError(f"{failed.actor}: {failed.last_error}")
