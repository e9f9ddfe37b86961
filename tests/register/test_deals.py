"""A deal moves title from seller to operator to buyer, whole or not at all."""

from functools import partial
from uuid import UUID, uuid4

import msgspec

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, Forbidden, Locked, NotFound
from marketplace.register import service
from marketplace.register.domain import NewLot, Units
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import (
    BUYER,
    FIRST_SALE,
    OPERATOR,
    SELLER,
    as_company,
    deal_of,
    ids,
    refusal,
)

SECOND_SELLER = register.party("Südstadt Logistik AG")
OTHER = register.party("Zweite Käuferin AG")


class TestOpenLot:
    async def test_the_owner_holds_all_units(self, work: OpenWork) -> None:
        lot = NewLot(uuid4(), SELLER, 40, FIRST_SALE)
        async with work() as w:
            holding_id = await service.open_lot(w, lot)
            again = await service.open_lot(w, lot)
            held = await service.live_holdings(w, lot.id)

        assert [(h.id, h.units, h.party_id) for h in held] == [
            (holding_id, Units(0, 40), SELLER.id)
        ]
        assert again == holding_id

    async def test_the_id_of_another_lot_is_refused(self, work: OpenWork) -> None:
        lot = NewLot(uuid4(), SELLER, 40, FIRST_SALE)
        async with work() as w:
            await service.open_lot(w, lot)
        for other in (
            msgspec.structs.replace(lot, units=41),
            msgspec.structs.replace(lot, owner=OTHER),
        ):
            refused = await refusal(work, partial(service.open_lot, lot=other))

            assert isinstance(refused, Conflict)

    async def test_a_company_cannot_open_a_lot(self, work: OpenWork) -> None:
        lot = NewLot(uuid4(), SELLER, 40, FIRST_SALE)

        refused = await refusal(work, partial(service.open_lot, lot=lot), as_company(SELLER))

        assert isinstance(refused, Forbidden)


