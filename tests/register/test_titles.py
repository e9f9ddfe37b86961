"""Holds, retirement, returns, and entries that move nothing."""

from functools import partial
from uuid import uuid4

import msgspec

from marketplace.kernel.errors import Conflict, Forbidden, Locked, NotFound
from marketplace.register import service
from marketplace.register.domain import Retirement, Return, Units
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, DOCUMENT, OPERATOR, SELLER, as_company, refusal

OTHER = register.party("Zweite Käuferin AG")
PARTIES = {company.id: company for company in (SELLER, OPERATOR, BUYER, OTHER)}


class TestRetire:
    async def test_retired_units_stay_in_the_lot_and_belong_to_nobody(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
        async with work(as_company(SELLER)) as w:
            await service.retire_units(w, Retirement(lot_id, Units(2, 5), SELLER, "migrated"))
        async with work() as w:
            view = await service.lot_title(w, lot_id)
            free = await service.available_units(w, [lot_id])
            violations = await service.audit(w)

        assert [(h.units, h.kind, h.party_id) for h in view.holdings] == [
            (Units(0, 2), "t", SELLER.id),
            (Units(2, 5), "r", None),
            (Units(5, 10), "t", SELLER.id),
        ]
        assert view.is_whole
        assert free == {lot_id: 7}
        assert violations == ()

    async def test_retired_units_never_move_again(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            await service.retire_units(w, Retirement(lot_id, Units(2, 5), SELLER, "migrated"))

        refused = await refusal(
            work,
            lambda w: service.retire_units(w, Retirement(lot_id, Units(2, 5), SELLER, "again")),
        )
        assert refused.code == "title.not_live"

    async def test_reserved_units_are_not_retired_but_expired_ones_are(
        self, work: OpenWork
    ) -> None:
        retirement = Retirement(uuid4(), Units(0, 10), SELLER, "migrated")
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
            reserved = await register.reserve(w, lot_id, 4)
        retirement = msgspec.structs.replace(retirement, lot_id=lot_id)

        refused = await refusal(work, partial(service.retire_units, retirement=retirement))
        async with work() as w:
            await service.release_reservations(w, register.ids(reserved))
            await service.retire_units(w, retirement)

        assert isinstance(refused, Locked)

    async def test_a_company_retires_its_own_units_only(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 10)
        retire = partial(
            service.retire_units, retirement=Retirement(lot_id, Units(0, 1), SELLER, "theft")
        )

        assert (await refusal(work, retire, as_company(OTHER))).code == "title.not_live"


class TestHold:
    async def test_a_hold_over_two_holdings_is_two_holds(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            await register.sell(w, lot_id, 10)
            holds = await register.hold(w, lot_id, Units(5, 15))
            view = await service.lot_title(w, lot_id)
            free = await service.available_units(w, [lot_id])

        assert len(holds) == 2
        assert sorted(hold.units for hold in view.holds) == [Units(5, 10), Units(10, 15)]
        assert free == {lot_id: 5}

    async def test_a_lifted_hold_frees_the_units_and_is_not_lifted_twice(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            (hold_id,) = await register.hold(w, lot_id, Units(0, 20))
            await service.lift_hold(w, hold_id, "settled", "LG Hamburg 1 O 1/26")
            free = await service.available_units(w, [lot_id])
            view = await service.lot_title(w, lot_id)

        refused = await refusal(
            work, lambda w: service.lift_hold(w, hold_id, "again", "LG Hamburg 1 O 1/26")
        )
        assert free == {lot_id: 20}
        assert view.holds[0].lifted_at is not None
        assert isinstance(refused, Conflict)

    async def test_nothing_to_hold_and_nothing_to_lift_are_not_found(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)

        beyond = await refusal(work, lambda w: register.hold(w, lot_id, Units(20, 30)))
        unknown = await refusal(work, lambda w: service.lift_hold(w, uuid4(), "x", "y"))

        assert isinstance(beyond, NotFound)
        assert isinstance(unknown, NotFound)

    async def test_a_company_cannot_place_one(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)

        refused = await refusal(
            work, lambda w: register.hold(w, lot_id, Units(0, 20)), as_company(SELLER)
        )
        assert isinstance(refused, Forbidden)


class TestReturn:
    async def test_units_go_back_over_both_links_and_the_past_stays(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            (line,) = await register.sell(w, lot_id, 10)
            back = Return(lot_id, Units(2, 5), PARTIES, "wrong metric", DOCUMENT)
            holding_id = await service.return_units(w, back)
            held = await register.owners(w, lot_id)
            chain = await service.chain_of(w, holding_id)
            violations = await service.audit(w)

        assert held == [
            (Units(0, 2), BUYER.id),
            (Units(2, 5), SELLER.id),
            (Units(5, 10), BUYER.id),
            (Units(10, 20), SELLER.id),
        ]
        assert [link.party_id for link in chain.links] == [
            SELLER.id,
            OPERATOR.id,
            BUYER.id,
            OPERATOR.id,
            SELLER.id,
        ]
        assert chain.links[2].event_id == line.sale_id
        assert violations == ()

    async def test_units_that_came_by_no_deal_do_not_go_back(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            await register.sell(w, lot_id, 10)
            back = Return(lot_id, Units(0, 10), PARTIES, "wrong metric", DOCUMENT)
            await service.return_units(w, back)

        for units in (Units(0, 10), Units(10, 20)):
            again = msgspec.structs.replace(back, units=units)
            refused = await refusal(work, partial(service.return_units, back=again))
            assert refused.code == "reversal.not_of_this"

    async def test_resold_units_go_back_one_deal_only(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            await register.sell(w, lot_id, 10)
            await register.sell(w, lot_id, 10, buyer=OTHER, seller=BUYER)
            back = Return(lot_id, Units(0, 10), PARTIES, "wrong metric", DOCUMENT)
            await service.return_units(w, back)
            held = await register.owners(w, lot_id)

        assert held[0] == (Units(0, 10), BUYER.id)

    async def test_held_units_stay_where_they_are(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            await register.sell(w, lot_id, 10)
            await register.hold(w, lot_id, Units(0, 1))
        back = Return(lot_id, Units(0, 10), PARTIES, "wrong metric", DOCUMENT)

        assert isinstance(await refusal(work, partial(service.return_units, back=back)), Locked)


class TestNotes:
    async def test_certificates_evidence_and_corrections_are_entered(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            (line,) = await register.sell(w, lot_id, 10)
            await service.note_certificates(w, {line.holding_id: "crt_1"})
            evidence = {"kind": "invoice", "file": DOCUMENT, "issuer": "X AG", "date": "2019-03-01"}
            await service.attach_evidence(w, lot_id, line.sale_id, evidence)
            await service.correct_record(w, lot_id, line.sale_id, {"metric": "device"})
            view = await service.lot_title(w, lot_id)
            violations = await service.audit(w)

        assert view.entries == 8
        assert violations == ()

    async def test_an_unknown_holding_or_entry_is_not_found(self, work: OpenWork) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w, 20)

        certificate = await refusal(work, lambda w: service.note_certificates(w, {uuid4(): "c"}))
        correction = await refusal(
            work, lambda w: service.correct_record(w, lot_id, uuid4(), {"metric": "device"})
        )
        assert isinstance(certificate, NotFound)
        assert isinstance(correction, NotFound)
