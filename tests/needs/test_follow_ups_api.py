"""The follow-ups are sent unchanged to the routes they name."""

from typing import Any

import httpx
import pytest

from tests.conftest import OpenWork
from tests.needs.conftest import USER_PRICE
from tests.support.listings import Person
from tests.support.needs import calculate, counts_body
from tests.support.quotes import publish

SELL_OLD_BUY_NEW: dict[str, Any] = {
    "servers": ["2019"],
    "counts": {"users": 30},
    "owned": [{"product": "ws_cal-2016-user", "quantity": 25}],
}


async def follow_ups(
    client: httpx.AsyncClient, asker: Person, language: str = "en", **body: Any
) -> dict[str, dict[str, Any]]:
    answer = await calculate(client, asker, language, **body)
    assert answer.status_code == 201, answer.text
    return {row["kind"]: row for row in answer.json()["answer"]["follow_ups"]}


async def send(
    client: httpx.AsyncClient, asker: Person, follow_up: dict[str, Any]
) -> httpx.Response:
    return await client.request(
        follow_up["method"], follow_up["href"], json=follow_up["body"], headers=asker.headers
    )


class TestQuote:
    @pytest.mark.usefixtures("seller")
    async def test_body_gets_the_quote_at_the_total_told(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        found = await follow_ups(client, asker, servers=["2019"], counts={"users": 30})
        told = found["request_quote"]["total"]
        answer = await send(client, asker, found["request_quote"])
        assert answer.status_code == 201, answer.text
        assert answer.json()["price"]["net"] == told
        assert told == {"amount_minor": 30 * USER_PRICE, "currency": "EUR"}

    async def test_total_counts_every_step_of_the_price(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        """Ten are cheap, the rest is not: the total is that of the quote, not ten cheap ones times three."""
        await publish(work, seller, 10, product="ws_cal-2019-user", price=1000)
        found = await follow_ups(client, asker, servers=["2019"], counts={"users": 30})
        assert found["request_quote"]["total"]["amount_minor"] == 10 * 1000 + 20 * USER_PRICE
        answer = await send(client, asker, found["request_quote"])
        assert answer.json()["price"]["net"] == found["request_quote"]["total"]

    @pytest.mark.usefixtures("seller")
    async def test_asks_for_what_is_on_sale_and_names_the_rest(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await calculate(client, asker, servers=["2019"], counts={"users": 130})
        body = answer.json()["answer"]
        (missing,) = body["not_on_sale"]
        assert (missing["product"]["key"], missing["quantity"]) == ("ws_cal-2019-user", 30)
        sent = await send(client, asker, body["follow_ups"][0])
        assert sent.status_code == 201, sent.text
        assert sum(line["quantity"] for line in sent.json()["lines"]) == 100

    async def test_price_without_supply_makes_no_request(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        own = [{"product": "ws_cal-2019-user", "amount_minor": 900, "currency": "EUR"}]
        answer = await calculate(client, asker, servers=["2019"], counts={"users": 3}, prices=own)
        body = answer.json()["answer"]
        assert body["follow_ups"] == []
        assert body["not_on_sale"][0]["quantity"] == 3

    async def test_restricted_licences_are_asked_for_only_when_wished(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        await publish(work, seller, product="ws_cal-2019-user", price=900, segment="academic")
        body = counts_body(counts={"users": 30}, restricted_segments=True)
        found = await follow_ups(client, asker, **body)
        answer = await send(client, asker, found["request_quote"])
        assert answer.status_code == 201, answer.text
        assert answer.json()["price"]["net"]["amount_minor"] == 30 * 900


class TestListing:
    async def test_old_is_sold_and_new_is_bought(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        await publish(work, seller, product="ws_cal-2016-user", price=700)
        found = await follow_ups(client, asker, **SELL_OLD_BUY_NEW)
        assert set(found) == {"request_quote", "post_listing"}
        for follow_up in found.values():
            sent = await send(client, asker, follow_up)
            assert sent.status_code == 201, sent.text
        listing = found["post_listing"]
        assert listing["price_source"] == "lowest_offer"
        assert listing["total"] == {"amount_minor": 25 * 700, "currency": "EUR"}
        assert listing["body"]["position"]["offered"] == 25

    async def test_what_is_not_told_stays_open(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        await publish(work, seller, product="ws_cal-2016-user", price=700)
        english = (await follow_ups(client, asker, **SELL_OLD_BUY_NEW))["post_listing"]
        german = (await follow_ups(client, asker, "de", **SELL_OLD_BUY_NEW))["post_listing"]
        codes = {row["code"] for row in english["open_findings"]}
        assert {"c01.programme_unknown", "c01.first_seller_unknown"} <= codes
        assert {row["outcome"] for row in english["open_findings"]} == {"hold"}
        position = english["body"]["position"]
        assert (position["programme"], position["country"], position["term"]) == (
            "unknown",
            "",
            "unknown",
        )
        assert english["summary"] != german["summary"]
        assert english["open_findings"][0]["text"] != german["open_findings"][0]["text"]

    @pytest.mark.usefixtures("seller")
    async def test_without_a_selling_price_there_is_a_sentence_instead(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await calculate(client, asker, **SELL_OLD_BUY_NEW)
        body = answer.json()["answer"]
        assert [row["kind"] for row in body["follow_ups"]] == ["request_quote"]
        assert any("no price" in row["text"] for row in body["notes"])

    @pytest.mark.usefixtures("seller")
    async def test_price_told_is_the_last_resort(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        own = [{"product": "ws_cal-2016-user", "amount_minor": 500, "currency": "EUR"}]
        found = await follow_ups(client, asker, prices=own, **SELL_OLD_BUY_NEW)
        assert found["post_listing"]["price_source"] == "given"
        assert (await send(client, asker, found["post_listing"])).status_code == 201

    async def test_licences_nobody_asked_about_are_not_offered(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        await publish(work, seller, product="rds_cal-2016-user", price=700)
        owned = [
            {"product": "rds_cal-2016-user", "quantity": 5},
            {"product": "sql_cal-2019-user", "quantity": 6},
        ]
        answer = await calculate(client, asker, servers=["2019"], counts={"users": 3}, owned=owned)
        body = answer.json()["answer"]
        assert [row["kind"] for row in body["follow_ups"]] == ["request_quote"]
        assert sum("was left out" in row["text"] for row in body["notes"]) == 2