class TestDeclare:
    async def test_a_second_declaration_over_the_same_units_changes_nothing(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            reserved = await register.reserve(w, lot_id, 10)
        async with work(as_company(SELLER)) as w:
            await register.declare(w, reserved)
            await register.declare(w, reserved)
        async with work() as w:
            view = await service.lot_title(w, lot_id)

        assert view.entries == 2

    async def test_only_the_holder_declares(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            reserved = await register.reserve(w, lot_id, 10)

        as_other = await refusal(
            work, lambda w: register.declare(w, reserved, OTHER), as_company(OTHER)
        )
        for_other = await refusal(
            work, lambda w: register.declare(w, reserved, OTHER), as_company(SELLER)
        )
        assert isinstance(as_other, Forbidden)
        assert for_other.code == "declaration.not_the_holder"


class TestPostDeal:
    async def test_reserved_and_declared_units_reach_the_buyer(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
        async with work() as w:
            lines = await register.sell(w, lot_id, 30)
        async with work() as w:
            held = await register.owners(w, lot_id)
            violations = await service.audit(w)
            view = await service.lot_title(w, lot_id)

        assert held == [(Units(0, 30), BUYER.id), (Units(30, 100), SELLER.id)]
        assert [(line.units, line.seller_id) for line in lines] == [(Units(0, 30), SELLER.id)]
        assert view.is_whole
        assert view.entries == 5
        assert violations == ()

    async def test_lots_of_several_sellers_move_together(self, work: OpenWork) -> None:
        async with work() as w:
            one = await register.open_lot(w, 10)
            two = await register.open_lot(w, 10, SECOND_SELLER)
            mine = await register.reserve(w, one, 10)
            theirs = await register.reserve(w, two, 4, holder=SECOND_SELLER)
            await register.declare(w, mine)
            await register.declare(w, theirs, SECOND_SELLER)
            deal = deal_of((*mine, *theirs), sellers=(SELLER, SECOND_SELLER))
            lines = await service.post_deal(w, deal)
            held = [await register.owners(w, lot_id) for lot_id in (one, two)]

        assert {line.lot_id for line in lines} == {one, two}
        assert held == [
            [(Units(0, 10), BUYER.id)],
            [(Units(0, 4), BUYER.id), (Units(4, 10), SECOND_SELLER.id)],
        ]

    async def test_fragments_of_one_holding_move_in_one_deal(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 60)
            gap = await register.reserve(w, lot_id, 10)
            await register.reserve(w, lot_id, 10, buyer=OTHER)
            await service.release_reservations(w, ids(gap))
            reserved = await register.reserve(w, lot_id, 30)
            await register.declare(w, reserved)
            lines = await service.post_deal(w, deal_of(reserved))
            held = await register.owners(w, lot_id)
            violations = await service.audit(w)

        assert [line.units for line in lines] == [Units(0, 10), Units(20, 40)]
        assert held == [
            (Units(0, 10), BUYER.id),
            (Units(10, 20), SELLER.id),
            (Units(20, 40), BUYER.id),
            (Units(40, 60), SELLER.id),
        ]
        assert violations == ()

    async def test_a_declaration_survives_a_split_of_its_holding(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 60)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
            await register.sell(w, lot_id, 10, buyer=OTHER)
            lines = await service.post_deal(w, deal_of(reserved))

        assert [line.units for line in lines] == [Units(0, 10)]

    async def test_the_same_deal_again_gives_the_same_lines_and_no_entry(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
        deal = deal_of(reserved)
        answers = []
        for _ in range(2):
            async with work() as w:
                lines = await service.post_deal(w, deal)
                answers.append((lines, (await service.lot_title(w, lot_id)).entries))

        assert answers[0] == answers[1]

    async def test_the_id_of_another_deal_is_refused(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            first, second = [await register.reserve(w, lot_id, 10) for _ in range(2)]
            for reserved in (first, second):
                await register.declare(w, reserved)
            deal = deal_of(first)
            await service.post_deal(w, deal)
        other = msgspec.structs.replace(deal, reservation_ids=ids(second))
        both = msgspec.structs.replace(deal, reservation_ids=ids((*first, *second)))

        refused = await refusal(work, partial(service.post_deal, deal=other))
        mixed = await refusal(work, partial(service.post_deal, deal=both))

        assert (refused.code, mixed.code) == ("deal.id_reused", "reservation.ended")

    async def test_undeclared_units_do_not_move(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
            reserved = await register.reserve(w, lot_id, 10)

        refused = await refusal(work, partial(service.post_deal, deal=deal_of(reserved)))

        assert refused.code == "title.undeclared"

    async def test_a_declaration_of_an_earlier_ownership_does_not_count(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            await register.sell(w, lot_id, 10)
            await register.sell(w, lot_id, 10, buyer=SELLER, seller=BUYER)
            reserved = await register.reserve(w, lot_id, 10)

        refused = await refusal(work, partial(service.post_deal, deal=deal_of(reserved)))

        assert refused.code == "title.undeclared"

    async def test_held_units_do_not_move_until_the_hold_is_lifted(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
            (hold_id,) = await register.hold(w, lot_id, Units(9, 10))
        deal = deal_of(reserved)

        refused = await refusal(work, partial(service.post_deal, deal=deal))
        async with work() as w:
            await service.lift_hold(w, hold_id, "settled", "LG Hamburg 1 O 1/26")
            await service.post_deal(w, deal)
            violations = await service.audit(w)

        assert isinstance(refused, Locked)
        assert refused.code == "title.held"
        assert violations == ()

    async def test_reserved_units_go_to_their_reserver_only(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
        deal = deal_of(reserved, buyer=OTHER)

        refused = await refusal(work, partial(service.post_deal, deal=deal))

        assert isinstance(refused, Locked)
        assert refused.code == "title.reserved"

    async def test_one_bad_line_stops_the_whole_deal(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            good, bad = [await register.reserve(w, lot_id, 10) for _ in range(2)]
            await register.declare(w, (*good, *bad))
            await register.hold(w, lot_id, Units(10, 20))
        deal = deal_of((*good, *bad))

        await refusal(work, partial(service.post_deal, deal=deal))
        async with work() as w:
            held = await register.owners(w, lot_id)
            lines = await service.find_deal(w, deal.id)

        assert held == [(Units(0, 20), SELLER.id)]
        assert lines == ()

    async def test_a_company_cannot_post(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
        post = partial(service.post_deal, deal=deal_of(reserved))

        assert isinstance(await refusal(work, post, as_company(BUYER)), Forbidden)

    async def test_the_buyer_finds_its_deal_and_nobody_else_does(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 10)
            await register.declare(w, reserved)
            deal = deal_of(reserved)
            posted = await service.post_deal(w, deal)
        seen = []
        for company in (BUYER, SELLER, OTHER):
            async with work(as_company(company)) as w:
                seen.append(await service.find_deal(w, deal.id))

        assert seen == [posted, (), ()]


async def chain_ids(work: Work, holding_id: UUID) -> list[UUID | None]:
    chain = await service.chain_of(work, holding_id)
    return [link.party_id for link in chain.links]


class TestChain:
    async def test_each_owner_stands_once_however_often_units_were_split(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 100)
            for _ in range(5):
                await register.sell(w, lot_id, 10, buyer=OTHER)
            (line,) = await register.sell(w, lot_id, 20)
            (resold,) = await register.sell(w, lot_id, 5, buyer=OTHER, seller=BUYER)
            first = await chain_ids(w, line.holding_id)
            second = await service.chain_of(w, resold.holding_id)

        assert first == [SELLER.id, OPERATOR.id, BUYER.id]
        assert [link.party_id for link in second.links] == [
            SELLER.id,
            OPERATOR.id,
            BUYER.id,
            OPERATOR.id,
            OTHER.id,
        ]
        assert second.units == Units(50, 55)
        assert second.lot_id == lot_id

    async def test_every_link_after_the_first_rests_on_a_declaration(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            (line,) = await register.sell(w, lot_id, 10)
            first, *rest = (await service.chain_of(w, line.holding_id)).links

        assert first.declared_at is None
        assert [link.event_kind for link in (first, *rest)] == [
            "lot.opened",
            "transfer",
            "transfer",
        ]
        for link in rest:
            assert link.declared_at is not None
            assert link.declared_at < link.recorded_at

    async def test_only_the_holder_sees_it(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            (line,) = await register.sell(w, lot_id, 10)
        async with work(as_company(BUYER)) as w:
            seen = await chain_ids(w, line.holding_id)
        unseen = await refusal(
            work, partial(service.chain_of, holding_id=line.holding_id), as_company(SELLER)
        )

        assert seen == [SELLER.id, OPERATOR.id, BUYER.id]
        assert isinstance(unseen, NotFound)


class TestLotTitle:
    async def test_an_unknown_lot_is_not_found_and_has_no_holdings(self, work: OpenWork) -> None:
        refused = await refusal(work, partial(service.lot_title, lot_id=uuid4()))
        async with work() as w:
            held = await service.live_holdings(w, uuid4())

        assert isinstance(refused, NotFound)
        assert held == ()
