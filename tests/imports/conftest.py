"""The application with this stage's routes, and a company that imports."""

from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.app import CONTROLLERS, Ports, create_app
from marketplace.imports.api import CONTROLLERS as IMPORTS
from marketplace.infra.settings import Settings
from tests.conftest import OpenWork
from tests.support.app import open_client
from tests.support.listings import Person, open_seller


@pytest.fixture
async def client(settings: Settings, ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """Give an HTTP client of the application."""
    controllers = tuple(dict.fromkeys((*CONTROLLERS, *IMPORTS)))
    async with open_client(create_app(settings, ports, controllers)) as opened:
        yield opened


@pytest.fixture
async def company(work: OpenWork) -> Person:
    """Give a company with a key."""
    return await open_seller(work)
