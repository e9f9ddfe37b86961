"""Orders over HTTP, on the real database."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.settings import Settings
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import parse_id
from marketplace.orders import service
from marketplace.orders.domain import FOLLOWING, OrderState
from marketplace.quotes import service as quotes
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.jobs import Drain
from tests.support.listings import Person, open_staff
from tests.support.quotes import Lot, accept, free_units, line, open_trader, publish, request

VALID = timedelta(seconds=Settings().quote_valid_seconds)
TERM = timedelta(days=Settings().payment_term_days)


@pytest.fixture
async def buyer(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def lot(work: OpenWork) -> Lot:
    return await publish(work, await open_trader(work), 100, price=2000)


@pytest.fixture
async def quote(client: httpx.AsyncClient, buyer: Person, lot: Lot) -> dict[str, Any]:
    made: dict[str, Any] = (await request(client, buyer, line(40))).json()
    assert made["lines"][0]["listing_id"] == lot.shown
    return made


async def free(work: OpenWork, lot: Lot) -> int:
    async with work() as unit:
        return await free_units(unit, lot)


async def cancel_unpaid(work: OpenWork) -> int:
    async with work() as unit:
        return await service.cancel_unpaid_orders(unit)


class TestPlaceOrder:
    async def test_accepted_quote_becomes_an_order(
        self, client: httpx.AsyncClient, buyer: Person, quote: dict[str, Any]
    ) -> None:
        answer = await accept(client, buyer, quote["id"])
        assert answer.status_code == 201
        order = answer.json()
        assert (order["state"], order["quote_id"]) == ("placed", quote["id"])
        assert (order["lines"], order["price"]) == (quote["lines"], quote["price"])
        assert order["number"].startswith("O-2026-")
        shown = await client.get(f"/v1/quotes/{quote['id']}", headers=buyer.headers)
        assert shown.json()["state"] == "accepted"

    async def test_second_acceptance_gives_the_same_order(
        self, client: httpx.AsyncClient, buyer: Person, quote: dict[str, Any]
    ) -> None:
        first, again = [await accept(client, buyer, quote["id"]) for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert first.headers["etag"] == again.headers["etag"]

    async def test_simultaneous_acceptances_make_one_order(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, quote: dict[str, Any]
    ) -> None:
        answers = await asyncio.gather(*(accept(client, buyer, quote["id"]) for _ in range(12)))
        assert sorted(one.status_code for one in answers) == [200] * 11 + [201]
        assert len({one.json()["id"] for one in answers}) == 1
        async with work() as unit:
            assert await unit.connection.scalar(text("SELECT count(*) FROM orders")) == 1

    async def test_units_stay_reserved_until_payment_is_due(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        buyer: Person,
        lot: Lot,
        quote: dict[str, Any],
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        clock.advance(VALID)
        async with work() as unit:
            until = await unit.connection.scalar(
                text("SELECT min(expires_at) FROM title_active_reservations")
            )
        assert until.isoformat().replace("+00:00", "Z") == order["payment_due_at"]
        assert await free(work, lot) == 60

    async def test_acceptance_and_expiry_at_one_moment_leave_one_outcome(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        buyer: Person,
        lot: Lot,
    ) -> None:
        """Acceptances run before the expiry, the job after it; whoever locks the quote first decides."""

        async def expire() -> None:
            clock.advance(VALID)
            async with work() as unit:
                await quotes.expire_due_quotes(unit)

        for _ in range(8):
            made = (await request(client, buyer, line(100))).json()
            answer, _ = await asyncio.gather(accept(client, buyer, made["id"]), expire())
            if answer.status_code == 201:
                assert await free(work, lot) == 0
                clock.advance(TERM)
                assert await cancel_unpaid(work) == 1
            else:
                assert (answer.status_code, answer.json()["code"]) == (410, "quote.expired")
                async with work() as unit:
                    await quotes.expire_due_quotes(unit)
            assert await free(work, lot) == 100

    async def test_unknown_quote_is_not_found(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        for quote_id in ("qte_00000000000000000000000000", "nonsense"):
            answer = await accept(client, buyer, quote_id)
            assert answer.status_code in (404, 422)


class TestLoadOrder:
    async def test_own_order_is_shown_and_listed(
        self, client: httpx.AsyncClient, buyer: Person, quote: dict[str, Any]
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        shown = await client.get(f"/v1/orders/{order['id']}", headers=buyer.headers)
        assert shown.json() == order
        listed = await client.get("/v1/orders", headers=buyer.headers)
        assert listed.json() == {"items": [order], "next_cursor": None}

    async def test_other_companies_order_is_not_found(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, quote: dict[str, Any]
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        stranger = await open_trader(work)
        shown = await client.get(f"/v1/orders/{order['id']}", headers=stranger.headers)
        assert (shown.status_code, shown.json()["code"]) == (404, "order.unknown")
        listed = await client.get("/v1/orders", headers=stranger.headers)
        assert listed.json()["items"] == []
        async with work(stranger.principal) as unit:
            for table in ("orders", "order_lines"):
                assert await unit.connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0

    async def test_staff_see_every_order(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, quote: dict[str, Any]
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        staff = await open_staff(work, "finance")
        listed = await client.get("/v1/orders", headers=staff.headers)
        assert [row["id"] for row in listed.json()["items"]] == [order["id"]]

    @pytest.mark.usefixtures("lot")
    async def test_newest_come_first_page_by_page(
        self, client: httpx.AsyncClient, buyer: Person
    ) -> None:
        made = []
        for _ in range(3):
            offered = (await request(client, buyer, line(1))).json()
            made.append((await accept(client, buyer, offered["id"])).json()["id"])
        first = (await client.get("/v1/orders?limit=2", headers=buyer.headers)).json()
        query = {"limit": 2, "cursor": first["next_cursor"]}
        second = (await client.get("/v1/orders", params=query, headers=buyer.headers)).json()
        assert [row["id"] for row in first["items"] + second["items"]] == made[::-1]


class TestMarkFulfilled:
    async def test_unpaid_order_is_not_fulfilled(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, quote: dict[str, Any]
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        async with work() as unit:
            unpaid = await service.load_order(unit, parse_id("ord", order["id"]), lock=True)
            with pytest.raises(Conflict, match=r"order\.placed"):
                await service.mark_fulfilled(unit, unpaid)

    async def test_paid_order_is_fulfilled_and_says_so(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, quote: dict[str, Any]
    ) -> None:
        order = (await accept(client, buyer, quote["id"])).json()
        order_id = parse_id("ord", order["id"])
        async with work() as unit:
            loaded = await service.load_order(unit, order_id)
            await service.mark_paid(unit, order_id, loaded.total)
            paid = await service.load_order(unit, order_id, lock=True)
            done = await service.mark_fulfilled(unit, paid)
        assert done.state is OrderState.FULFILLED
        shown = await client.get(f"/v1/orders/{order['id']}", headers=buyer.headers)
        assert shown.json()["state"] == "fulfilled"


class TestCancelUnpaidOrders:
    async def test_units_are_free_after_the_deadline(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        buyer: Person,
        lot: Lot,
    ) -> None:
        quote = (await request(client, buyer, line(40))).json()
        order = (await accept(client, buyer, quote["id"])).json()
        assert await cancel_unpaid(work) == 0
        clock.advance(TERM)
        assert await cancel_unpaid(work) == 1
        shown = await client.get(f"/v1/orders/{order['id']}", headers=buyer.headers)
        assert shown.json()["state"] == "cancelled"
        assert await free(work, lot) == 100
        assert (await request(client, buyer, line(100))).status_code == 201

    async def test_job_does_it_and_tells(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        drain_jobs: Drain,
        buyer: Person,
        quote: dict[str, Any],
    ) -> None:
        await accept(client, buyer, quote["id"])
        clock.advance(TERM)
        async with work() as unit:
            unit.enqueue("orders.cancel_unpaid", {}, queue="light")
        assert "orders.cancel_unpaid" in await drain_jobs()
        async with work() as unit:
            told = await unit.connection.scalar(
                text("SELECT count(*) FROM events WHERE name = 'order.cancelled.v1'")
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
            quote = (await request(client, buyer, line(10))).json()
            await accept(client, buyer, quote["id"])
        clock.advance(TERM)
        async with work() as unit:
            assert await service.cancel_unpaid_orders(unit, batch=2) == 2
        assert await free(work, lot) == 90
        await drain_jobs()
        assert await free(work, lot) == 100


class TestStoredOrders:
    """What the database refuses whoever asks."""

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE orders SET total_minor = 0, net_minor = 0, fee_minor = 0, vat_minor = 0",
            "UPDATE order_lines SET quantity = 1, amount_minor = unit_price_minor",
            "DELETE FROM order_lines",
            "DELETE FROM orders",
        ],
    )
    async def test_contract_cannot_be_changed(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        owner_engine: AsyncEngine,
        buyer: Person,
        quote: dict[str, Any],
        change: str,
    ) -> None:
        await accept(client, buyer, quote["id"])
        with pytest.raises(DBAPIError, match="permission denied"):
            async with work() as unit:
                await unit.connection.execute(text(change))
        with pytest.raises(DBAPIError, match=r"only grow|cannot go from"):
            async with owner_engine.begin() as connection:
                await connection.execute(text(change))

    async def test_database_holds_the_same_table_of_states(
        self,
        client: httpx.AsyncClient,
        owner_engine: AsyncEngine,
        buyer: Person,
        quote: dict[str, Any],
    ) -> None:
        await accept(client, buyer, quote["id"])
        for before in OrderState:
            for after in OrderState:
                assert await moves(owner_engine, before, after) == (after in FOLLOWING[before])


async def moves(engine: AsyncEngine, before: OrderState, after: OrderState) -> bool:
    """Try a change of state behind the application's back, and take it back."""
    async with engine.connect() as connection:
        await connection.execute(text("ALTER TABLE orders DISABLE TRIGGER orders_move_along"))
        await connection.execute(
            text("UPDATE orders SET state = :state, paid_at = now()"), {"state": before.value}
        )
        await connection.execute(text("ALTER TABLE orders ENABLE TRIGGER orders_move_along"))
        try:
            await connection.execute(
                text("UPDATE orders SET state = :state"), {"state": after.value}
            )
        except DBAPIError:
            return False
        finally:
            await connection.rollback()
        return True
