"""A deal moves title from seller to operator to buyer, whole or not at all."""

from marketplace.register import service
from marketplace.register.domain import Units
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, OPERATOR, SELLER


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
            chain = await service.chain_of(w, lines[0].holding_id)

        assert held == [(Units(0, 30), BUYER.id), (Units(30, 100), SELLER.id)]
        assert violations == ()
        assert view.is_whole
        assert [link.party_id for link in chain.links] == [SELLER.id, OPERATOR.id, BUYER.id]
