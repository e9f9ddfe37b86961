"""Quotes over HTTP, on the real database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.access import Principal
from marketplace.infra.settings import Settings
from marketplace.kernel.ids import parse_id
from marketplace.quotes import service
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.jobs import Drain
from tests.support.listings import Person, open_staff
from tests.support.quotes import (
    Lot,
    accept,
    free_units,
    line,
    open_trader,
    publish,
    request,
    wait_in_database,
)

FIRST_BRITISH_DAY = date(2021, 1, 1)


@pytest.fixture
async def seller(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def buyer(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def lot(work: OpenWork, seller: Person) -> Lot:
    return await publish(work, seller, 100, price=2000)


async def decline(client: httpx.AsyncClient, buyer: Person, quote_id: str) -> httpx.Response:
    return await client.post(f"/v1/quotes/{quote_id}/decline", headers=buyer.headers)


async def free(work: OpenWork, lot: Lot) -> int:
    async with work() as unit:
        return await free_units(unit, lot)


async def expire_due(work: OpenWork) -> int:
    async with work() as unit:
        return await service.expire_due_quotes(unit)


class TestRequestQuote:
    async def test_cheapest_licences_are_offered_priced_and_reserved(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, lot: Lot
    ) -> None:
        dear = await publish(work, await open_trader(work), 100, price=2500)
        answer = await request(client, buyer, line(120))
        assert answer.status_code == 201
        body = answer.json()
        assert body["state"] == "offered"
        assert [(row["listing_id"], row["quantity"]) for row in body["lines"]] == [
            (lot.shown, 100),
            (dear.shown, 20),
        ]
        price = body["price"]
        assert price["net"] == {"amount_minor": 250_000, "currency": "EUR"}
        assert price["fee"]["amount_minor"] == 12_500
        assert price["vat"]["amount"]["amount_minor"] == 49_875
        assert price["total"]["amount_minor"] == 312_375
        assert body["could_save_at_most"]["amount_minor"] == 0
        assert (await free(work, lot), await free(work, dear)) == (0, 80)

    @pytest.mark.usefixtures("lot")
    async def test_market_shows_what_is_left(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        await request(client, buyer, line(30))
        refused = await request(client, buyer, line(71))
        assert (refused.status_code, refused.json()["code"]) == (409, "quote.insufficient_supply")
        assert "only 70 are available" in refused.json()["detail"]
        assert refused.json()["errors"][0]["pointer"] == "/lines/0/quantity"

    @pytest.mark.usefixtures("lot")
    async def test_server_version_is_answered_with_rule_and_reason(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        wish = line(5, covers_server_version="2016")
        del wish["version"]
        body = (await request(client, buyer, wish)).json()
        assert body["lines"][0]["product"]["key"] == "ws_cal-2019-user"
        assert body["lines"][0]["reason"]["rule"] == "R02"
        assert body["lines"][0]["base_needed"] is None

    async def test_several_lines_become_one_quote(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person, lot: Lot
    ) -> None:
        devices = await publish(work, seller, 50, product="ws_cal-2019-device", price=1000)
        answer = await request(client, buyer, line(5), line(7, metric="device"))
        assert [row["request_line"] for row in answer.json()["lines"]] == [0, 1]
        assert answer.json()["price"]["net"]["amount_minor"] == 17_000
        assert (await free(work, lot), await free(work, devices)) == (95, 43)

    async def test_additive_licence_names_the_base_it_needs(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await publish(work, seller, 10, product="rds_cal-2022-user")
        body = (await request(client, buyer, line(5, family="rds_cal", version="2022"))).json()
        assert body["lines"][0]["base_needed"]["key"] == "ws_cal-2022-user"

    async def test_packs_stay_whole(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await publish(work, seller, 50, programme="fpp_box", pack_size=5)
        refused = await request(client, buyer, line(12))
        assert refused.json()["code"] == "quote.quantity_not_composable"
        taken = await request(client, buyer, line(12, quantity_max=20))
        assert [row["quantity"] for row in taken.json()["lines"]] == [15]

    @pytest.mark.usefixtures("lot")
    async def test_seller_is_not_sold_its_own_licences(
        self, client: httpx.AsyncClient, seller: Person
    ) -> None:
        refused = await request(client, seller, line(1))
        assert refused.json()["code"] == "quote.insufficient_supply"

    async def test_lot_of_another_zone_is_not_sold(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await publish(work, seller, 10, country="GB", first_sold_on=FIRST_BRITISH_DAY)
        assert (await request(client, buyer, line(1))).status_code == 409
        british = await open_trader(work, "GB")
        body = (await request(client, british, line(1))).json()
        vat = body["price"]["vat"]
        assert (vat["treatment"], vat["confirmed"]) == ("outside_eu", False)

    @pytest.mark.usefixtures("lot")
    async def test_buyer_in_another_member_state_gets_reverse_charge(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        austrian = await open_trader(work, "AT", "ATU33864707")
        price = (await request(client, austrian, line(1))).json()["price"]
        assert price["vat"]["wording_code"] == "vat.reverse_charge"
        assert price["vat"]["wording"]["de"] == "Steuerschuldnerschaft des Leistungsempfängers"
        assert price["total"]["amount_minor"] == 2100

    async def test_buyer_in_another_member_state_without_vat_id_reserves_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, lot: Lot
    ) -> None:
        refused = await request(client, await open_trader(work, "FR"), line(1))
        assert (refused.status_code, refused.json()["code"]) == (409, "vat_id.missing")
        assert await free(work, lot) == 100

    @pytest.mark.usefixtures("lot")
    async def test_company_that_is_not_verified_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        stranger = await open_trader(work, verified=False)
        refused = await request(client, stranger, line(1))
        assert (refused.status_code, refused.json()["code"]) == (403, "company.not_verified")

    @pytest.mark.parametrize(
        ("wish", "pointer"),
        [
            (line(0), "/lines/0/quantity"),
            (line(1, quantity_max=0), "/lines/0/quantity_max"),
            (line(5, quantity_max=4), "/lines/0/quantity_max"),
            (line(1, version="1999"), "/lines/0/version"),
            (line(1, covers_server_version="2019"), "/lines/0"),
            (line(1, surprise=True), "/lines/0/surprise"),
        ],
    )
    async def test_wrong_line_is_pointed_at(
        self, client: httpx.AsyncClient, buyer: Person, wish: dict[str, Any], pointer: str
    ) -> None:
        refused = await request(client, buyer, wish)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer

    async def test_repeated_request_with_a_key_reserves_once(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, lot: Lot
    ) -> None:
        headers = buyer.headers | {"Idempotency-Key": "wish-1"}
        first = await client.post("/v1/quotes", json={"lines": [line(10)]}, headers=headers)
        again = await client.post("/v1/quotes", json={"lines": [line(10)]}, headers=headers)
        assert first.json() == again.json()
        assert await free(work, lot) == 90

    @pytest.mark.usefixtures("lot")
    async def test_clock_far_behind_the_database_is_our_fault_not_the_buyers(
        self, client: httpx.AsyncClient, clock: FixedClock, buyer: Person
    ) -> None:
        clock.advance(-timedelta(hours=1))
        refused = await request(client, buyer, line(1))
        assert (refused.status_code, refused.json()["code"]) == (503, "clock.behind")


class TestLoadQuote:
    @pytest.mark.usefixtures("lot")
    async def test_own_quote_is_shown_with_its_tag(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        made = await request(client, buyer, line(1))
        address = f"/v1/quotes/{made.json()['id']}"
        shown = await client.get(address, headers=buyer.headers)
        assert shown.json() == made.json()
        assert shown.headers["etag"] == made.headers["etag"]
        tagged = buyer.headers | {"If-None-Match": shown.headers["etag"]}
        assert (await client.get(address, headers=tagged)).status_code == 304

    @pytest.mark.usefixtures("lot")
    async def test_other_companies_quote_is_not_found(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        quote_id = (await request(client, buyer, line(1))).json()["id"]
        for stranger in (seller, await open_trader(work)):
            shown = await client.get(f"/v1/quotes/{quote_id}", headers=stranger.headers)
            assert (shown.status_code, shown.json()["code"]) == (404, "quote.unknown")
            assert (await decline(client, stranger, quote_id)).status_code == 404
            assert (await accept(client, stranger, quote_id)).status_code == 404

    @pytest.mark.usefixtures("lot")
    async def test_staff_see_every_quote(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person
    ) -> None:
        quote_id = (await request(client, buyer, line(1))).json()["id"]
        staff = await open_staff(work, "finance")
        shown = await client.get(f"/v1/quotes/{quote_id}", headers=staff.headers)
        assert shown.status_code == 200
        listed = await client.get("/v1/quotes", headers=staff.headers)
        assert [row["id"] for row in listed.json()["items"]] == [quote_id]

    @pytest.mark.usefixtures("lot")
    async def test_row_security_hides_rows_of_others(
        self, client: httpx.AsyncClient, work: OpenWork, seller: Person, buyer: Person
    ) -> None:
        await request(client, buyer, line(1))
        nobody = Principal(scope="public", credential="public")
        for who, seen in ((buyer.principal, 1), (seller.principal, 0), (nobody, 0)):
            async with work(who) as unit:
                count = await unit.connection.scalar(text("SELECT count(*) FROM quotes"))
                assert count == seen


class TestListQuotes:
    @pytest.mark.usefixtures("lot")
    async def test_newest_come_first_page_by_page(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person
    ) -> None:
        made = [(await request(client, buyer, line(1))).json()["id"] for _ in range(5)]
        await request(client, await open_trader(work), line(1))
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/quotes", params=query, headers=buyer.headers)).json()
            seen += [row["id"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == made[::-1]

    async def test_foreign_cursor_is_refused(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        refused = await client.get("/v1/quotes?cursor=nonsense", headers=buyer.headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "cursor.invalid")


class TestDeclineQuote:
    async def test_units_are_free_at_once(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, lot: Lot
    ) -> None:
        quote_id = (await request(client, buyer, line(100))).json()["id"]
        assert await free(work, lot) == 0
        declined = await decline(client, buyer, quote_id)
        assert (declined.status_code, declined.json()["state"]) == (200, "declined")
        assert await free(work, lot) == 100
        assert (await request(client, buyer, line(100))).status_code == 201

    @pytest.mark.usefixtures("lot")
    async def test_declined_quote_cannot_be_declined_or_accepted(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        quote_id = (await request(client, buyer, line(1))).json()["id"]
        await decline(client, buyer, quote_id)
        for again in (
            await decline(client, buyer, quote_id),
            await accept(client, buyer, quote_id),
        ):
            assert (again.status_code, again.json()["code"]) == (409, "quote.declined")


class TestExpireDueQuotes:
    async def test_units_are_free_after_expiry(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        settings: Settings,
        buyer: Person,
        lot: Lot,
    ) -> None:
        made = await request(client, buyer, line(40))
        clock.advance(timedelta(seconds=settings.quote_valid_seconds - 1))
        assert await expire_due(work) == 0
        clock.advance(timedelta(seconds=1))
        assert await expire_due(work) == 1
        assert await expire_due(work) == 0
        assert await free(work, lot) == 100
        shown = await client.get(f"/v1/quotes/{made.json()['id']}", headers=buyer.headers)
        assert shown.json()["state"] == "expired"

    @pytest.mark.usefixtures("lot")
    async def test_expired_quote_shows_as_such_before_any_job_ran(
        self,
        client: httpx.AsyncClient,
        clock: FixedClock,
        settings: Settings,
        buyer: Person,
    ) -> None:
        made = (await request(client, buyer, line(40))).json()
        clock.advance(timedelta(seconds=settings.quote_valid_seconds))
        shown = (await client.get(f"/v1/quotes/{made['id']}", headers=buyer.headers)).json()
        assert (shown["state"], shown["ended_at"]) == ("expired", made["expires_at"])
        for late in (
            await accept(client, buyer, made["id"]),
            await decline(client, buyer, made["id"]),
        ):
            assert (late.status_code, late.json()["code"]) == (410, "quote.expired")

    async def test_job_does_it_and_tells(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        drain_jobs: Drain,
        buyer: Person,
        lot: Lot,
    ) -> None:
        await request(client, buyer, line(40))
        clock.advance(timedelta(hours=1))
        async with work() as unit:
            unit.enqueue("quotes.expire_due", {}, queue="light")
        assert "quotes.expire_due" in await drain_jobs()
        assert await free(work, lot) == 100
        async with work() as unit:
            told = await unit.connection.scalar(
                text("SELECT count(*) FROM events WHERE name = 'quote.expired.v1'")
            )
        assert told == 1

    async def test_full_batch_asks_for_another_run(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        drain_jobs: Drain,
        buyer: Person,
        lot: Lot,
    ) -> None:
        for _ in range(3):
            await request(client, buyer, line(10))
        clock.advance(timedelta(hours=1))
        async with work() as unit:
            assert await service.expire_due_quotes(unit, batch=2) == 2
        assert await free(work, lot) == 90
        await drain_jobs()
        assert await free(work, lot) == 100

    @pytest.mark.usefixtures("lot")
    async def test_reservation_that_ran_out_in_the_register_comes_back_to_the_market(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        drain_jobs: Drain,
        buyer: Person,
    ) -> None:
        """Our clock stands behind the database's: the register is the first to notice."""
        clock.set(datetime.now(UTC) - timedelta(minutes=29, seconds=57))
        made = (await request(client, buyer, line(40))).json()
        await wait_in_database(work, 3.1)
        late = await accept(client, buyer, made["id"])
        assert (late.status_code, late.json()["code"]) == (410, "reservation.expired")
        assert await expire_due(work) == 0
        await drain_jobs()
        clock.advance(timedelta(hours=1))
        fresh = await request(client, buyer, line(100))
        assert fresh.status_code == 201


