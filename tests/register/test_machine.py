"""Random histories: the register answers what a model of a few lines answers, and stays whole.

The database's clock is the one part that is moved: `title_now()` is replaced in a database of the
test's own, so that reservations expire without waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.work import SilentDoorbell, Work, WorkSource
from marketplace.kernel.errors import DomainError
from marketplace.register import service
from marketplace.register.domain import (
    Deal,
    Party,
    Reservation,
    Reserve,
    ReserveLine,
    Retirement,
    Return,
    Units,
)
from tests.register.model import Lot, Model, Reserved
from tests.support import register
from tests.support.postgres import Cluster, execute
from tests.support.register import DOCUMENT, OPERATOR

COMPANIES: Final = tuple(register.party(f"{name} AG") for name in ("Alfa", "Bravo", "Charlie"))
PARTIES: Final = {company.id: company for company in (*COMPANIES, OPERATOR)}
HOUR: Final = 3600
EXAMPLES: Final = 30
"""Enough to find each of four seeded mistakes: a hold ignored, an expired reservation posted, a promise
shortened, a declaration of an earlier ownership accepted."""
MOVABLE_CLOCK: Final = """
CREATE TABLE test_clock (ahead interval NOT NULL);
INSERT INTO test_clock VALUES ('0');
GRANT SELECT, UPDATE ON test_clock TO cession_app;
CREATE OR REPLACE FUNCTION title_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT clock_timestamp() + ahead FROM public.test_clock $$;
"""

LineOf = tuple[UUID, UUID, int, int]
"""Lot, holder, quantity, step."""

pick = st.integers(0, 11)
companies = st.sampled_from(COMPANIES)
cuts = st.tuples(pick, st.integers(0, 140))
# Odd against the even steps of the clock: no reservation ends within an hour of a moment that counts.
terms = st.sampled_from([1 * HOUR, 3 * HOUR, 5 * HOUR])


class RegisterMachine(RuleBasedStateMachine):
    """Drives the register and its model side by side."""

    url: str
    runner: asyncio.Runner
    source: WorkSource

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.groups: list[tuple[list[UUID], UUID]] = []
        self.holds: list[tuple[Lot, UUID]] = []

    def run(self, act: Callable[[Work], Awaitable[Any]]) -> Any:
        """Run `act` in a unit of work; give its answer or the refusal."""

        async def once() -> Any:
            try:
                async with self.source.begin("machine", system_principal("tests")) as work:
                    return await act(work)
            except DomainError as refused:
                return refused

        return self.runner.run(once())

    def expect(self, refused: str | None, answer: Any) -> None:
        """Compare the refusal with the model's."""
        got = answer.code if isinstance(answer, DomainError) else None

        assert got == refused

    def lot(self, number: int) -> tuple[UUID, Lot]:
        """Choose a lot."""
        return list(self.model.lots.items())[number % len(self.model.lots)]

    def units(self, lot: Lot, cut: tuple[int, int]) -> Units:
        """Choose units that mostly lie in one holding, and sometimes reach over its end."""
        held = lot.held[cut[0] % len(lot.held)].units
        lo = held.lo + cut[1] // 4 % held.size
        return Units(lo, max(lo + 1, min(lo + 1 + cut[1] % 4, held.hi + (cut[1] == 0))))

    def until(self, term: int) -> datetime:
        """Give the moment `term` seconds from the database's now."""
        return datetime.now(UTC) + timedelta(seconds=self.model.now + term)

    @initialize(owner=companies, size=st.integers(12, 40))
    def begin(self, owner: Party, size: int) -> None:
        self.runner.run(self._reset())
        self.open_lot(owner, size)

    async def _reset(self) -> None:
        await execute(self.url, "SELECT reset_db(); INSERT INTO test_clock VALUES ('0')")

    @precondition(lambda self: len(self.model.lots) < 3)
    @rule(owner=companies, size=st.integers(12, 40))
    def open_lot(self, owner: Party, size: int) -> None:
        lot_id = self.run(lambda work: register.open_lot(work, size, owner))
        self.model.open(lot_id, owner.id, size)

    @rule(
        wanted=st.lists(
            st.tuples(pick, pick, st.integers(1, 5), st.sampled_from([1, 1, 2, 5])),
            min_size=1,
            max_size=2,
        ),
        buyer=companies,
        term=terms,
    )
    def reserve(self, wanted: list[Any], buyer: Party, term: int) -> None:
        self.take([self.line(*wish) for wish in wanted], buyer, term)

    def take(self, lines: list[LineOf], buyer: Party, term: int) -> bool:
        """Reserve lines; tell whether there was enough."""
        taken, short = self.model.reserve(lines)
        request = Reserve(
            uuid4(), buyer.id, self.until(term), tuple(ReserveLine(*line) for line in lines)
        )
        answer = self.run(lambda work: service.reserve(work, request))
        if short:
            assert [(s.line, s.available) for s in answer.shortages] == short
            return False
        assert [(r.line, r.lot_id, r.units) for r in answer] == taken
        for reservation in answer:
            lot = self.model.lots[reservation.lot_id]
            holder_id = lines[reservation.line][1]
            self.model.keep(
                reservation.id,
                Reserved(lot, reservation.units, holder_id, self.model.now + term),
            )
        self.groups.append(([reservation.id for reservation in answer], buyer.id))
        return True

    def line(self, number: int, holding: int, packs: int, step: int) -> LineOf:
        """Choose a lot and one of its holders; the owner of a retired holding has nothing."""
        lot_id, lot = self.lot(number)
        owner = lot.held[holding % len(lot.held)].owner or COMPANIES[0].id
        return lot_id, owner, packs * step, step

    @rule(
        wish=st.tuples(pick, pick, st.integers(1, 5)),
        buyer=companies,
        twist=st.sampled_from(
            ["none", "undeclared", "frozen", "late", "promised", "shortened", "returned"]
        ),
    )
    def sell(self, wish: tuple[int, int, int], buyer: Party, twist: str) -> None:
        """Reserve, declare and post in a row, or with the one twist that should matter."""
        line = self.line(*wish, step=1)
        if not self.take([line], buyer, 3 * HOUR):
            return
        if twist != "undeclared":
            self.declare(0)
        if twist == "frozen":
            newest = self.model.reservations[self.groups[-1][0][0]]
            self.freeze(line[0], Units(newest.units.lo, newest.units.lo + 1))
        if twist == "late":
            self.wait(4)
        if twist == "promised":
            self.extend(0, 5 * HOUR)
            self.wait(4)
        if twist == "shortened":
            self.extend(0, 1 * HOUR)
            self.wait(2)
        self.post(0)
        if twist == "returned":
            # The units come back to the seller, whose first declaration is worth nothing now.
            lot_id, seller_id, quantity, step = line
            self.sell_on((lot_id, buyer.id, quantity, step), PARTIES[seller_id], declared=True)
            self.sell_on(line, buyer, declared=False)

    def sell_on(self, line: LineOf, buyer: Party, *, declared: bool) -> None:
        """Sell without a twist."""
        if self.take([line], buyer, 5 * HOUR):
            if declared:
                self.declare(0)
            self.post(0)

    @precondition(lambda self: self.groups)
    @rule(number=pick, term=terms)
    def extend(self, number: int, term: int) -> None:
        group, _ = self.groups[-1 - number % len(self.groups)]
        until = self.until(term)
        answer = self.run(lambda work: service.extend_reservations(work, group, until))

        self.expect(self.model.extend(group, self.model.now + term), answer)

    @precondition(lambda self: self.groups)
    @rule(number=pick)
    def release(self, number: int) -> None:
        group, _ = self.groups[-1 - number % len(self.groups)]
        answer = self.run(lambda work: service.release_reservations(work, group))

        self.expect(self.model.release(group), answer)

    @precondition(lambda self: self.groups)
    @rule(hours=st.sampled_from([2, 4]))
    def wait(self, hours: int) -> None:
        self.model.now += hours * HOUR
        self.runner.run(
            execute(self.url, f"UPDATE test_clock SET ahead = '{self.model.now} seconds'")
        )

    @rule()
    def expire(self) -> None:
        self.run(service.expire_due_reservations)

    @precondition(lambda self: self.groups)
    @rule(number=pick)
    def declare(self, number: int) -> None:
        group, _ = self.groups[-1 - number % len(self.groups)]
        for reservation_id in group:
            seller = PARTIES[self.model.reservations[reservation_id].holder]
            reserved = [Reservation(reservation_id, 0, uuid4(), Units(0, 1), datetime.now(UTC))]
            refused = self.model.declare([reservation_id])
            answer = self.run(partial(register.declare, reservations=reserved, declarant=seller))

            self.expect(refused, answer)

    @precondition(lambda self: self.groups)
    @rule(number=pick)
    def post(self, number: int) -> None:
        group, buyer_id = self.groups[-1 - number % len(self.groups)]
        deal = Deal(uuid4(), OPERATOR, PARTIES[buyer_id], PARTIES, tuple(group))
        answer = self.run(lambda work: service.post_deal(work, deal))

        self.expect(self.model.post(group, buyer_id), answer)

    @rule(number=pick, holder=companies, cut=cuts)
    def retire(self, number: int, holder: Party, cut: tuple[int, int]) -> None:
        lot_id, lot = self.lot(number)
        units = self.units(lot, cut)
        retirement = Retirement(lot_id, units, holder, "migrated")
        answer = self.run(lambda work: service.retire_units(work, retirement))

        self.expect(self.model.retire(lot, units, holder.id), answer)

    @rule(number=pick, cut=cuts)
    def give_back(self, number: int, cut: tuple[int, int]) -> None:
        lot_id, lot = self.lot(number)
        units = self.units(lot, cut)
        back = Return(lot_id, units, PARTIES, "wrong metric", DOCUMENT)
        answer = self.run(lambda work: service.return_units(work, back))

        self.expect(self.model.give_back(lot, units), answer)

    @precondition(lambda self: sum(len(lot.frozen) for lot in self.model.lots.values()) < 3)
    @rule(number=pick, cut=cuts)
    def hold(self, number: int, cut: tuple[int, int]) -> None:
        lot_id, lot = self.lot(number)
        self.freeze(lot_id, self.units(lot, cut))

    def freeze(self, lot_id: UUID, units: Units) -> None:
        """Hold units."""
        lot = self.model.lots[lot_id]
        title = [held for held in lot.held if held.owner and held.units.overlaps(units)]
        answer = self.run(lambda work: register.hold(work, lot_id, units))

        self.expect(None if title else "holding.unknown", answer)
        for held, hold_id in zip(title, answer if title else (), strict=True):
            clipped = held.units.clip(units)
            assert clipped is not None
            lot.frozen[hold_id] = clipped
            self.holds.append((lot, hold_id))

    @precondition(lambda self: self.holds)
    @rule(number=pick)
    def lift(self, number: int) -> None:
        lot, hold_id = self.holds[number % len(self.holds)]
        answer = self.run(lambda work: service.lift_hold(work, hold_id, "settled", "file 1"))

        self.expect(None if lot.frozen.pop(hold_id, None) else "hold.lifted", answer)

    @invariant()
    def title_and_free_units_are_the_models(self) -> None:
        async def look(work: Work) -> Any:
            lots = list(self.model.lots)
            held = [await register.owners(work, lot_id) for lot_id in lots]
            free = [await service.available_units(work, lots, company.id) for company in COMPANIES]
            return held, free

        held, free = self.run(look)
        assert held == [[(h.units, h.owner) for h in lot.held] for lot in self.model.lots.values()]
        assert free == [
            {
                lot_id: sum(gap.size for gap in self.model.free(lot, company.id))
                for lot_id, lot in self.model.lots.items()
            }
            for company in COMPANIES
        ]

    def teardown(self) -> None:
        assert self.run(service.audit) == ()


@pytest.mark.slow
def test_any_history_is_the_models_and_leaves_the_register_whole(
    spare_database: str, cluster: Cluster
) -> None:
    superuser = cluster.superuser_url(spare_database)
    with asyncio.Runner() as runner:
        runner.run(execute(superuser, f"SET ROLE cession_owner; {MOVABLE_CLOCK}"))
        engine = make_engine(cluster.url(spare_database), 1)
        source = WorkSource(engine, SystemClock(), SystemIds(), {}, SilentDoorbell())
        parts = {"url": superuser, "runner": runner, "source": source}
        machine = type("Machine", (RegisterMachine,), parts)
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(engine.dispose())
