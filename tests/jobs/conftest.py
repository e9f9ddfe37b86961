"""Parts for the tests of the job ledger: a runtime with the probe actors, and looks into the tables."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.clock import SystemIds
from marketplace.infra.jobs.ledger import Job, NewJob, find_job, insert_jobs
from marketplace.infra.settings import Settings
from marketplace.infra.storage import ContentStorage
from marketplace.infra.work import SilentDoorbell, WorkSource
from tests.jobs import probes
from tests.support.clock import CountingIds, FixedClock
from workers.registration import Actors, Tools, collect
from workers.runtime import Runtime

Enqueue = Callable[..., Awaitable[UUID]]


class NoRenderer:
    """The probes print nothing."""

    async def render(self, kind: str, version: int, language: str, view: msgspec.Struct) -> bytes:
        """Fail the test that prints."""
        raise AssertionError((kind, version, language, view))


class Ledger:
    """Looks into the tables, and writes rows as a committed unit of work would."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def add(self, actor: str, queue: str = "default", **args: str) -> UUID:
        """Commit one job with trace `req_test`; give its id."""
        row = NewJob(id=SystemIds().uuid7(), actor=actor, queue=queue, args=args, trace="req_test")
        await self.add_rows(row)
        return row.id

    async def add_rows(self, *rows: NewJob) -> None:
        """Commit rows."""
        async with self.engine.begin() as connection:
            await insert_jobs(connection, rows)

    async def job(self, job_id: UUID) -> Job:
        """Read one row."""
        async with self.engine.connect() as connection:
            found = await find_job(connection, job_id)
        assert found is not None
        return found

    async def effects(self) -> Counter[str]:
        """Count the probes' effects by subject."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                text("select subject from audit_log where action = 'probe.ran'")
            )
            return Counter(row.subject for row in rows)

    async def states(self) -> Counter[int]:
        """Count the jobs by state."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(text("select state from jobs"))
            return Counter(row.state for row in rows)

    async def change(self, statement: str, **values: Any) -> None:
        """Commit a statement, to bring the ledger into a situation."""
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)


@pytest.fixture
def actors() -> Actors:
    """Give the probe actors."""
    return collect([probes])


@pytest.fixture
def ledger(database: AsyncEngine) -> Ledger:
    """Give a look into the test's database."""
    return Ledger(database)


@pytest.fixture
def work_source(database: AsyncEngine, clock: FixedClock, ids: CountingIds) -> WorkSource:
    """Give the opener of units of work without the application: this room knows no stage."""
    return WorkSource(database, clock, ids, {}, SilentDoorbell())


@pytest.fixture
def runtime(
    work_source: WorkSource, actors: Actors, settings: Settings, storage: ContentStorage
) -> Runtime:
    """Give the workers' runtime with the probe actors."""
    tools = Tools(settings=settings, storage=storage, renderer=NoRenderer())
    return Runtime(work_source, actors, tools, "test:1")
