"""Can this process reach what it depends on? For health checks of processes that do not listen."""

import asyncio
import socket
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from marketplace.infra.settings import PREFIX, Settings

SECONDS_MAX: Final = 5.0
_BROKER_PORTS: Final = {"amqp": 5672, "amqps": 5671}


def unreachable(settings: Settings) -> list[str]:
    """Give a sentence for each part that does not answer; none means all is well."""
    problems = []
    if not settings.database_url:
        problems.append(f"{PREFIX}DATABASE_URL: names no database to reach")
    elif (reason := asyncio.run(_try_database(settings.database_url))) is not None:
        problems.append(f"the database does not answer: {reason}")
    if settings.broker_url and (reason := _try_broker(settings.broker_url)) is not None:
        problems.append(f"the broker does not answer: {reason}")
    return problems


async def _try_database(url: str) -> str | None:
    try:
        async with asyncio.timeout(SECONDS_MAX):
            connection = await asyncpg.connect(url)
            await connection.fetchval("SELECT 1")
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        return repr(problem)
    return None


def _try_broker(url: str) -> str | None:
    place = urlsplit(url)
    address = (place.hostname or "127.0.0.1", place.port or _BROKER_PORTS[place.scheme])
    try:
        with socket.create_connection(address, timeout=SECONDS_MAX):
            return None
    except OSError as problem:
        return repr(problem)
