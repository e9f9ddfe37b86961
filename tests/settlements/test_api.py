"""Payments over HTTP, on the real database."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import Person, open_staff
from tests.support.quotes import Lot, accept, free_units, line, open_trader, pay, publish, request


@pytest.fixture
async def buyer(work: OpenWork) -> Person:
    return await open_trader(work)


@pytest.fixture
async def finance(work: OpenWork) -> Person:
    return await open_staff(work, "finance")


@pytest.fixture
async def lot(work: OpenWork) -> Lot:
    return await publish(work, await open_trader(work), 100, price=2000)


async def place(client: httpx.AsyncClient, buyer: Person, quantity: int = 10) -> dict[str, Any]:
    quote = (await request(client, buyer, line(quantity))).json()
    order: dict[str, Any] = (await accept(client, buyer, quote["id"])).json()
    return order


@pytest.fixture
async def order(client: httpx.AsyncClient, buyer: Person, lot: Lot) -> dict[str, Any]:
    placed = await place(client, buyer)
    assert placed["lines"][0]["listing_id"] == lot.shown
    return placed


class TestConfirmPayment:
    async def test_exact_total_pays_the_order(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        buyer: Person,
        finance: Person,
        order: dict[str, Any],
    ) -> None:
        answer = await pay(client, finance, order, reference="bank-1")
        assert answer.status_code == 201
        assert (answer.json()["reference"], answer.json()["source"]) == ("bank-1", "staff")
        shown = (await client.get(f"/v1/orders/{order['id']}", headers=buyer.headers)).json()
        assert shown["state"] == "paid"
        assert shown["paid_at"] is not None
        async with work() as unit:
            told = await unit.connection.scalar(
                text("SELECT count(*) FROM events WHERE name = 'order.paid.v1'")
            )
        assert told == 1

    async def test_paid_units_outlast_the_payment_deadline(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        finance: Person,
        lot: Lot,
        order: dict[str, Any],
    ) -> None:
        await pay(client, finance, order)
        async with work() as unit:
            until = await unit.connection.scalar(
                text("SELECT min(expires_at) FROM title_active_reservations")
            )
            assert await free_units(unit, lot) == 90
        assert until > clock.now() + timedelta(days=300)

    async def test_same_message_again_is_the_same_payment(
        self, client: httpx.AsyncClient, finance: Person, order: dict[str, Any]
    ) -> None:
        first = await pay(client, finance, order, reference="bank-1")
        again = await pay(client, finance, order, reference="bank-1")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()

    async def test_second_payment_is_refused(
        self, client: httpx.AsyncClient, finance: Person, order: dict[str, Any]
    ) -> None:
        await pay(client, finance, order)
        refused = await pay(client, finance, order)
        assert (refused.status_code, refused.json()["code"]) == (409, "order.paid")

    async def test_simultaneous_payments_leave_one(
        self, client: httpx.AsyncClient, work: OpenWork, finance: Person, order: dict[str, Any]
    ) -> None:
        """Half of them are the same message, the others carry references of their own."""
        sent = [{"reference": "bank-1"}] * 4 + [{}] * 4
        answers = await asyncio.gather(*(pay(client, finance, order, **one) for one in sent))
        assert sum(one.status_code == 201 for one in answers) == 1
        assert {one.status_code for one in answers} <= {200, 201, 409}
        async with work() as unit:
            assert await unit.connection.scalar(text("SELECT count(*) FROM payments")) == 1

    async def test_reference_of_another_payment_is_refused(
        self, client: httpx.AsyncClient, buyer: Person, finance: Person, order: dict[str, Any]
    ) -> None:
        await pay(client, finance, order, reference="bank-1")
        other = await place(client, buyer)
        refused = await pay(client, finance, other, reference="bank-1")
        assert (refused.status_code, refused.json()["code"]) == (409, "payment.reference_used")

    async def test_one_reference_for_two_orders_at_once_pays_one(
        self, client: httpx.AsyncClient, buyer: Person, finance: Person, order: dict[str, Any]
    ) -> None:
        orders = [order, await place(client, buyer)]
        answers = await asyncio.gather(
            *(pay(client, finance, one, reference="bank-1") for one in orders)
        )
        assert sorted(one.status_code for one in answers) == [201, 409]
        states = [
            (await client.get(f"/v1/orders/{one['id']}", headers=buyer.headers)).json()["state"]
            for one in orders
        ]
        assert sorted(states) == ["paid", "placed"]

    @pytest.mark.parametrize("wrong", [{"amount_minor": 1}, {"currency": "CHF"}])
    async def test_other_amount_is_refused_and_nothing_is_stored(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        finance: Person,
        order: dict[str, Any],
        wrong: dict[str, Any],
    ) -> None:
        refused = await pay(client, finance, order, amount=order["price"]["total"] | wrong)
        assert (refused.status_code, refused.json()["code"]) == (409, "payment.amount_mismatch")
        async with work() as unit:
            assert await unit.connection.scalar(text("SELECT count(*) FROM payments")) == 0

    async def test_late_payment_is_refused(
        self, client: httpx.AsyncClient, clock: FixedClock, work: OpenWork, order: dict[str, Any]
    ) -> None:
        clock.advance(timedelta(days=7))
        refused = await pay(client, await open_staff(work, "finance"), order)
        assert (refused.status_code, refused.json()["code"]) == (410, "order.overdue")

    async def test_day_to_come_is_refused(
        self, client: httpx.AsyncClient, finance: Person, order: dict[str, Any]
    ) -> None:
        refused = await pay(client, finance, order, received_on="2999-01-01")
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/received_on"

    async def test_buyers_and_reviewers_cannot_confirm(
        self, client: httpx.AsyncClient, work: OpenWork, buyer: Person, order: dict[str, Any]
    ) -> None:
        for who in (buyer, await open_staff(work, "reviewer")):
            assert (await pay(client, who, order)).status_code == 403

    async def test_unknown_order_is_not_found(
        self, client: httpx.AsyncClient, finance: Person, order: dict[str, Any]
    ) -> None:
        missing = order | {"id": "ord_00000000000000000000000000"}
        assert (await pay(client, finance, missing)).status_code == 404


class TestListPayments:
    async def test_buyer_and_staff_see_it_and_nobody_else(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        buyer: Person,
        finance: Person,
        order: dict[str, Any],
    ) -> None:
        payment = (await pay(client, finance, order)).json()
        address = f"/v1/orders/{order['id']}/payments"
        for who in (buyer, finance):
            assert (await client.get(address, headers=who.headers)).json() == {"items": [payment]}
        stranger = await open_trader(work)
        assert (await client.get(address, headers=stranger.headers)).status_code == 404
        async with work(stranger.principal) as unit:
            assert await unit.connection.scalar(text("SELECT count(*) FROM payments")) == 0


class TestStoredPayments:
    @pytest.mark.parametrize(
        "change", ["UPDATE payments SET amount_minor = 1", "DELETE FROM payments"]
    )
    async def test_fact_cannot_be_changed(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        owner_engine: AsyncEngine,
        finance: Person,
        order: dict[str, Any],
        change: str,
    ) -> None:
        await pay(client, finance, order)
        with pytest.raises(DBAPIError, match="permission denied"):
            async with work() as unit:
                await unit.connection.execute(text(change))
        with pytest.raises(DBAPIError, match="only grow"):
            async with owner_engine.begin() as connection:
                await connection.execute(text(change))

    async def test_company_cannot_enter_its_own_payment(
        self, work: OpenWork, buyer: Person, order: dict[str, Any]
    ) -> None:
        enter = text(
            "INSERT INTO payments SELECT gen_random_uuid(), o.id, o.buyer_id, 'x', 'x',"
            " o.total_minor, o.currency, current_date, 'x', now() FROM orders o"
        )
        assert order["state"] == "placed"
        with pytest.raises(DBAPIError, match="row-level security"):
            async with work(buyer.principal) as unit:
                await unit.connection.execute(enter)
