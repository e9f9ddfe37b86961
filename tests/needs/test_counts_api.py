"""Asking with counts over HTTP: options and advice, prices and where they come from, what is refused."""

from datetime import date
from typing import Any, Final

import httpx
import pytest

from tests.conftest import OpenWork
from tests.needs.conftest import DEVICE_PRICE, USER_PRICE
from tests.support.listings import Person, open_seller, open_staff
from tests.support.needs import calculate, counts_body, line_of, option_of
from tests.support.quotes import open_trader, publish

BRITISH: Final[dict[str, Any]] = {"country": "GB", "first_sold_on": date(2022, 3, 1)}
"""A first sale that opens no other zone than its own."""


class TestAnswer:
    @pytest.mark.usefixtures("seller")
    async def test_costs_of_all_options_and_the_advice(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await calculate(client, asker, **counts_body())
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert answer.headers["location"] == f"/v1/needs/{body['id']}"
        assert (body["state"], body["currency"]) == ("done", "EUR")
        costs = {row["kind"]: row["cost"]["amount_minor"] for row in body["answer"]["options"]}
        assert costs == {
            "all_user": 70 * USER_PRICE,
            "all_device": 48 * DEVICE_PRICE,
            "mixed": 40 * USER_PRICE + 8 * DEVICE_PRICE,
        }
        assert body["answer"]["recommended"] == "all_device"
        assert body["answer"]["advice"]

    @pytest.mark.usefixtures("seller")
    async def test_what_is_owned_costs_nothing(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        owned = [{"product": "ws_cal-2022-user", "quantity": 75}]
        body = (await calculate(client, asker, **counts_body(owned=owned))).json()
        all_user = option_of(body["answer"], "all_user")
        assert all_user["cost"] == {"amount_minor": 0, "currency": "EUR"}
        assert line_of(all_user, "user")["served"][0]["quantity"] == 70
        assert body["answer"]["recommended"] == "all_user"
        (left,) = all_user["gap"]["surplus"]
        assert (left["product"]["key"], left["quantity"]) == ("ws_cal-2022-user", 5)

    @pytest.mark.usefixtures("seller")
    async def test_one_kind_can_be_wished_for(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        counts = {"users": 60, "devices": 70, "shift_users": 50, "shared_devices": 5}
        mixed = (await calculate(client, asker, **counts_body(counts=counts))).json()["answer"]
        single = (
            await calculate(client, asker, **counts_body(counts=counts, prefer="one_kind"))
        ).json()["answer"]
        assert (mixed["recommended"], mixed["chosen"]) == ("mixed", "mixed")
        assert (single["recommended"], single["chosen"]) == ("mixed", "all_device")

    @pytest.mark.usefixtures("seller")
    async def test_can_be_read_again_in_either_language(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        asked = await calculate(client, asker, "de", **counts_body())
        place = asked.headers["location"]
        german = await client.get(place, headers=asker.headers | {"Accept-Language": "de-AT"})
        english = await client.get(f"{place}?language=en", headers=asker.headers)
        assert german.json() == asked.json()
        assert german.headers["content-language"] == "de"
        assert german.headers["etag"] != english.headers["etag"]
        texts = [row.json()["answer"]["advice"][0]["text"] for row in (german, english)]
        assert "Geräte-CALs" in texts[0]
        assert texts[0] != texts[1]
        again = await client.get(
            f"{place}?language=en",
            headers=asker.headers | {"If-None-Match": english.headers["etag"]},
        )
        assert again.status_code == 304

    @pytest.mark.usefixtures("seller")
    async def test_external_users_are_weighed_apart(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        counts = {"users": 10, "external": {"users": 50, "servers": 2}}
        body = (await calculate(client, asker, servers=["2019"], counts=counts)).json()
        external = body["answer"]["external"]
        assert external["cals"]["cost"]["amount_minor"] == 50 * USER_PRICE
        assert external["connectors"][0]["quantity"] == 2
        assert external["connectors"][0]["price"] is None
        assert external["break_even"]["amount_minor"] == 50 * USER_PRICE // 2
        assert external["recommended"] is None

    async def test_same_key_calculates_once(self, client: httpx.AsyncClient, asker: Person) -> None:
        headers = asker.headers | {"Idempotency-Key": "one"}
        first, second = [
            await client.post("/v1/needs", json=counts_body(), headers=headers) for _ in range(2)
        ]
        assert first.json() == second.json()
        listed = await client.get("/v1/needs", headers=asker.headers)
        assert len(listed.json()["items"]) == 1

    async def test_company_need_not_be_verified(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        newcomer = await open_seller(work, verified=False)
        assert (await calculate(client, newcomer, **counts_body())).status_code == 201


class TestPrices:
    async def test_without_any_nothing_is_guessed(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        body = (await calculate(client, asker, **counts_body())).json()
        answer = body["answer"]
        assert answer["recommended"] is None
        assert answer["follow_ups"] == []
        assert {row["cost"] for row in answer["options"]} == {None}
        assert any("Windows Server 2019 User CAL" in row["text"] for row in answer["advice"])
        known = {row["product"]["key"]: row for row in body["prices"]}
        assert known["ws_cal-2019-user"]["price"] is None

    async def test_value_in_another_currency_is_shown_and_not_added_up(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        body = (await calculate(client, asker, **counts_body())).json()
        value = next(
            row["value"] for row in body["prices"] if row["product"]["key"] == "ws_cal-2019-user"
        )
        assert value["mid"]["currency"] == "USD"
        assert value["mid"]["amount_minor"] > 0
        assert all(row["cost"] is None for row in body["answer"]["options"])

    @pytest.mark.usefixtures("seller")
    async def test_of_the_market_names_source_and_day(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        body = (await calculate(client, asker, **counts_body())).json()
        seen = next(row for row in body["prices"] if row["product"]["key"] == "ws_cal-2019-user")
        assert seen["price"]["amount"] == {"amount_minor": USER_PRICE, "currency": "EUR"}
        assert seen["price"]["source"] == "listing"
        assert seen["price"]["seen_on"] == body["requested_at"][:10]
        assert seen["free"] == 100

    @pytest.mark.usefixtures("seller")
    async def test_own_price_takes_the_place_of_the_market(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        own = [{"product": "ws_cal-2019-user", "amount_minor": 10, "currency": "EUR"}]
        body = (await calculate(client, asker, **counts_body(prices=own))).json()
        assert option_of(body["answer"], "all_user")["cost"]["amount_minor"] == 70 * 10
        seen = next(row for row in body["prices"] if row["product"]["key"] == "ws_cal-2019-user")
        assert (seen["price"]["source"], seen["price"]["seen_on"]) == ("given", None)

    async def test_only_offers_this_company_may_take_count(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, seller: Person
    ) -> None:
        """Cheaper ones are its own, academic, and of a first sale outside its zone."""
        await publish(work, asker, product="ws_cal-2019-user", price=10)
        await publish(work, seller, product="ws_cal-2019-user", price=20, segment="academic")
        await publish(work, seller, product="ws_cal-2019-user", price=30, **BRITISH)
        body = (await calculate(client, asker, **counts_body())).json()
        assert option_of(body["answer"], "all_user")["cost"]["amount_minor"] == 70 * USER_PRICE
        taken = (await calculate(client, asker, **counts_body(restricted_segments=True))).json()
        assert option_of(taken["answer"], "all_user")["cost"]["amount_minor"] == 70 * 20

    async def test_zone_of_the_company_decides(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person
    ) -> None:
        british = await open_trader(work, "GB")
        await publish(work, seller, product="ws_cal-2019-user", price=30, **BRITISH)
        body = (await calculate(client, british, **counts_body())).json()
        assert option_of(body["answer"], "all_user")["cost"]["amount_minor"] == 70 * 30


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"counts": None}, "need.source_ambiguous", ""),
            ({"accesses": [["a", "b"]]}, "need.source_ambiguous", ""),
            ({"servers": ["2017"]}, "need.server_unknown", "/servers/0"),
            ({"servers": []}, "need.target_empty", "/servers"),
            ({"counts": {}}, "need.count_contradicts", "/users"),
            (
                {"owned": [{"product": "ws_cal-1999-user", "quantity": 1}]},
                "product.unknown",
                "/owned/0/product",
            ),
            (
                {"prices": [{"product": "ws_cal-2019-user", "amount_minor": 1, "currency": "USD"}]},
                "need.price_currency",
                "/prices/0/currency",
            ),
            (
                {
                    "prices": [
                        {"product": "ws_cal-2019-user", "amount_minor": 1, "currency": "EUR"}
                    ]
                    * 2
                },
                "need.price_twice",
                "/prices/1/product",
            ),
            (
                {"owned_names": [{"product": "ws_cal-2019-user", "device": "desk"}]},
                "need.holder_ambiguous",
                "/owned_names/0",
            ),
            ({"sites": 2}, "request.invalid", "/sites"),
        ],
    )
    async def test_name_the_place(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        changes: dict[str, Any],
        code: str,
        pointer: str,
    ) -> None:
        answer = await calculate(client, asker, **counts_body(**changes))
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert pointer in {row["pointer"] for row in answer.json()["errors"]}

    async def test_staff_cannot_ask_for_a_company(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        staff = await open_staff(work)
        assert (await calculate(client, staff, **counts_body())).status_code == 403
