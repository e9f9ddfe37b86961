"""Every invariant is refused by the database, whoever asks; and without its guard the audit finds it broken.

Each breach is tried as the owner of the tables, with rows that are true in every other respect. The same
breach is then tried with the guards it names taken away: it must go through, so it is those guards
that refused, and the register's own audit must name the invariant.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.register import audit
from marketplace.register.domain import Units
from marketplace.register.drafting import Move
from tests.conftest import OpenWork
from tests.register.forgery import REST, THIEF, Cut, Forger, Made, set_scene
from tests.support.register import BUYER, FIRST_SALE, SELLER


class Breach(msgspec.Struct, frozen=True):
    """A forbidden act, the guards that refuse it (`table.trigger` or `table!constraint`), the invariant."""

    invariant: str
    act: Callable[[Forger], Awaitable[None]]
    guards: tuple[str, ...]
    state: str = "CS500"

    @property
    def name(self) -> str:
        return f"{self.invariant}-{self.act.__name__}"


SPEND: Final = "title_spends.title_spend_whole"
HOLDING: Final = "title_holdings.title_holding_whole"
EVENT: Final = "title_events.title_event_true"
LIVE: Final = "title_live.title_live_true"
ACTIVE: Final = "title_active_reservations.title_active_true"
RESERVATION: Final = "title_reservations.title_reservation_true"
END: Final = "title_reservation_ends.title_end_true"
DEAL: Final = "title_deals.title_deal_whole"
QUEUE: Final = "title_outbox.entries_wait"
LIVE_APART: Final = "title_live!ex_title_live_units"
CHILD_OF_SPEND: Final = "title_holdings!fk_title_holdings_parent_id_created_by_title_spends"
EXCLUSION: Final = "23P01"
UNIQUE: Final = "23505"
UNCHANGEABLE: Final = "CS001"


async def holding_spent_twice(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.genesis), "crt_1")
    await forger.enter(draft, "certificate.issued")
    await forger.spend(forger.scene.genesis, draft)


async def children_leave_a_gap(forger: Forger) -> None:
    await forger.move(
        Cut(forger.scene.rest, REST, Units(50, 60)),
        to=SELLER,
        kind="retired",
        forgotten=Units(60, 80),
    )


async def late_child(forger: Forger) -> None:
    await forger.run("DELETE FROM title_live WHERE holding_id = :id", id=forger.scene.sold)
    found = "SELECT created_by FROM title_holdings WHERE parent_id = :id AND out_no = 0"
    event_id = await forger.scalar(found, id=forger.scene.genesis)
    await forger.make(forger.scene.genesis, event_id, Made(Units(0, 30), THIEF, 7))


async def child_without_a_spend(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
    await forger.enter(draft, "certificate.issued")
    await forger.make(forger.scene.sold, draft.id, Made(Units(0, 30), THIEF, live=False))


async def second_genesis(forger: Forger) -> None:
    draft = forger.scribe.opened(SELLER, 100, FIRST_SALE)
    await forger.enter(draft, "lot.opened")
    await forger.make(None, draft.id, Made(Units(0, 100), SELLER))


async def genesis_of_half_a_lot(forger: Forger) -> None:
    lot_id = uuid4()
    await forger.run("INSERT INTO title_lots VALUES (:id, 10, :owner)", id=lot_id, owner=SELLER.id)
    other = Forger(forger.connection, msgspec.structs.replace(forger.scene, lot_id=lot_id))
    draft = other.scribe.opened(SELLER, 5, FIRST_SALE)
    await other.enter(draft, "lot.opened")
    await other.make(None, draft.id, Made(Units(0, 5), SELLER))


async def live_row_lost(forger: Forger) -> None:
    await forger.run("DELETE FROM title_live WHERE holding_id = :id", id=forger.scene.sold)


async def live_row_given_to_another(forger: Forger) -> None:
    await forger.run(
        "UPDATE title_live SET party_id = :thief WHERE holding_id = :id",
        thief=THIEF.id,
        id=forger.scene.sold,
    )


async def live_rows_overlap(forger: Forger) -> None:
    await forger.run(
        "UPDATE title_live SET units = '[29,80)' WHERE holding_id = :id", id=forger.scene.rest
    )


async def entry_under_another_id(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
    await forger.enter(msgspec.structs.replace(draft, id=uuid4()), "certificate.issued")


async def entry_twice(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
    await forger.enter(draft, "certificate.issued")
    await forger.enter(
        msgspec.structs.replace(draft, id=uuid4(), secrets=()), "certificate.issued", queued=False
    )


async def outputs_differ_from_the_entry(forger: Forger) -> None:
    lot_id = uuid4()
    await forger.run("INSERT INTO title_lots VALUES (:id, 10, :owner)", id=lot_id, owner=SELLER.id)
    other = Forger(forger.connection, msgspec.structs.replace(forger.scene, lot_id=lot_id))
    draft = other.scribe.opened(SELLER, 7, FIRST_SALE)
    await other.enter(draft, "lot.opened")
    await other.make(None, draft.id, Made(Units(0, 10), SELLER))


async def transfer_that_moves_nothing(forger: Forger) -> None:
    move = Move(await forger.source(forger.scene.rest), REST, Units(40, 50), SELLER, THIEF)
    await forger.enter(forger.scribe.transferred(move, uuid4(), bytes(32)), "transfer")


async def declaration_that_spends(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.rest), "crt_1")
    await forger.run("DELETE FROM title_live WHERE holding_id = :id", id=forger.scene.rest)
    await forger.enter(draft, "certificate.issued")
    await forger.spend(forger.scene.rest, draft)
    await forger.make(forger.scene.rest, draft.id, Made(REST, THIEF))


async def retired_units_spent(forger: Forger) -> None:
    await forger.move(
        Cut(forger.scene.retired, Units(80, 90), Units(80, 90)),
        declaration=forger.scene.declaration_id,
    )


async def transfer_without_declaration(forger: Forger) -> None:
    await forger.move(Cut(forger.scene.rest, REST, Units(40, 50)))


async def transfer_beyond_the_declaration(forger: Forger) -> None:
    await forger.run(
        "INSERT INTO title_reservation_ends VALUES (:id, 'voided')", id=forger.scene.reservation_id
    )
    await forger.run(
        "DELETE FROM title_active_reservations WHERE reservation_id = :id",
        id=forger.scene.reservation_id,
    )
    await forger.move(
        Cut(forger.scene.rest, REST, Units(35, 45)), declaration=forger.scene.declaration_id
    )


async def held_units_moved(forger: Forger) -> None:
    end = await forger.scalar(
        "SELECT holding_id FROM title_live WHERE units = '[90,100)' AND lot_id = :lot",
        lot=forger.scene.lot_id,
    )
    await forger.move(Cut(end, Units(90, 100), Units(95, 100)), kind="retired")


async def reservations_overlap(forger: Forger) -> None:
    await forger.reserve(Units(39, 45))


async def reservation_outside_any_holding(forger: Forger) -> None:
    await forger.reserve(Units(0, 5))


async def reservation_without_its_active_row(forger: Forger) -> None:
    await forger.reserve(Units(60, 65), active=False)


async def active_row_lost(forger: Forger) -> None:
    await forger.run(
        "DELETE FROM title_active_reservations WHERE reservation_id = :id",
        id=forger.scene.reservation_id,
    )


async def ended_and_still_active(forger: Forger) -> None:
    await forger.run(
        "INSERT INTO title_reservation_ends VALUES (:id, 'voided')", id=forger.scene.reservation_id
    )


async def ended_twice(forger: Forger) -> None:
    await active_row_lost(forger)
    await ended_and_still_active(forger)
    await ended_and_still_active(forger)


async def posted_after_expiry(forger: Forger) -> None:
    await active_row_lost(forger)
    event_id = await forger.scalar(
        "SELECT created_by FROM title_holdings WHERE id = :id", id=forger.scene.sold
    )
    await forger.run(
        "INSERT INTO title_deals VALUES (:id, 1, :operator, :buyer)",
        id=(deal_id := uuid4()),
        operator=SELLER.id,
        buyer=BUYER.id,
    )
    await forger.run(
        "INSERT INTO title_reservation_ends VALUES (:id, 'posted', :event, :deal, 'infinity')",
        id=forger.scene.reservation_id,
        event=event_id,
        deal=deal_id,
    )


async def reserved_units_moved_to_another(forger: Forger) -> None:
    await forger.move(
        Cut(forger.scene.rest, REST, Units(30, 40)),
        to=THIEF,
        declaration=forger.scene.declaration_id,
    )


async def deal_without_its_lines(forger: Forger) -> None:
    await forger.run(
        "INSERT INTO title_deals VALUES (:id, 2, :operator, :buyer)",
        id=uuid4(),
        operator=SELLER.id,
        buyer=BUYER.id,
    )


async def late_line_of_a_deal(forger: Forger) -> None:
    await active_row_lost(forger)
    draft = await forger.move(
        Cut(forger.scene.rest, REST, Units(30, 40)),
        to=BUYER,
        declaration=forger.scene.declaration_id,
    )
    await forger.run(
        "INSERT INTO title_reservation_ends VALUES (:id, 'posted', :event, :deal)",
        id=forger.scene.reservation_id,
        event=draft.id,
        deal=forger.scene.deal_id,
    )


async def entry_that_waits_for_no_log(forger: Forger) -> None:
    draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
    await forger.enter(draft, "certificate.issued", queued=False)


async def entry_taken_out_of_the_queue(forger: Forger) -> None:
    await forger.run("DELETE FROM title_outbox WHERE seq = (SELECT min(seq) FROM title_outbox)")


BREACHES: Final = (
    Breach("I1", holding_spent_twice, ("title_spends!pk_title_spends", SPEND, EVENT), UNIQUE),
    Breach("I2", children_leave_a_gap, (SPEND, HOLDING, EVENT)),
    Breach("I2", late_child, (HOLDING, LIVE)),
    Breach("I3", child_without_a_spend, (CHILD_OF_SPEND, HOLDING, EVENT)),
    Breach(
        "I4",
        second_genesis,
        ("title_holdings~uq_title_holdings_lot_id_genesis", LIVE_APART),
        UNIQUE,
    ),
    Breach("I4", genesis_of_half_a_lot, (HOLDING,)),
    Breach("I5", live_row_lost, (LIVE,)),
    Breach("I5", live_row_given_to_another, (LIVE,)),
    Breach("I6", live_rows_overlap, (LIVE_APART, LIVE), EXCLUSION),
    Breach("I7", entry_under_another_id, (EVENT,)),
    Breach("I7", entry_twice, ("title_events!uq_title_events_leaf_hash", EVENT), UNIQUE),
    Breach("I7", outputs_differ_from_the_entry, (EVENT,)),
    Breach("I8", transfer_that_moves_nothing, (EVENT,)),
    Breach("I8", declaration_that_spends, (SPEND, EVENT, HOLDING)),
    Breach("I9", retired_units_spent, (SPEND,), "CS409"),
    Breach("I10", transfer_without_declaration, (SPEND,), "CS409"),
    Breach("I10", transfer_beyond_the_declaration, (SPEND,), "CS409"),
    Breach("I11", held_units_moved, (HOLDING,), "CS423"),
    Breach(
        "I12",
        reservations_overlap,
        ("title_active_reservations!ex_title_active_reservations_units",),
        EXCLUSION,
    ),
    Breach("I12", reservation_outside_any_holding, (RESERVATION, ACTIVE)),
    Breach("I12", reservation_without_its_active_row, (RESERVATION,)),
    Breach("I12", active_row_lost, (ACTIVE,)),
    Breach("I12", ended_and_still_active, (END,)),
    Breach(
        "I12",
        ended_twice,
        ("title_reservation_ends!pk_title_reservation_ends",),
        UNIQUE,
    ),
    Breach("I12", posted_after_expiry, (END,)),
    Breach("I13", reserved_units_moved_to_another, (HOLDING,), "CS423"),
    Breach("I14", deal_without_its_lines, (DEAL,)),
    Breach("I14", late_line_of_a_deal, (END,)),
    Breach("I17", entry_that_waits_for_no_log, (EVENT,)),
    Breach("I17", entry_taken_out_of_the_queue, (QUEUE,), UNCHANGEABLE),
)


def parameters() -> list[object]:
    return [pytest.param(breach, id=breach.name) for breach in BREACHES]


async def drop(forger: Forger, guards: Iterable[str]) -> None:
    """Take guards away, inside the transaction of the test."""
    for guard in guards:
        if "~" in guard:
            await forger.run(f"DROP INDEX {guard.partition('~')[2]}")
        elif "!" in guard:
            table, _, constraint = guard.partition("!")
            await forger.run(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        else:
            table, _, trigger = guard.partition(".")
            await forger.run(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


async def refused(forger: Forger, breach: Breach) -> str:
    """Try the breach, which must be refused; give the SQLSTATE."""
    with pytest.raises(DBAPIError) as error:  # noqa: PT012 - the act or the commit is refused
        await breach.act(forger)
        await forger.speak()
    return str(getattr(error.value.orig, "sqlstate", ""))


@pytest.fixture
async def forger(work: OpenWork, owner_engine: AsyncEngine) -> AsyncIterator[Forger]:
    """Give the owner's pen, in a transaction that never commits."""
    scene = await set_scene(work)
    async with owner_engine.connect() as connection:
        yield Forger(connection, scene)


