"""The application with the routes of `tests/support/edge.py` instead of the stages'."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports, create_app
from marketplace.infra.settings import Settings
from tests.support.app import open_client
from tests.support.edge import EdgeController
from tests.support.rows import CountRows


@pytest.fixture
def edge_app(settings: Settings, ports: Ports) -> Litestar:
    """Give the application at its edge."""
    return create_app(settings, ports, [EdgeController])


@pytest.fixture
async def edge(edge_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the edge."""
    async with open_client(edge_app) as opened:
        yield opened


@pytest.fixture
def count_rows(owner_engine: AsyncEngine) -> CountRows:
    """Give a function that counts the committed rows of a table."""

    async def count(table: str) -> int:
        async with owner_engine.connect() as connection:
            return int(
                (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            )

    return count
