"""Asking for a value over HTTP, the worker's answer, the nightly values, and what other companies see of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.infra.work import WorkSource
from marketplace.kernel.ids import parse_id
from marketplace.valuations import service
from marketplace.valuations.domain import State
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.jobs import Drain
from tests.support.listings import Person, open_seller, open_staff

BODY = {"product": "ws_cal-2019-user", "quantity": 50}


@pytest.fixture
async def asker(work: OpenWork) -> Person:
    return await open_seller(work)


@pytest.fixture(autouse=True)
def on_a_known_day(clock: FixedClock) -> None:
    """Stay on the real day; list prices of that day exist."""
    assert clock.now().date() >= date(2026, 9, 10)


async def ask(client: httpx.AsyncClient, asker: Person, **changes: Any) -> httpx.Response:
    return await client.post("/v1/valuations", json=BODY | changes, headers=asker.headers)


class TestRequestValuation:
    async def test_answer_is_202_with_a_place_to_look(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await ask(client, asker)
        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert answer.headers["location"] == f"/v1/valuations/{body['id']}"
        assert answer.headers["retry-after"] == "1"
        assert (body["state"], body["value"], body["reason"]) == ("pending", None, None)

    async def test_worker_computes_the_value(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain, clock: FixedClock
    ) -> None:
        location = (await ask(client, asker)).headers["location"]
        assert await drain_jobs() == ["valuations.compute"]
        answer = await client.get(location, headers=asker.headers)
        body = answer.json()
        assert body["state"] == "computed"
        value = body["value"]
        assert value["grade"] == "D"
        assert value["as_of_on"] == clock.now().date().isoformat()
        low, mid, high = (value[name]["amount_minor"] for name in ("low", "mid", "high"))
        assert 0 < low < mid < high <= value["inputs"]["list_price"]["amount"]["amount_minor"]
        assert "retry-after" not in answer.headers

    async def test_unknown_price_is_said_instead_of_guessed(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        asked = await ask(client, asker, product="exch_std_cal-2019-user")
        await drain_jobs()
        body = (await client.get(asked.headers["location"], headers=asker.headers)).json()
        assert (body["state"], body["reason"]) == ("no_estimate", "no_list_price")
        assert body["value"] is None

    async def test_unknown_product_is_refused_with_the_way_to_the_list(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await ask(client, asker, product="ws_cal-2099-user")
        assert answer.status_code == 422
        assert answer.json()["code"] == "product.unknown"
        assert "GET /v1/products" in answer.json()["detail"]
        assert (await client.get("/v1/products")).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [{"quantity": 0}, {"quantity": 2**70}, {"product": "ws_cal-2019-user\n"}, {"on": "now"}],
    )
    async def test_malformed_request_is_refused(
        self, client: httpx.AsyncClient, asker: Person, changes: dict[str, Any]
    ) -> None:
        assert (await ask(client, asker, **changes)).status_code == 422

    async def test_same_key_asks_once(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        headers = asker.headers | {"Idempotency-Key": "one"}
        first, second = [
            await client.post("/v1/valuations", json=BODY, headers=headers) for _ in range(2)
        ]
        assert first.json() == second.json()
        assert second.headers["idempotency-replayed"] == "true"
        assert await drain_jobs() == ["valuations.compute"]

    async def test_staff_cannot_ask_for_a_company(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        staff = await open_staff(work)
        assert (await ask(client, staff)).status_code == 403


class TestComputeValuation:
    async def test_second_delivery_changes_nothing(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        drain_jobs: Drain,
        work: OpenWork,
        clock: FixedClock,
    ) -> None:
        asked = (await ask(client, asker)).json()
        await drain_jobs()
        clock.advance(timedelta(days=400))
        async with work() as unit:
            again = await service.compute_valuation(unit, parse_id("val", asked["id"]))
        assert again.computed_at is not None
        assert again.computed_at < clock.now()
        assert await drain_jobs() == []

    async def test_unknown_request_is_not_found(self, work: OpenWork) -> None:
        async with work() as unit:
            with pytest.raises(Exception, match=r"valuation\.unknown"):
                await service.compute_valuation(unit, unit.new_id())


class TestLoadValuation:
    async def test_other_company_finds_nothing(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        location = (await ask(client, asker)).headers["location"]
        stranger = await open_seller(work)
        answer = await client.get(location, headers=stranger.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "valuation.unknown")

    async def test_staff_may_look(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        location = (await ask(client, asker)).headers["location"]
        staff = await open_staff(work)
        assert (await client.get(location, headers=staff.headers)).status_code == 200

    async def test_etag_changes_when_the_answer_is_there(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        asked = await ask(client, asker)
        seen = asker.headers | {"If-None-Match": asked.headers["etag"]}
        assert (await client.get(asked.headers["location"], headers=seen)).status_code == 304
        await drain_jobs()
        assert (await client.get(asked.headers["location"], headers=seen)).status_code == 200


class TestListValuations:
    async def test_pages_follow_each_other_newest_first(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        made = [(await ask(client, asker, quantity=count)).json()["id"] for count in (1, 2, 3)]
        await ask(client, await open_seller(work))
        first = await client.get("/v1/valuations?limit=2", headers=asker.headers)
        assert [item["id"] for item in first.json()["items"]] == [made[2], made[1]]
        cursor = first.json()["next_cursor"]
        rest = await client.get(f"/v1/valuations?limit=2&cursor={cursor}", headers=asker.headers)
        assert [item["id"] for item in rest.json()["items"]] == [made[0]]
        assert rest.json()["next_cursor"] is None

    async def test_staff_see_those_of_all_companies(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        await ask(client, asker)
        await ask(client, await open_seller(work))
        staff = await open_staff(work)
        answer = await client.get("/v1/valuations", headers=staff.headers)
        assert len(answer.json()["items"]) == 2

    async def test_foreign_cursor_is_refused(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await client.get("/v1/valuations?cursor=abc", headers=asker.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor.invalid")


class TestRevalueProducts:
    async def test_second_run_of_a_day_changes_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        async with work() as unit:
            valued = await service.revalue_products(unit)
        first = (await client.get("/v1/product-values")).json()["items"]
        assert len(first) == valued > 0
        clock.advance(timedelta(minutes=1))
        async with work() as unit:
            assert await service.revalue_products(unit) == valued
            stored = await unit.connection.execute(text("SELECT count(*) FROM product_values"))
            assert stored.scalar_one() == valued
        assert (await client.get("/v1/product-values")).json()["items"] == first

    async def test_night_job_does_it(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain
    ) -> None:
        async with work() as unit:
            unit.enqueue("valuations.revalue_products", {})
        assert await drain_jobs() == ["valuations.revalue_products"]
        assert (await client.get("/v1/product-values")).json()["items"] != []

    async def test_newest_night_is_shown(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        async with work() as unit:
            await service.revalue_products(unit)
        tomorrow = clock.advance(timedelta(days=1)).date()
        async with work() as unit:
            await service.revalue_products(unit)
        shown = (await client.get("/v1/product-values")).json()["items"]
        assert {item["value"]["as_of_on"] for item in shown} == {tomorrow.isoformat()}
        keys = [item["product"] for item in shown]
        assert len(keys) == len(set(keys))

    async def test_before_the_first_night_the_list_is_empty(
        self, client: httpx.AsyncClient
    ) -> None:
        assert (await client.get("/v1/product-values")).json() == {"items": []}

    async def test_night_without_any_known_price_stores_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        clock.set(datetime(2015, 1, 1, tzinfo=UTC))
        async with work() as unit:
            assert await service.revalue_products(unit) == 0
        assert (await client.get("/v1/product-values")).json() == {"items": []}

    async def test_stored_values_refuse_change(self, work: OpenWork) -> None:
        async with work() as unit:
            await service.revalue_products(unit)
        with pytest.raises(DBAPIError):
            async with work() as unit:
                await unit.connection.execute(text("UPDATE product_values SET value = '{}'"))


class TestListProducts:
    async def test_products_are_public_with_confirmed_facts(
        self, client: httpx.AsyncClient
    ) -> None:
        items = {item["key"]: item for item in (await client.get("/v1/products")).json()["items"]}
        device = items["ws_cal-2019-device"]
        assert device["name"] == "Windows Server 2019 Device CAL"
        assert device["extended_end_on"] == "2029-01-09"
        rows = {row["number"]: row for row in device["part_numbers"]}
        assert rows["R18-05767"]["programmes"] == ["open_license"]

    async def test_every_listed_product_can_be_asked_for(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        items = (await client.get("/v1/products")).json()["items"]
        for item in items:
            assert (await ask(client, asker, product=item["key"])).status_code == 202
        assert len(await drain_jobs()) == len(items)
        async with work() as unit:
            pending = await unit.connection.execute(
                text("SELECT count(*) FROM valuations WHERE state = :state"),
                {"state": State.PENDING.value},
            )
            assert pending.scalar_one() == 0


class TestRowSecurity:
    async def test_company_reads_and_writes_its_own_rows_only(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        await ask(client, asker)
        stranger = await open_seller(work)
        async with work(stranger.principal) as unit:
            seen = await unit.connection.execute(text("SELECT count(*) FROM valuations"))
            assert seen.scalar_one() == 0
            changed = await unit.connection.execute(text("UPDATE valuations SET quantity = 1"))
            assert changed.rowcount == 0

    async def test_company_cannot_ask_in_the_name_of_another(
        self, asker: Person, work: OpenWork
    ) -> None:
        stranger = await open_seller(work)
        with pytest.raises(DBAPIError, match="row-level security"):
            async with work(stranger.principal) as unit:
                await unit.connection.execute(
                    text(
                        "INSERT INTO valuations (id, company_id, product, quantity, state, requested_at) "
                        "VALUES (:id, :company, 'ws_cal-2019-user', 1, 'pending', now())"
                    ),
                    {"id": unit.new_id(), "company": asker.company.id},
                )

    async def test_nobody_sees_anything_without_a_scope(
        self, client: httpx.AsyncClient, asker: Person, work_source: WorkSource
    ) -> None:
        await ask(client, asker)
        async with work_source.begin("test") as unit:
            seen = await unit.connection.execute(text("SELECT count(*) FROM valuations"))
            assert seen.scalar_one() == 0