class TestGuards:
    async def test_the_untouched_scene_is_whole(self, forger: Forger) -> None:
        assert await audit.check(forger.connection) == ()

    @pytest.mark.parametrize("breach", parameters())
    async def test_a_breach_is_refused(self, forger: Forger, breach: Breach) -> None:
        assert await refused(forger, breach) == breach.state

    @pytest.mark.parametrize(
        ("breach", "guard"),
        [
            pytest.param(breach, guard, id=f"{breach.name}-{guard}")
            for breach in BREACHES
            for guard in breach.guards
            if len(breach.guards) > 1
        ],
    )
    async def test_each_guard_refuses_alone(
        self, forger: Forger, breach: Breach, guard: str
    ) -> None:
        await drop(forger, [other for other in breach.guards if other != guard])

        assert await refused(forger, breach)

    @pytest.mark.parametrize("breach", parameters())
    async def test_without_its_guards_it_goes_through_and_the_audit_names_it(
        self, forger: Forger, breach: Breach
    ) -> None:
        await drop(forger, breach.guards)
        await breach.act(forger)
        await forger.speak()

        found = {violation.invariant for violation in await audit.check(forger.connection)}
        assert breach.invariant in found

    def test_every_invariant_of_the_database_has_a_breach(self) -> None:
        tried = {breach.invariant for breach in BREACHES}

        # I15 is a promise of the desk (test_deals, test_reservations), I16 stands below.
        assert tried == {f"I{number}" for number in (*range(1, 15), 17)}


