"""Many callers on the same units at the same time, each on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.work import SilentDoorbell, WorkSource
from marketplace.kernel.errors import DomainError
from marketplace.register import service
from marketplace.register.domain import NewLot, Reservation, Reserve, ReserveLine, Units
from marketplace.register.service import InsufficientUnits
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, SELLER, deal_of, ids

CLIENTS = 64
ATTEMPTS = 500


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[OpenWork]:
    """Open units of work on 64 connections."""
    engine = make_engine(database_url, CLIENTS)
    source = WorkSource(engine, SystemClock(), SystemIds(), {}, SilentDoorbell())
    yield lambda: source.begin("race", system_principal("tests"))
    await engine.dispose()


async def attempt(times: Iterator[int], act: Callable[[int], Awaitable[None]]) -> None:
    """Run `act` while there are attempts left; what fails otherwise than by refusal fails the test."""
    for number in times:
        await act(number)


async def all_clients(act: Callable[[int], Awaitable[None]], attempts: int = ATTEMPTS) -> None:
    times = iter(range(attempts))
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(attempt(times, act))


class TestReserveRace:
    async def test_500_attempts_on_100_units_reserve_exactly_100(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
        reserved: list[Reservation] = []
        refusals: list[int] = []

        async def buy(_: int) -> None:
            try:
                async with crowd() as w:
                    got = await register.reserve(w, lot_id, 1)
            except InsufficientUnits as refused:
                refusals.append(refused.shortages[0].available)
            else:
                reserved.extend(got)

        await all_clients(buy)
        async with work() as w:
            free = await service.available_units(w, [lot_id])

        assert sorted(r.units for r in reserved) == [Units(n, n + 1) for n in range(100)]
        assert refusals == [0] * 400
        assert free == {lot_id: 0}

    async def test_reserving_posting_and_voiding_at_once_loses_and_doubles_nothing(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
        posted: list[int] = []

        async def trade(number: int) -> None:
            quantity = 1 + number % 3
            try:
                async with crowd() as w:
                    got = await register.reserve(w, lot_id, quantity)
                    await register.declare(w, got)
            except InsufficientUnits:
                return
            async with crowd() as w:
                if number % 4 == 0:
                    await service.release_reservations(w, ids(got))
                else:
                    await service.post_deal(w, deal_of(got))
                    posted.append(quantity)

        await all_clients(trade, 200)
        async with work() as w:
            view = await service.lot_title(w, lot_id)
            violations = await service.audit(w)
        bought = sum(h.units.size for h in view.holdings if h.party_id == BUYER.id)

        assert bought == sum(posted)
        assert view.is_whole
        assert view.reserved == ()
        assert violations == ()

    async def test_expiring_extending_and_reserving_at_once_keeps_every_promise(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
        kept: list[UUID] = []

        async def quote(number: int) -> None:
            try:
                async with crowd() as w:
                    got = await register.reserve(w, lot_id, 1, until=register.soon(0.2))
                if number % 10 == 0:
                    async with crowd() as w:
                        await service.extend_reservations(w, ids(got), register.soon(600))
                    kept.extend(ids(got))
                elif number % 10 == 1:
                    async with crowd() as w:
                        await service.expire_due_reservations(w)
            except DomainError:
                await asyncio.sleep(0.01)

        await all_clients(quote, 200)
        await asyncio.sleep(0.25)
        async with work() as w:
            await service.expire_due_reservations(w)
            view = await service.lot_title(w, lot_id)
            violations = await service.audit(w)

        assert len(view.reserved) == len(kept)
        assert violations == ()


class TestDealRace:
    async def test_one_deal_posted_by_many_workers_is_posted_once(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
            reserved = await register.reserve(w, lot_id, 30)
            await register.declare(w, reserved)
        deal = deal_of(reserved)
        answers = []

        async def post(_: int) -> None:
            async with crowd() as w:
                answers.append(await service.post_deal(w, deal))

        await all_clients(post, 32)
        async with work() as w:
            view = await service.lot_title(w, lot_id)

        assert len(set(answers)) == 1
        assert view.entries == 5

    async def test_posting_against_voiding_has_one_winner(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 40)
            lines = [await register.reserve(w, lot_id, 1) for _ in range(40)]
            for line in lines:
                await register.declare(w, line)
        wins: dict[UUID, list[str]] = {line[0].id: [] for line in lines}

        async def decide(number: int) -> None:
            line = lines[number // 2]
            try:
                async with crowd() as w:
                    if number % 2:
                        won = "posted"
                        await service.post_deal(w, deal_of(line))
                    else:
                        won = "voided"
                        await service.release_reservations(w, ids(line))
            except DomainError:
                return
            wins[line[0].id].append(won)

        await all_clients(decide, 80)
        async with work() as w:
            violations = await service.audit(w)
            rows = await w.connection.execute(
                text("SELECT reservation_id, outcome FROM title_reservation_ends")
            )
        outcomes = {row[0]: [row[1]] for row in rows}

        assert outcomes == wins
        assert violations == ()

    async def test_deals_over_the_same_lots_in_any_order_wait_and_never_deadlock(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        sellers = [register.party(f"Seller {number} AG") for number in range(4)]
        async with work() as w:
            lots = [await register.open_lot(w, 200, seller) for seller in sellers]
        order = count()

        async def buy(number: int) -> None:
            pairs = list(zip(lots, sellers, strict=True))
            if number % 2:
                pairs.reverse()
            lines = tuple(ReserveLine(lot_id, seller.id, 1) for lot_id, seller in pairs)
            async with crowd() as w:
                request = Reserve(uuid4(), BUYER.id, register.soon(), lines)
                got = await service.reserve(w, request)
                for (_, seller), reservation in zip(pairs, got, strict=True):
                    await register.declare(w, [reservation], seller)
            async with crowd() as w:
                shuffled = got if next(order) % 2 else got[::-1]
                await service.post_deal(w, deal_of(shuffled, sellers=sellers))

        await all_clients(buy, 40)
        async with work() as w:
            violations = await service.audit(w)
            held = [await register.owners(w, lot_id) for lot_id in lots]

        assert violations == ()
        for holdings in held:
            sold = sum(units.size for units, owner in holdings if owner == BUYER.id)
            assert sold == 40


class TestOpenRace:
    async def test_a_lot_approved_twice_at_once_is_opened_once(
        self, crowd: OpenWork, work: OpenWork
    ) -> None:
        lot = NewLot(uuid4(), SELLER, 10, register.FIRST_SALE)
        opened: set[UUID] = set()

        async def approve(_: int) -> None:
            try:
                async with crowd() as w:
                    opened.add(await service.open_lot(w, lot))
            except DomainError as refused:
                assert refused.code == "entry.id_reused"  # noqa: PT017 - some win, some retry

        await all_clients(approve, 8)
        async with work() as w:
            held = await service.live_holdings(w, lot.id)

        assert {holding.id for holding in held} == opened