class TestStoredQuotes:
    """What the database refuses whoever asks."""

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE quotes SET total_minor = 1, net_minor = 1, fee_minor = 0, vat_minor = 0",
            "UPDATE quotes SET lines = '[]'",
            "UPDATE quotes SET expires_at = now() + interval '1 year'",
            "DELETE FROM quotes",
        ],
    )
    @pytest.mark.usefixtures("lot")
    async def test_offer_cannot_be_changed(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, change: str
    ) -> None:
        await request(client, buyer, line(1))
        with pytest.raises(DBAPIError, match="permission denied"):
            async with work() as unit:
                await unit.connection.execute(text(change))

    @pytest.mark.usefixtures("lot")
    async def test_quote_ends_once(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine, buyer: Person
    ) -> None:
        made = (await request(client, buyer, line(1))).json()
        await decline(client, buyer, made["id"])
        with pytest.raises(DBAPIError, match="ended as declined"):
            async with owner_engine.begin() as connection:
                await connection.execute(
                    text("UPDATE quotes SET state = 'accepted' WHERE id = :id"),
                    {"id": parse_id("qte", made["id"])},
                )
        with pytest.raises(DBAPIError, match="only grow"):
            async with owner_engine.begin() as connection:
                await connection.execute(text("DELETE FROM quotes"))
