"""Health routes and the health command: what they say when all is well and when a part is away."""

import httpx
import pytest
from msgspec.structs import replace

from marketplace.app import Ports, create_app
from marketplace.infra.db import make_engine
from marketplace.infra.reach import unreachable
from marketplace.infra.settings import Settings
from tests.support.app import open_client

NOWHERE = "postgresql://cession_app@/cession?host=/nowhere"


class TestHealthRoutes:
    async def test_live_without_a_credential(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "live"})

    async def test_ready_when_the_database_answers(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})

    async def test_not_ready_when_the_database_is_away(
        self, settings: Settings, ports: Ports
    ) -> None:
        away = make_engine(NOWHERE, 1)
        async with open_client(create_app(settings, replace(ports, engine=away))) as client:
            ready = await client.get("/health/ready")
            live = await client.get("/health/live")
        await away.dispose()
        assert ready.status_code == 503
        assert live.status_code == 200


class TestReach:
    def test_nothing_to_report_when_the_database_answers(self, settings: Settings) -> None:
        assert unreachable(settings) == []

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"database_url": ""}, "CESSION_DATABASE_URL"),
            ({"database_url": NOWHERE}, "the database does not answer"),
            ({"broker_url": "amqp://guest:guest@127.0.0.1:1/"}, "the broker does not answer"),
        ],
    )
    def test_silent_part_is_named(
        self, settings: Settings, changed: dict[str, str], told: str
    ) -> None:
        (problem,) = unreachable(replace(settings, **changed))
        assert told in problem
