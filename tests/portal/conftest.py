"""What the tests of pages share."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.app import open_client, unopened_app


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the application without a database: pages must not need one."""
    async with open_client(unopened_app()) as opened:
        yield opened
