"""The parts of these tests: the application with the routes of needs, a market, and somebody who asks."""

import pytest
from litestar import Litestar

from marketplace.app import CONTROLLERS, Ports, create_app
from marketplace.imports.api import CONTROLLERS as IMPORTS
from marketplace.infra.settings import Settings
from marketplace.needs.api import CONTROLLERS as NEEDS
from tests.conftest import OpenWork
from tests.support.listings import Person
from tests.support.quotes import open_trader, publish

USER_PRICE = 2000
DEVICE_PRICE = 1500


@pytest.fixture
def app(settings: Settings, ports: Ports) -> Litestar:
    """Give the application, whether or not it is wired with these routes already."""
    controllers = dict.fromkeys((*CONTROLLERS, *IMPORTS, *NEEDS))
    return create_app(settings, ports, tuple(controllers))


@pytest.fixture
async def asker(work: OpenWork) -> Person:
    """Give a verified company."""
    return await open_trader(work)


@pytest.fixture
async def seller(work: OpenWork) -> Person:
    """Give a company that has 100 user CALs and 100 device CALs of 2019 on sale."""
    opened = await open_trader(work)
    await publish(work, opened, product="ws_cal-2019-user", price=USER_PRICE)
    await publish(work, opened, product="ws_cal-2019-device", price=DEVICE_PRICE)
    return opened
