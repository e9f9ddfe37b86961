"""Coverage and eligibility over HTTP: for anybody, in both languages, and nothing is kept."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports, create_app
from marketplace.infra.settings import Settings
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.positions import summarise
from marketplace.licensing.rules import Chapter, load_rule_set
from marketplace.licensing.zones import Zone
from marketplace.listings.schemas import PositionBody
from marketplace.rulebook.api import CONTROLLERS
from tests.licensing.builders import SOUND_EVIDENCE, position
from tests.support.app import open_client
from tests.support.clock import FixedClock

OFFICE: Final[dict[str, Any]] = {
    "servers": [
        {"line": "ws", "version": "2012 R2", "count": 3},
        {"line": "ws", "version": "2022", "use": "public_web"},
        {"line": "sql", "version": "2019"},
    ],
    "session_hosts": [{"version": "2019", "mode": "user"}],
    "licence_servers": [{"version": "2022"}],
    "people": {"users": 60, "devices": 80, "remote_users": 20},
    "owned": [{"product": "ws_cal-2016-user", "quantity": 40}],
}


@pytest.fixture
async def client(settings: Settings, ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of these routes alone, without a credential."""
    async with open_client(create_app(settings, ports, controllers=CONTROLLERS)) as opened:
        yield opened


async def ask(client: httpx.AsyncClient, body: Any, language: str = "en") -> Any:
    answer = await client.post("/v1/coverage", json=body, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["vary"] == "Accept-Language"
    return answer.json()


class TestAskCoverage:
    async def test_each_group_says_what_it_needs_and_why(self, client: httpx.AsyncClient) -> None:
        body = await ask(client, OFFICE)
        old, web, sql, host = body["groups"]
        assert [row["target"] for row in body["groups"]] == [
            "/servers/0",
            "/servers/1",
            "/servers/2",
            "/session_hosts/0",
        ]
        by_user, by_device = old["needs"][0]["options"]
        assert (by_user["quantity"], by_device["quantity"]) == (60, 80)
        assert by_user["products"][0]["key"] == "ws_cal-2012-user"
        assert by_user["reason"]["rule"] == "R03"
        assert (web["free"]["rule"], web["needs"]) == ("R07", [])
        assert sql["needs"][0]["family"] == "sql_cal"
        assert [row["family"] for row in host["needs"]] == ["rds_cal", "ws_cal"]
        assert [row["rule"] for row in body["questions"]] == ["X-SQL"]
        assert body["confirmed"] is False
        assert body["rule_set_version"] == load_rule_set().version

    async def test_german_is_spoken(self, client: httpx.AsyncClient) -> None:
        body = await ask(client, OFFICE, "de-AT, en;q=0.4")
        assert body["questions"][0]["text"].startswith("Ist SQL Server 2019 mit Server plus CAL")
        chosen = await client.post("/v1/coverage", json=OFFICE, params={"language": "de"})
        assert chosen.json() == body

    async def test_every_sentence_names_a_rule_of_the_book(self, client: httpx.AsyncClient) -> None:
        body = await ask(client, OFFICE)
        said = [*body["notes"], *body["conflicts"], *body["questions"]]
        for group in body["groups"]:
            said += [*group["notes"], *(row["reason"] for row in group["needs"])]
            said += [option["reason"] for row in group["needs"] for option in row["options"]]
        assert len(said) > 10
        assert {row["rule"] for row in said} <= set(load_rule_set().rules)

    async def test_unknown_version_is_pointed_at(self, client: httpx.AsyncClient) -> None:
        body = {"servers": [{"line": "ws", "version": "2019"}, {"line": "ws", "version": "2099"}]}
        refused = await client.post("/v1/coverage", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "environment.server_unknown")
        assert refused.json()["errors"][0]["pointer"] == "/servers/1/version"

    async def test_unknown_product_is_pointed_at(self, client: httpx.AsyncClient) -> None:
        owned = [{"product": "ws_cal-1999-user", "quantity": 1}]
        refused = await client.post("/v1/coverage", json=OFFICE | {"owned": owned})
        assert (refused.status_code, refused.json()["code"]) == (422, "product.unknown")
        assert refused.json()["errors"][0]["pointer"] == "/owned/0/product"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"servers": []},
            {"servers": [{"line": "ws", "version": "2019"}] * 31},
            {"servers": [{"line": "ws"}]},
            {"servers": [{"line": "ws", "version": "2019", "count": 0}]},
            {"servers": [{"line": "ws", "version": "2019"}], "people": {"users": -1}},
            {"servers": [{"line": "ws", "version": "2019"}], "colour": "blue"},
            {"session_hosts": [{"version": "2019", "mode": "both"}]},
        ],
    )
    async def test_what_cannot_be_is_refused(
        self, client: httpx.AsyncClient, body: dict[str, Any]
    ) -> None:
        assert (await client.post("/v1/coverage", json=body)).status_code == 422


