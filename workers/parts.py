"""What every process of an installation is made of: real clock, database, storage and doorbell."""

import os
import socket
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.jobs.doorbell import PostgresDoorbell
from marketplace.infra.settings import Settings
from marketplace.infra.storage import Storage, open_storage
from marketplace.infra.work import WorkSource
from workers.subscriptions import SUBSCRIPTIONS

_HOST_NAME_MAX: Final = 60


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one process and one event loop."""

    engine: AsyncEngine
    source: WorkSource
    storage: Storage
    doorbell: PostgresDoorbell


def open_parts(settings: Settings, pool_size: int | None = None) -> Parts:
    """Make the parts; nothing connects before its first use."""
    engine = make_engine(settings.database_url, pool_size or settings.database_pool_size)
    doorbell = PostgresDoorbell(settings.database_url)
    return Parts(
        engine=engine,
        source=WorkSource(engine, SystemClock(), SystemIds(), SUBSCRIPTIONS, doorbell),
        storage=open_storage(settings),
        doorbell=doorbell,
    )


async def close_parts(parts: Parts) -> None:
    """Give the connections back, on the event loop that used them."""
    await parts.doorbell.close()
    await parts.engine.dispose()


def process_name() -> str:
    """Name this process for job rows and logs: host and process id."""
    return f"{socket.gethostname()[:_HOST_NAME_MAX]}:{os.getpid()}"
