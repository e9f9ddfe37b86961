"""What a purchase costs the register: a number that must not grow unseen."""

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.register import service
from tests.conftest import OpenWork
from tests.support import register


class TestStatements:
    async def test_a_purchase_costs_the_register_six_round_trips(
        self, work: OpenWork, database: AsyncEngine
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if "set_config" not in statement:
                sent.append(statement)

        event.listen(database.sync_engine, "before_cursor_execute", note)
        try:
            async with work() as w:
                reserved = await register.reserve(w, lot_id, 30)
            async with work() as w:
                await service.extend_reservations(w, register.ids(reserved), register.soon(7200))
            async with work() as w:
                await register.declare(w, reserved)
            async with work() as w:
                await service.post_deal(w, register.deal_of(reserved))
        finally:
            event.remove(database.sync_engine, "before_cursor_execute", note)

        assert [statement.partition("(")[0].rpartition(" ")[2] for statement in sent] == [
            "title_reserve",
            "title_extend_reservation",
            "title_prepare_declaration",
            "title_attach_declaration",
            "title_prepare_deal",
            "title_post_deal",
        ]
