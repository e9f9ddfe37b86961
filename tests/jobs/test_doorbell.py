"""The doorbell: few notifications for many commits, never in the business transaction."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.jobs.doorbell import CHANNEL, PostgresDoorbell
from marketplace.infra.work import WorkSource
from tests.support.postgres import Cluster, connect, execute


class Porch:
    """Hears the rings."""

    def __init__(self) -> None:
        self.heard = 0
        self.rung = asyncio.Event()

    def hear(self, *_: object) -> None:
        """Count one ring."""
        self.heard += 1
        self.rung.set()


@pytest.fixture
async def porch(database_url: str) -> AsyncIterator[Porch]:
    connection = await connect(database_url)
    listening = Porch()
    await connection.add_listener(CHANNEL, listening.hear)
    yield listening
    await connection.close()


@pytest.fixture
async def doorbell(database_url: str) -> AsyncIterator[PostgresDoorbell]:
    bell = PostgresDoorbell(database_url)
    yield bell
    await bell.close()


class TestRing:
    async def test_ring_is_heard(self, doorbell: PostgresDoorbell, porch: Porch) -> None:
        doorbell.ring()

        await asyncio.wait_for(porch.rung.wait(), 5)

    async def test_a_thousand_rings_at_once_are_heard_once_or_twice(
        self, doorbell: PostgresDoorbell, porch: Porch
    ) -> None:
        for _ in range(1000):
            doorbell.ring()
        await asyncio.wait_for(porch.rung.wait(), 5)
        await asyncio.sleep(0.1)

        assert porch.heard <= 2

    async def test_ring_during_the_pause_is_not_lost(
        self, doorbell: PostgresDoorbell, porch: Porch
    ) -> None:
        doorbell.ring()
        await asyncio.wait_for(porch.rung.wait(), 5)
        porch.rung.clear()

        doorbell.ring()

        await asyncio.wait_for(porch.rung.wait(), 5)

    async def test_lost_connection_is_replaced_without_an_error(
        self, doorbell: PostgresDoorbell, porch: Porch, cluster: Cluster
    ) -> None:
        doorbell.ring()
        await asyncio.wait_for(porch.rung.wait(), 5)
        await execute(
            cluster.superuser_url(),
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'cession-doorbell'",
        )
        porch.rung.clear()

        doorbell.ring()
        await asyncio.sleep(0.05)
        doorbell.ring()

        await asyncio.wait_for(porch.rung.wait(), 5)

    async def test_database_that_is_away_is_tried_again(self) -> None:
        bell = PostgresDoorbell("postgresql://nobody@/nowhere?host=/nonexistent")

        bell.ring()
        await asyncio.sleep(0.05)

        await bell.close()


class TestWork:
    async def test_work_with_jobs_rings_after_its_commit(
        self, database: AsyncEngine, doorbell: PostgresDoorbell, porch: Porch
    ) -> None:
        source = WorkSource(database, SystemClock(), SystemIds(), {}, doorbell)
        async with source.begin("t", system_principal("tests")) as work:
            work.enqueue("probe.count", {"n": "1"})
            await asyncio.sleep(0.05)
            assert porch.heard == 0

        await asyncio.wait_for(porch.rung.wait(), 5)

    async def test_work_without_jobs_is_silent(
        self, database: AsyncEngine, doorbell: PostgresDoorbell, porch: Porch
    ) -> None:
        source = WorkSource(database, SystemClock(), SystemIds(), {}, doorbell)
        async with source.begin("t", system_principal("tests")):
            pass
        await asyncio.sleep(0.05)

        assert porch.heard == 0