class TestAskEligibility:
    async def ask(self, client: httpx.AsyncClient, language: str = "en", **more: Any) -> Any:
        shown = PositionBody.of(position())
        body = {"position": to_json(shown), "evidence": sorted(SOUND_EVIDENCE)} | more
        answer = await client.post(
            "/v1/eligibility", json=body, headers={"Accept-Language": language}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def test_findings_are_those_of_a_listing(
        self, client: httpx.AsyncClient, clock: FixedClock
    ) -> None:
        body = await self.ask(client, buyer_country="DE")
        today = clock.now().date()
        expected = assess(position(), summarise(SOUND_EVIDENCE), today, Zone.EEA)
        assert [row["code"] for row in body["findings"]] == [row.code for row in expected]
        verdict = judge(expected)
        assert body["verdict"]["outcome"] == verdict.outcome.value
        assert body["verdict"]["may_publish"] == verdict.may_publish
        assert body["checked_on"] == today.isoformat()
        assert body["rule_set_version"] == load_rule_set().version

    async def test_every_condition_answers(self, client: httpx.AsyncClient) -> None:
        body = await self.ask(client, buyer_country="DE")
        rules = load_rule_set().rules.values()
        conditions = {row.id for row in rules if row.chapter is Chapter.CONDITIONS}
        assert {row["rule"] for row in body["findings"]} == conditions

    async def test_buyer_in_another_zone_is_refused(self, client: httpx.AsyncClient) -> None:
        body = await self.ask(client, buyer_country="US")
        assert body["verdict"]["outcome"] == "block"
        assert body["verdict"]["may_match"] is False

    async def test_signed_declaration_opens_the_transfer(self, client: httpx.AsyncClient) -> None:
        before = await self.ask(client, buyer_country="DE")
        declared = {"quantity": 100, "ended_on": "2026-01-31"}
        after = await self.ask(client, buyer_country="DE", cease_use=declared)
        opened = (before["verdict"]["may_transfer"], after["verdict"]["may_transfer"])
        assert opened == (False, True)

    async def test_german_is_spoken(self, client: httpx.AsyncClient) -> None:
        english, german = await self.ask(client), await self.ask(client, "de")
        assert [row["code"] for row in english["findings"]] == [
            row["code"] for row in german["findings"]
        ]
        texts = zip(english["findings"], german["findings"], strict=True)
        assert all(one["text"] != other["text"] for one, other in texts)

    async def test_nothing_is_kept(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine
    ) -> None:
        await self.ask(client, buyer_country="DE")
        await ask(client, OFFICE)
        async with owner_engine.connect() as connection:
            for table in ("listings", "events", "jobs", "audit_log", "idempotency_keys"):
                found = await connection.execute(text(f"SELECT count(*) FROM {table}"))
                assert found.scalar_one() == 0, table

    async def test_unknown_product_is_refused(self, client: httpx.AsyncClient) -> None:
        shown = to_json(PositionBody.of(position())) | {"product": "ws_cal-1999-user"}
        refused = await client.post("/v1/eligibility", json={"position": shown})
        assert (refused.status_code, refused.json()["code"]) == (422, "product.unknown")


def to_json(body: PositionBody) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(body)
    return shown
