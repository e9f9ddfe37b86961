"""The application under test, assembled from real parts and the test's clock, ids and storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports
from marketplace.infra.storage import Storage
from marketplace.infra.work import SilentDoorbell
from marketplace.kernel.clock import Clock, Ids
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
