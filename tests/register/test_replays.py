"""I15: the same entry id with the same bytes is the same fact; with other bytes it is refused."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from marketplace.infra.clock import SystemIds
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, Malformed, NotFound, Unavailable
from marketplace.register import entry, service
from marketplace.register.domain import Reservation, Units
from marketplace.register.drafting import (
    DealParties,
    Draft,
    Move,
    PreparedLine,
    Scribe,
    Source,
    draft_deal,
    identity,
)
from marketplace.register.store import calls, desk
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, FIRST_SALE, OPERATOR, SELLER, deal_of, ids, refusal

IDS = SystemIds()
WHOLE = Units(0, 100)


class Stage(msgspec.Struct, frozen=True):
    """A lot of the seller with ten reserved and declared units, and what entries about it name."""

    lot_id: UUID
    source: Source
    reservation_ids: tuple[UUID, ...]
    declared: bytes
    scribe: Scribe


Write = Callable[[AsyncConnection, Draft], Awaitable[object]]


async def set_stage(work: Work) -> Stage:
    lot_id = await register.open_lot(work)
    reserved = await register.reserve(work, lot_id, 10)
    await register.declare(work, reserved)
    (line,) = await desk.prepare_deal(work.connection, ids(reserved))
    assert line.source is not None
    assert line.declaration_hash is not None
    scribe = Scribe(lot_id, datetime.now(UTC), IDS.uuid7, IDS.token)
    return Stage(lot_id, line.source, ids(reserved), line.declaration_hash, scribe)


def written(stage: Stage, act: str) -> tuple[Draft, Write]:
    """Draft an entry of a kind, and say how the desk takes it."""
    note = {"kind": "invoice", "file": "0", "issuer": "X AG", "date": "2019-03-01"}
    units = Units(50, 60)
    move = Move(stage.source, WHOLE, units, SELLER, None)
    hold_id = uuid4()
    table: Mapping[str, tuple[Draft, Write]] = {
        "declare": (
            stage.scribe.declared(stage.source, units, {"declarant": identity(SELLER)}),
            lambda c, d: desk.attach_declarations(c, [d]),
        ),
        "retire": (
            stage.scribe.retired(move, "migrated"),
            lambda c, d: desk.move(c, calls.RETIRE, stage.lot_id, units, d),
        ),
        "hold": (
            stage.scribe.hold_placed(stage.source, units, "dispute", "file 1"),
            lambda c, d: desk.place_holds(c, stage.lot_id, ("dispute", None), {hold_id: d}),
        ),
        "note": (
            stage.scribe.evidence_attached(stage.source.leaf_hash, note),
            lambda c, d: desk.note(c, ["evidence.attached"], [d]),
        ),
    }
    return table[act]


def altered(draft: Draft) -> Draft:
    """Give an entry of the same id with another time in it."""
    body = entry.decode(draft.body)
    other = entry.encode(msgspec.structs.replace(body, at=body.at + 1))
    return msgspec.structs.replace(draft, body=other, leaf_hash=entry.leaf_hash(other))


class TestReplay:
    @pytest.mark.parametrize("act", ["declare", "retire", "hold", "note"])
    async def test_the_same_entry_again_changes_nothing_and_another_body_is_refused(
        self, work: OpenWork, act: str
    ) -> None:
        async with work() as w:
            stage = await set_stage(w)
        draft, write = written(stage, act)
        async with work() as w:
            first = await write(w.connection, draft)
            before = await service.lot_title(w, stage.lot_id)
        async with work() as w:
            again = await write(w.connection, draft)
            after = await service.lot_title(w, stage.lot_id)
        refused = await refusal(work, lambda w: write(w.connection, altered(draft)))

        assert (first, before) == (again, after)
        assert isinstance(refused, Conflict)
        assert refused.code == "entry.id_reused"

    async def test_a_lot_opened_by_the_same_entry_again_is_the_same_lot(
        self, work: OpenWork
    ) -> None:
        scribe = Scribe(lot_id := uuid4(), datetime.now(UTC), IDS.uuid7, IDS.token)
        draft = scribe.opened(SELLER, 100, FIRST_SALE)
        holdings = set()
        for _ in range(2):
            async with work() as w:
                holdings.add(await desk.open_lot(w.connection, lot_id, SELLER.id, draft))
        refused = await refusal(
            work, lambda w: desk.open_lot(w.connection, lot_id, SELLER.id, altered(draft))
        )

        assert len(holdings) == 1
        assert refused.code == "entry.id_reused"

    async def test_a_hold_lifted_by_the_same_entry_again_stays_lifted(self, work: OpenWork) -> None:
        async with work() as w:
            stage = await set_stage(w)
            (hold_id,) = await register.hold(w, stage.lot_id, Units(50, 60))
        draft = stage.scribe.hold_lifted(stage.source.named(), Units(50, 60), "settled", "file 1")
        for _ in range(2):
            async with work() as w:
                await desk.lift_hold(w.connection, hold_id, None, draft)
        other = stage.scribe.hold_lifted(stage.source.named(), Units(50, 60), "settled", "file 1")
        refused = await refusal(work, lambda w: desk.lift_hold(w.connection, hold_id, None, other))

        assert refused.code == "hold.lifted"

    async def test_a_deal_with_the_same_entries_again_is_the_same_deal(
        self, work: OpenWork
    ) -> None:
        async with work() as w:
            stage = await set_stage(w)
        deal = (uuid4(), OPERATOR.id, BUYER.id)
        line = PreparedLine(
            stage.reservation_ids[0],
            stage.lot_id,
            Units(0, 10),
            SELLER.id,
            WHOLE,
            stage.source,
            stage.declared,
        )
        parties = DealParties(deal[0], OPERATOR, BUYER, {SELLER.id: SELLER})
        drafts = draft_deal([line], parties, lambda _: stage.scribe)
        answers = []
        for _ in range(2):
            async with work() as w:
                answers.append(
                    await desk.post_deal(w.connection, deal, stage.reservation_ids, drafts)
                )
        mixed = (drafts[0], drafts[1], altered(drafts[2]))
        refused = await refusal(
            work, lambda w: desk.post_deal(w.connection, deal, stage.reservation_ids, mixed)
        )

        assert answers[0] == answers[1]
        assert refused.code == "entry.id_reused"


class TestRefusals:
    """What a wrong entry is answered, were the service to send one."""

    async def test_an_entry_of_another_type_is_malformed(self, work: OpenWork) -> None:
        async with work() as w:
            stage = await set_stage(w)
        draft, _ = written(stage, "note")

        as_move = await refusal(
            work, lambda w: desk.note(w.connection, ["certificate.issued"], [draft])
        )
        as_transfer = await refusal(work, lambda w: desk.note(w.connection, ["transfer"], [draft]))

        assert isinstance(as_move, Malformed)
        assert isinstance(as_transfer, Malformed)

    async def test_units_beyond_the_named_holding_are_malformed(self, work: OpenWork) -> None:
        async with work() as w:
            stage = await set_stage(w)
        beyond = Units(90, 110)
        declared = stage.scribe.declared(stage.source, beyond, {})
        held = stage.scribe.hold_placed(stage.source, beyond, "dispute", "file 1")
        retired = stage.scribe.retired(Move(stage.source, WHOLE, Units(0, 5), SELLER, None), "x")

        for write in (
            lambda w: desk.attach_declarations(w.connection, [declared]),
            lambda w: desk.place_holds(w.connection, stage.lot_id, ("x", None), {uuid4(): held}),
            lambda w: desk.move(w.connection, calls.RETIRE, stage.lot_id, Units(5, 9), retired),
        ):
            assert isinstance(await refusal(work, write), Malformed)

    async def test_an_outpoint_nobody_made_is_not_found(self, work: OpenWork) -> None:
        async with work() as w:
            stage = await set_stage(w)
        declared = stage.scribe.declared(Source(bytes(32), 0), Units(0, 5), {})

        refused = await refusal(work, lambda w: desk.attach_declarations(w.connection, [declared]))
        assert isinstance(refused, NotFound)

    async def test_a_spent_holding_is_a_conflict(self, work: OpenWork) -> None:
        async with work() as w:
            stage = await set_stage(w)
            await service.post_deal(w, deal_of(await _reserved(w, stage)))
        stale = stage.scribe.retired(Move(stage.source, WHOLE, Units(50, 60), SELLER, None), "x")

        refused = await refusal(
            work,
            lambda w: desk.move(w.connection, calls.RETIRE, stage.lot_id, Units(50, 60), stale),
        )
        assert refused.code == "title.not_live"

    async def test_a_lot_that_stays_locked_is_busy(
        self, work: OpenWork, database: AsyncEngine
    ) -> None:
        async with work() as w:
            lot_id = await register.open_lot(w)
        async with work() as holder:
            await register.reserve(holder, lot_id, 1)
            async with database.connect() as connection:
                await connection.execute(text("SET lock_timeout = '20ms'"))
                with pytest.raises(Unavailable) as busy:
                    await desk.pieces(connection, lot_id, WHOLE)
                await connection.rollback()

        assert busy.value.code == "register.busy"

    async def test_a_guard_that_speaks_is_not_hidden(self, database: AsyncEngine) -> None:
        guard = text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'CS500'; END $$")
        async with database.connect() as connection:
            with pytest.raises(DBAPIError):
                async with calls.refusals():
                    await connection.execute(guard)


async def _reserved(work: Work, stage: Stage) -> list[Reservation]:
    reserved = await register.reserve(work, stage.lot_id, 5)
    await register.declare(work, reserved)
    return list(reserved)
