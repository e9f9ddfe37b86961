"""The register knows no later stage: its tests open units of work without the application."""

from typing import TYPE_CHECKING

import pytest

from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.work import SilentDoorbell, WorkSource

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture
def work_source(database: "AsyncEngine") -> WorkSource:
    """Give the opener of units of work: real time and chance, nobody subscribed."""
    return WorkSource(database, SystemClock(), SystemIds(), {}, SilentDoorbell())
