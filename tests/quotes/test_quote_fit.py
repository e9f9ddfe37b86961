"""The fit of a quote to the servers a buyer describes: computed once, stored as facts, worded when shown."""

from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.kernel.ids import parse_id
from marketplace.licensing.environments.environment import Environment, ServerGroup
from marketplace.licensing.environments.fit import FitVerdict
from marketplace.licensing.rules import load_rule_set
from marketplace.quotes import service
from marketplace.quotes.domain.quote import fit_of
from tests.conftest import OpenWork
from tests.support.listings import Person
from tests.support.quotes import Lot, accept, line, open_trader, publish, request

OFFICE: Final[dict[str, Any]] = {
    "servers": [{"line": "ws", "version": "2012 R2", "count": 2}],
    "session_hosts": [{"version": "2022", "mode": "user"}],
    "licence_servers": [{"version": "2022"}],
    "people": {"users": 30, "devices": 40, "remote_users": 10},
    "owned": [{"product": "ws_cal-2012-user", "quantity": 20}],
}


@pytest.fixture
async def seller(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def buyer(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def lot(work: OpenWork, seller: Person) -> Lot:
    return await publish(work, seller, 100, price=2000)


def rds(quantity: int) -> dict[str, Any]:
    return line(quantity, family="rds_cal", version="2022")


@pytest.mark.usefixtures("lot")
class TestRequestQuote:
    async def test_without_an_environment_nothing_is_said(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        body = (await request(client, buyer, line(5))).json()
        assert body["environment"] is body["fit"] is body["lines"][0]["fit"] is None

    async def test_each_line_says_what_it_covers_and_what_is_too_much(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        answer = await request(client, buyer, line(25), environment=OFFICE)
        assert answer.status_code == 201, answer.text
        body = answer.json()
        fit = body["lines"][0]["fit"]
        assert [(row["target"], row["covered"]) for row in fit["reaches"]] == [
            ("/servers/0", True),
            ("/session_hosts/0", False),
        ]
        assert fit["reaches"][1]["reason"]["rule"] == "R02"
        assert fit["surplus"] == 15
        assert [row["rule"] for row in fit["notes"]] == ["R05", "R12"]
        assert [row["product"]["key"] for row in fit["better"]] == ["ws_cal-2022-user"]
        assert body["fit"]["verdict"] == "fits_with_gaps"
        assert body["fit"]["rule_set_version"] == load_rule_set().version
        assert [(row["product"]["key"], row["quantity"]) for row in body["fit"]["missing"]] == [
            ("rds_cal-2022-user", 10),
            ("ws_cal-2022-user", 10),
        ]

    async def test_base_licence_beneath_an_additive_one_is_named(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await publish(work, seller, 20, product="rds_cal-2022-user")
        body = (await request(client, buyer, rds(10), environment=OFFICE)).json()
        (missing,) = body["lines"][0]["fit"]["missing"]
        assert (missing["product"]["key"], missing["quantity"]) == ("ws_cal-2022-user", 10)
        assert missing["reason"]["rule"] == "R11"
        assert missing["targets"] == ["/session_hosts/0"]

    async def test_lots_of_one_line_share_the_need(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await publish(work, seller, 5, price=100)
        server = {"servers": [{"line": "ws", "version": "2019"}], "people": {"users": 12}}
        body = (await request(client, buyer, line(12), environment=server)).json()
        assert [(row["quantity"], row["fit"]["surplus"]) for row in body["lines"]] == [
            (5, 0),
            (7, 0),
        ]
        assert body["fit"]["verdict"] == "fits"

    async def test_what_was_described_is_shown_again(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        body = (await request(client, buyer, line(5), environment=OFFICE)).json()
        shown = body["environment"]
        assert shown["servers"][0]["version"] == "2012r2"
        assert shown["owned"] == [{"product": "ws_cal-2012-user", "quantity": 20, "with_sa": False}]
        again = await request(client, buyer, line(5), environment=shown)
        assert again.json()["environment"] == shown
        assert again.json()["lines"][0]["fit"] == body["lines"][0]["fit"]

    @pytest.mark.parametrize(
        ("change", "code", "pointer"),
        [
            (
                {"servers": [{"line": "ws", "version": "2099"}]},
                "environment.server_unknown",
                "/environment/servers/0/version",
            ),
            (
                {"owned": [{"product": "ws_cal-1999-user", "quantity": 1}]},
                "product.unknown",
                "/environment/owned/0/product",
            ),
            (
                {"servers": [], "session_hosts": []},
                "environment.empty",
                "/environment/servers",
            ),
        ],
    )
    async def test_wrong_place_is_pointed_at_and_nothing_is_reserved(
        self,
        client: httpx.AsyncClient,
        buyer: Person,
        change: dict[str, Any],
        code: str,
        pointer: str,
    ) -> None:
        refused = await request(client, buyer, line(100), environment=OFFICE | change)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        assert refused.json()["errors"][0]["pointer"] == pointer
        assert (await request(client, buyer, line(100))).status_code == 201


@pytest.mark.usefixtures("lot")
class TestStoredFit:
    async def test_is_worded_in_the_language_of_the_reader(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        made = (await request(client, buyer, line(25), environment=OFFICE)).json()
        path = f"/v1/quotes/{made['id']}"
        german = buyer.headers | {"Accept-Language": "de-DE"}
        loaded = await client.get(path, headers=german)
        assert loaded.headers["vary"] == "Accept-Language"
        assert "90 Tage" in loaded.json()["lines"][0]["fit"]["notes"][1]["text"]
        assert "90 days" in made["lines"][0]["fit"]["notes"][1]["text"]
        listed = (await client.get("/v1/quotes", headers=german)).json()["items"][0]
        assert listed["fit"] == loaded.json()["fit"]
        declined = await client.post(f"{path}/decline", headers=german)
        assert declined.json()["lines"] == loaded.json()["lines"]

    async def test_stays_when_the_quote_is_accepted(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        made = (await request(client, buyer, line(25), environment=OFFICE)).json()
        assert (await accept(client, buyer, made["id"])).status_code == 201
        loaded = await client.get(f"/v1/quotes/{made['id']}", headers=buyer.headers)
        assert (loaded.json()["fit"], loaded.json()["lines"]) == (made["fit"], made["lines"])

    @pytest.mark.parametrize("column", ["environment", "fit"])
    async def test_can_never_be_changed(
        self, client: httpx.AsyncClient, database: AsyncEngine, buyer: Person, column: str
    ) -> None:
        await request(client, buyer, line(25), environment=OFFICE)
        async with database.begin() as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(f"UPDATE quotes SET {column} = '{{}}'"))

    async def test_quote_without_one_stores_nothing(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine, buyer: Person
    ) -> None:
        await request(client, buyer, line(5))
        async with owner_engine.connect() as connection:
            found = await connection.execute(text("SELECT environment, fit FROM quotes"))
            assert found.one() == (None, None)

    async def test_is_read_as_it_was_computed(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person
    ) -> None:
        made = (await request(client, buyer, line(25), environment=OFFICE)).json()
        async with work() as unit:
            quote = await service.load_quote(unit, parse_id("qte", made["id"]))
        assert quote.environment is not None
        assert quote.fit == fit_of(quote.environment, quote.lines)


class TestFitOf:
    def test_without_an_environment_there_is_none(self) -> None:
        assert fit_of(None, []) is None

    def test_without_lines_everything_is_missing(self) -> None:
        found = fit_of(Environment(servers=(ServerGroup(line="ws", version="2019", users=3),)), [])
        assert found is not None
        assert found.verdict is FitVerdict.FITS_WITH_GAPS
        assert [row.quantity for row in found.missing] == [3]
