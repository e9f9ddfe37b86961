"""Reservations freeze units for one buyer until a moment of database time, and end once."""

import asyncio
from functools import partial
from uuid import uuid4

import pytest

from marketplace.kernel.errors import Conflict, Forbidden, Gone, NotFound
from marketplace.register import service
from marketplace.register.domain import Reserve, ReserveLine, Units
from marketplace.register.service import InsufficientUnits
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, SELLER, as_company, ids, refusal, soon

OTHER = register.party("Zweite Käuferin AG")
BLINK = 0.15
"""A reservation this short is over after one sleep of the same length and a bit."""


class TestReserve:
    async def test_the_lowest_free_units_are_taken(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            first = await register.reserve(w, lot_id, 10)
            second = await register.reserve(w, lot_id, 5, buyer=OTHER)

        assert [r.units for r in (*first, *second)] == [Units(0, 10), Units(10, 15)]

    async def test_fragmented_units_become_several_reservations(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            gap = await register.reserve(w, lot_id, 10)
            await register.reserve(w, lot_id, 10)
            await service.release_reservations(w, ids(gap))
            reserved = await register.reserve(w, lot_id, 25)

        assert [r.units for r in reserved] == [Units(0, 10), Units(20, 35)]

    async def test_packs_are_never_cut(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 22)
            await register.reserve(w, lot_id, 3)
            line = ReserveLine(lot_id, SELLER.id, 15, step=5)
            reserved = await service.reserve(w, Reserve(uuid4(), BUYER.id, soon(), (line,)))
            more = Reserve(uuid4(), BUYER.id, soon(), (ReserveLine(lot_id, SELLER.id, 5, step=5),))
            with pytest.raises(InsufficientUnits) as refused:
                await service.reserve(w, more)

        assert [r.units for r in reserved] == [Units(5, 20)]
        assert refused.value.shortages[0].available == 0

    async def test_too_many_units_reserve_nothing_and_say_what_is_free(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            full = await register.open_lot(w, 100)
            scarce = await register.open_lot(w, 7)
            lines = (ReserveLine(full, SELLER.id, 50), ReserveLine(scarce, SELLER.id, 8))
            with pytest.raises(InsufficientUnits) as refused:
                await service.reserve(w, Reserve(uuid4(), BUYER.id, soon(), lines))
            free = await service.available_units(w, [full, scarce])

        assert [(s.line, s.lot_id, s.available) for s in refused.value.shortages] == [
            (1, scarce, 7)
        ]
        assert free == {full: 100, scarce: 7}

    async def test_two_lines_of_one_lot_do_not_overlap(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            lines = (ReserveLine(lot_id, SELLER.id, 4), ReserveLine(lot_id, SELLER.id, 6))
            reserved = await service.reserve(w, Reserve(uuid4(), BUYER.id, soon(), lines))

        assert [(r.line, r.units) for r in reserved] == [(0, Units(0, 4)), (1, Units(4, 10))]

    async def test_only_units_of_the_named_holder_are_taken(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            await register.sell(w, lot_id, 4, buyer=OTHER)
            mine = await register.reserve(w, lot_id, 6)
            theirs = await register.reserve(w, lot_id, 4, holder=OTHER)

        assert [r.units for r in (*mine, *theirs)] == [Units(4, 10), Units(0, 4)]

    async def test_the_same_group_again_gives_the_same_reservations(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            request = Reserve(uuid4(), BUYER.id, soon(), (ReserveLine(lot_id, SELLER.id, 5),))
            first = await service.reserve(w, request)
            again = await service.reserve(w, request)

        assert first == again

    async def test_the_same_group_with_another_request_is_refused(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            group = uuid4()
            line = ReserveLine(lot_id, SELLER.id, 5)
            await service.reserve(w, Reserve(group, BUYER.id, soon(), (line,)))

        for buyer, quantity in ((OTHER.id, 5), (BUYER.id, 6)):
            line = ReserveLine(lot_id, SELLER.id, quantity)
            other = Reserve(group, buyer, soon(), (line,))
            refused = await refusal(work, partial(service.reserve, request=other))

            assert isinstance(refused, Conflict)
            assert refused.code == "reservation.id_reused"

    async def test_a_group_that_ended_is_not_reserved_again(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            request = Reserve(uuid4(), BUYER.id, soon(), (ReserveLine(lot_id, SELLER.id, 5),))
            await service.release_reservations(w, ids(await service.reserve(w, request)))
        refused = await refusal(work, lambda w: service.reserve(w, request))
        assert isinstance(refused, Conflict)

        assert refused.code == "reservation.ended"

    async def test_an_end_in_the_past_is_refused(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
        refused = await refusal(work, lambda w: register.reserve(w, lot_id, 1, until=soon(-1)))
        assert isinstance(refused, Gone)

    async def test_an_unknown_lot_is_not_found(self, work: OpenWork) -> None:
        refused = await refusal(work, lambda w: register.reserve(w, uuid4(), 1))
        assert isinstance(refused, NotFound)

    async def test_half_a_pack_is_a_defect_of_the_caller(self, work: OpenWork) -> None:
        half = Reserve(uuid4(), BUYER.id, soon(), (ReserveLine(uuid4(), SELLER.id, 7, step=5),))
        async with work() as w:
            with pytest.raises(AssertionError):
                await service.reserve(w, half)

    async def test_a_company_reserves_for_itself_only(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
        async with work(as_company(BUYER)) as w:
            reserved = await register.reserve(w, lot_id, 1)
        refused = await refusal(
            work, lambda w: register.reserve(w, lot_id, 1, buyer=OTHER), as_company(BUYER)
        )
        assert isinstance(refused, Forbidden)

        assert len(reserved) == 1


class TestExpiry:
    async def test_expired_units_are_free_without_any_job(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            await register.reserve(w, lot_id, 10, until=soon(BLINK))
        await asyncio.sleep(BLINK * 2)
        async with work() as w:
            free = await service.available_units(w, [lot_id])
            reserved = await register.reserve(w, lot_id, 10, buyer=OTHER)

        assert free == {lot_id: 10}
        assert [r.units for r in reserved] == [Units(0, 10)]

    async def test_the_job_ends_due_reservations_and_announces_it(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            await register.reserve(w, lot_id, 4, until=soon(BLINK))
            await register.reserve(w, lot_id, 4)
        await asyncio.sleep(BLINK * 2)
        async with work() as w:
            lots = await service.expire_due_reservations(w)
        async with work() as w:
            again = await service.expire_due_reservations(w)
            view = await service.lot_title(w, lot_id)

        assert lots == (lot_id,)
        assert again == ()
        assert view.reserved == (Units(4, 8),)

    async def test_an_expired_reservation_is_gone_for_every_use(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 4, until=soon(1))
            await register.declare(w, reserved)
            await service.extend_reservations(w, ids(reserved), soon(BLINK))
            short = await register.reserve(w, lot_id, 4, until=soon(BLINK))
        await asyncio.sleep(BLINK * 2)
        for use in (
            lambda w: service.extend_reservations(w, ids(short), soon()),
            lambda w: register.declare(w, short),
            lambda w: service.post_deal(w, register.deal_of(short)),
        ):
            refused = await refusal(work, use)
            assert isinstance(refused, Gone)


class TestExtend:
    async def test_a_later_end_holds_and_an_earlier_one_changes_nothing(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10, until=soon(BLINK))
            await service.extend_reservations(w, ids(reserved), soon(60))
            await service.extend_reservations(w, ids(reserved), soon(BLINK))
        await asyncio.sleep(BLINK * 2)
        async with work() as w:
            await service.expire_due_reservations(w)
            free = await service.available_units(w, [lot_id])

        assert free == {lot_id: 0}

    async def test_another_company_cannot_extend(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
        refused = await refusal(
            work,
            lambda w: service.extend_reservations(w, ids(reserved), soon(7200)),
            as_company(OTHER),
        )
        assert isinstance(refused, Forbidden)

    async def test_an_unknown_reservation_is_not_found(self, work: OpenWork) -> None:
        for unknown in ([], [uuid4()]):
            extend = partial(service.extend_reservations, reservation_ids=unknown, until=soon())

            assert isinstance(await refusal(work, extend), NotFound)


class TestRelease:
    async def test_released_units_are_free_and_a_second_release_changes_nothing(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            first = await service.release_reservations(w, ids(reserved))
            second = await service.release_reservations(w, ids(reserved))
            free = await service.available_units(w, [lot_id])

        assert (first, second) == ((lot_id,), ())
        assert free == {lot_id: 10}

    async def test_posted_units_cannot_be_released(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
            await service.post_deal(w, register.deal_of(reserved))
        refused = await refusal(work, lambda w: service.release_reservations(w, ids(reserved)))
        assert isinstance(refused, Conflict)

        assert refused.code == "reservation.ended"

    async def test_a_voided_reservation_cannot_be_extended(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await service.release_reservations(w, ids(reserved))
        refused = await refusal(
            work, lambda w: service.extend_reservations(w, ids(reserved), soon())
        )
        assert isinstance(refused, Conflict)


class TestAvailable:
    async def test_held_reserved_and_sold_units_are_not_available(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
            await register.sell(w, lot_id, 10)
            await register.reserve(w, lot_id, 5)
            await register.hold(w, lot_id, Units(95, 100))
            free = await service.available_units(w, [lot_id, uuid4()])
            bought = await service.available_units(w, [lot_id], BUYER.id)

        assert free == {lot_id: 80}
        assert bought == {lot_id: 10}
