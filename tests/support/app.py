"""The application under test, assembled from real parts and the test's clock, ids and storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast

import httpx
from litestar import Controller, Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import CONTROLLERS, Ports, create_app
from marketplace.infra.db import make_engine
from marketplace.infra.settings import Settings
from marketplace.infra.storage import Storage, memory_storage
from marketplace.infra.work import SilentDoorbell
from marketplace.kernel.clock import Clock, Ids
from tests.support.clock import CountingIds, FixedClock
from workers.subscriptions import SUBSCRIPTIONS


def make_ports(engine: AsyncEngine, clock: Clock, ids: Ids, storage: Storage) -> Ports:
    """Give ports on a test engine; jobs are written as in production and drained by the test."""
    return Ports(
        engine=engine,
        clock=clock,
        ids=ids,
        storage=storage,
        doorbell=SilentDoorbell(),
        subscriptions=SUBSCRIPTIONS,
    )


@cache
def unopened_app(*controllers: type[Controller]) -> Litestar:
    """Give the application as built, for tests that read its routes; it connects to nothing.

    With `controllers` it has those instead of its own.
    """
    clock = FixedClock()
    engine = make_engine("postgresql://cession_app@/unused?host=/nowhere", 1)
    ports = make_ports(engine, clock, CountingIds(clock), memory_storage())
    return create_app(Settings(), ports, controllers or CONTROLLERS)


@asynccontextmanager
async def open_client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client that calls the application in this process, inside its lifespan."""
    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast("Any", app)), base_url="http://cession.test"
        ) as client,
    ):
        yield client