class TestFactsOnlyGrow:
    @pytest.mark.parametrize("table", audit.FACT_TABLES)
    @pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
    async def test_a_fact_is_not_changed_by_anybody(
        self, forger: Forger, table: str, verb: str
    ) -> None:
        column = await forger.scalar(
            "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass)"
            " AND attnum = 1",
            table=table,
        )
        statements = {
            "UPDATE": f"UPDATE {table} SET {column} = {column}",
            "DELETE": f"DELETE FROM {table}",
            "TRUNCATE": f"TRUNCATE {table} CASCADE",
        }

        with pytest.raises(DBAPIError) as error:
            await forger.run(statements[verb])

        assert getattr(error.value.orig, "sqlstate", "") == UNCHANGEABLE

    @pytest.mark.parametrize("table", audit.FACT_TABLES)
    async def test_the_audit_misses_a_guard_that_was_taken_away(
        self, forger: Forger, table: str
    ) -> None:
        await forger.run(f"ALTER TABLE {table} DISABLE TRIGGER facts_only_grow")

        found = await audit.check(forger.connection)

        assert [(v.invariant, v.subject) for v in found] == [("I16", table)]

    async def test_a_secret_is_erased_but_never_edited(self, forger: Forger) -> None:
        with pytest.raises(DBAPIError):
            await forger.run("UPDATE title_disclosures SET value = '1'")


class TestAudit:
    async def test_a_body_that_is_not_canonical_is_named(self, forger: Forger) -> None:
        await drop(forger, [EVENT])
        draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
        loose = draft.body.replace(b'"v":1', b'"v": 1')
        await forger.enter(msgspec.structs.replace(draft, body=loose), "certificate.issued")

        found = await audit.check(forger.connection)

        assert any("not canonical" in violation.problem for violation in found)

    async def test_a_secret_that_opens_nothing_and_a_salt_used_twice_are_named(
        self, forger: Forger
    ) -> None:
        draft = forger.scribe.certified(await forger.source(forger.scene.sold), "crt_1")
        (secret,) = draft.secrets
        stray = msgspec.structs.replace(secret, field="metric")
        await forger.enter(
            msgspec.structs.replace(draft, secrets=(secret, stray)), "certificate.issued"
        )

        problems = {violation.problem for violation in await audit.check(forger.connection)}

        assert problems == {"disclosure metric opens nothing", "a salt is used twice"}
