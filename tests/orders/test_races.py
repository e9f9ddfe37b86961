"""Many buyers, few licences: sold exactly once each, and none reserved for ever."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from marketplace.infra.settings import Settings
from marketplace.quotes import service as quotes
from marketplace.register import service as register
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import Person
from tests.support.quotes import Lot, accept, free_units, line, open_trader, publish, request

BUYERS = 64
ATTEMPTS = 500
UNITS = 100

Attempt = Callable[[Person, int], Awaitable[str]]


async def run_attempts(buyers: list[Person], attempt: Attempt) -> Counter[str]:
    """Let every buyer try again and again, all at once, until the attempts are used up."""
    tickets = itertools.count()
    results: Counter[str] = Counter()

    async def one(buyer: Person) -> None:
        while (ticket := next(tickets)) < ATTEMPTS:
            results[await attempt(buyer, ticket)] += 1

    await asyncio.gather(*(one(buyer) for buyer in buyers))
    return results


async def sold_units(work: OpenWork) -> int:
    async with work() as unit:
        total = await unit.connection.scalar(text("SELECT sum(quantity) FROM order_lines"))
        return int(total or 0)


async def audit(work: OpenWork) -> None:
    async with work() as unit:
        assert await register.audit(unit) == ()


async def check_shop_window(work: OpenWork, lot: Lot, units: int) -> None:
    """The register and the catalogue agree on what is free."""
    async with work() as unit:
        assert await free_units(unit, lot) == units
        shown = await unit.connection.scalar(
            text("SELECT available_quantity FROM listings WHERE id = :id"), {"id": lot.listing_id}
        )
    assert shown == units


@pytest.mark.slow
class TestBuyOneLotTogether:
    async def test_five_hundred_attempts_of_64_buyers_sell_exactly_the_hundred(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        lot = await publish(work, await open_trader(work), UNITS)
        buyers = [await open_trader(work) for _ in range(BUYERS)]

        async def buy(buyer: Person, _: int) -> str:
            quote = await request(client, buyer, line(1))
            if quote.status_code != 201:
                return str(quote.json()["code"])
            order = await accept(client, buyer, quote.json()["id"])
            assert order.status_code == 201
            return "bought"

        results = await run_attempts(buyers, buy)
        assert results["bought"] == UNITS
        assert set(results) <= {"bought", "quote.insufficient_supply"}
        assert await sold_units(work) == UNITS
        await check_shop_window(work, lot, 0)
        await audit(work)

    async def test_quotes_that_are_left_lying_give_their_units_back(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        """Every third buyer accepts, every third declines, every third forgets."""
        lot = await publish(work, await open_trader(work), UNITS)
        buyers = [await open_trader(work) for _ in range(BUYERS)]

        async def dither(buyer: Person, ticket: int) -> str:
            quote = await request(client, buyer, line(1 + ticket % 4))
            if quote.status_code != 201:
                return str(quote.json()["code"])
            address = f"/v1/quotes/{quote.json()['id']}"
            if ticket % 3 == 0:
                assert (await accept(client, buyer, quote.json()["id"])).status_code == 201
            elif ticket % 3 == 1:
                gone = await client.post(f"{address}/decline", headers=buyer.headers)
                assert gone.status_code == 200
            return "offered"

        results = await run_attempts(buyers, dither)
        assert set(results) <= {"offered", "quote.insufficient_supply", "quote.supply_contested"}
        clock.advance(timedelta(seconds=Settings().quote_valid_seconds))
        async with work() as unit:
            await quotes.expire_due_quotes(unit)
        sold = await sold_units(work)
        assert 0 < sold <= UNITS
        await check_shop_window(work, lot, UNITS - sold)
        await audit(work)

    async def test_buyers_of_overlapping_lots_never_oversell(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        """A buyer that plans again while it holds locks may meet another one: then one is told to repeat."""
        lots = [await publish(work, await open_trader(work), 25) for _ in range(4)]
        buyers = [await open_trader(work) for _ in range(16)]

        async def buy(buyer: Person, ticket: int) -> str:
            quote = await request(client, buyer, line(1 + ticket % 40))
            return "offered" if quote.status_code == 201 else str(quote.json()["code"])

        results = await run_attempts(buyers, buy)
        clean = {"quote.insufficient_supply", "quote.supply_contested", "register.busy"}
        assert set(results) <= {"offered"} | clean
        async with work() as unit:
            reserved = await unit.connection.scalar(
                text("SELECT sum(upper(units) - lower(units)) FROM title_active_reservations")
            )
            left = sum([await free_units(unit, lot) for lot in lots])
        assert reserved + left == 100
        await audit(work)
