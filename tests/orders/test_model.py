"""Quotes, orders and the register together against a model of one lot, in random order of steps.

Quotes and orders run out by the test's clock, which the machine moves; the register keeps its reservations by the
database's clock, which nobody moves, so what the model calls free depends on the jobs alone.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from marketplace.infra.access import Principal, system_principal
from marketplace.infra.db import make_engine
from marketplace.infra.work import SilentDoorbell, WorkSource
from marketplace.kernel.errors import DomainError
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.listings import service as listings
from marketplace.listings.domain.market import Wanted
from marketplace.orders import service as orders
from marketplace.orders.domain import FULFILMENT_TERM, OrderState
from marketplace.quotes import service as quotes
from marketplace.quotes.domain.need import Asked
from marketplace.quotes.domain.quote import PriceTerms, QuoteState
from marketplace.quotes.service import QuoteTerms
from marketplace.register import service as register
from marketplace.settlements import service as settlements
from marketplace.settlements.domain import PaymentEvidence
from tests.support.clock import CountingIds, FixedClock
from tests.support.listings import Person
from tests.support.quotes import Lot, open_trader, publish

UNITS: Final = 12
VALID: Final = timedelta(minutes=30)
TERM: Final = timedelta(days=7)
TERMS: Final = QuoteTerms(
    price=PriceTerms(currency="EUR", fee_bp=500, operator_country="DE"), valid_for=VALID
)
_HELD: Final = text(
    "SELECT r.group_id, min(a.expires_at) AS until FROM title_reservations r"
    " JOIN title_active_reservations a ON a.reservation_id = r.id GROUP BY 1"
)
T = TypeVar("T")


class World:
    """A database, a loop to reach it, a seller and two buyers; each example gets a lot of its own."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.clock = FixedClock()
        self.engine = make_engine(url, 2)
        ids = CountingIds(self.clock)
        self.source = WorkSource(self.engine, self.clock, ids, {}, SilentDoorbell())
        self.seller: Person = self.run(open_trader(self.work))
        self.buyers: list[Person] = [self.run(open_trader(self.work)) for _ in range(2)]

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run something async to its end."""
        return self.runner.run(steps)

    def work(self, principal: Principal | None = None, trace: str = "model") -> Any:
        """Open a unit of work."""
        return self.source.begin(trace, principal or system_principal("model"))

    def open_lot(self) -> Lot:
        """Publish a lot for one example."""
        return self.run(publish(self.work, self.seller, UNITS, product="ws_cal-2025-user"))

    def close_lot(self, lot: Lot) -> None:
        """Take the lot off the market, so that the next example sees its own only."""

        async def steps() -> None:
            async with self.work() as unit:
                await unit.connection.exec_driver_sql(
                    "UPDATE listings SET state = 'withdrawn', available_quantity = 0, ended_at = now()"
                    f" WHERE id = '{lot.listing_id}'"
                )

        self.run(steps())


@contextmanager
def open_world(url: str) -> Iterator[World]:
    """Give a world and close its connections."""
    with asyncio.Runner() as runner:
        world = World(runner, url)
        try:
            yield world
        finally:
            world.run(world.engine.dispose())


class KnownQuote(msgspec.Struct):
    """What the model knows of a quote and its order."""

    buyer: Person
    units: int
    expires_at: datetime
    state: QuoteState = QuoteState.OFFERED
    order_id: UUID | None = None
    order_state: OrderState | None = None
    due_at: datetime | None = None
    paid_at: datetime | None = None
    total: Money | None = None

    @property
    def holds(self) -> int:
        """Units that are reserved for it: as long as it is not declined, expired or cancelled."""
        if self.state is QuoteState.OFFERED or (
            self.state is QuoteState.ACCEPTED and self.order_state is not OrderState.CANCELLED
        ):
            return self.units
        return 0

    @property
    def held_until(self) -> datetime | None:
        """When the register gives the units back by itself; None when it has them already."""
        if self.holds == 0:
            return None
        if self.paid_at is not None:
            return self.paid_at + FULFILMENT_TERM
        return self.due_at or self.expires_at


class Trade(RuleBasedStateMachine):
    """Buyers ask, decline, accept and pay; clocks run; jobs run."""

    world: World
    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[UUID, KnownQuote] = {}

    @initialize()
    def open(self) -> None:
        self.lot = self.world.open_lot()

    def teardown(self) -> None:
        self.world.close_lot(self.lot)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @property
    def free(self) -> int:
        return UNITS - sum(one.holds for one in self.known.values())

    @rule(target=asked, buyer=st.integers(0, 1), units=st.integers(1, UNITS))
    def request(self, buyer: int, units: int) -> UUID | None:
        who = self.world.buyers[buyer]
        result = self.do(who, lambda unit: quotes.request_quote(unit, [wish(units)], TERMS))
        if units > self.free:
            assert result == "quote.insufficient_supply"
            return None
        assert not isinstance(result, str)
        assert sum(row.quantity for row in result.lines) == units
        total = Money(result.price.total_minor, "EUR")
        quote_id: UUID = result.id
        self.known[quote_id] = KnownQuote(who, units, self.now + VALID, total=total)
        return quote_id

    @rule(quote_id=asked)
    def decline(self, quote_id: UUID | None) -> None:
        if quote_id is None:
            return
        one = self.known[quote_id]
        result = self.do(one.buyer, lambda unit: quotes.decline_quote(unit, quote_id))
        if self.stands(one):
            assert not isinstance(result, str)
            one.state = QuoteState.DECLINED
        else:
            assert result == self.refusal(one)

    @rule(quote_id=asked)
    def accept(self, quote_id: UUID | None) -> None:
        if quote_id is None:
            return
        one = self.known[quote_id]
        result = self.do(one.buyer, lambda unit: orders.place_order(unit, quote_id, TERM))
        if self.stands(one):
            assert not isinstance(result, str)
            assert result.is_new
            one.state, one.order_state = QuoteState.ACCEPTED, OrderState.PLACED
            one.order_id, one.due_at = result.order.id, self.now + TERM
        elif one.state is QuoteState.ACCEPTED:
            assert not isinstance(result, str)
            assert (result.is_new, result.order.id) == (False, one.order_id)
        else:
            assert result == self.refusal(one)

    @rule(quote_id=asked, difference=st.sampled_from((0, 0, 0, 1)))
    def pay(self, quote_id: UUID | None, difference: int) -> None:
        if quote_id is None or self.known[quote_id].order_id is None:
            return
        one = self.known[quote_id]
        order_id, due_at, total = one.order_id, one.due_at, one.total
        assert order_id is not None
        assert due_at is not None
        assert total is not None
        evidence = PaymentEvidence(
            source="model",
            reference=f"{order_id}/{difference}/{self.now.isoformat()}",
            amount=Money(total.amount_minor + difference, "EUR"),
            received_on=self.now.date(),
        )
        paid_before = one.order_state is OrderState.PAID
        result = self.do(None, lambda unit: settlements.confirm_payment(unit, order_id, evidence))
        if one.order_state is OrderState.PLACED and self.now < due_at and difference == 0:
            assert not isinstance(result, str)
            one.order_state, one.paid_at = OrderState.PAID, self.now
        elif paid_before:
            assert not isinstance(result, str) or result == "order.paid"
        else:
            assert result in ("order.cancelled", "order.overdue", "payment.amount_mismatch")

    @rule(step=st.sampled_from((timedelta(minutes=7), VALID, timedelta(days=3), TERM)))
    def advance(self, step: timedelta) -> None:
        self.world.clock.advance(step)

    @rule()
    def expire(self) -> None:
        self.do(None, quotes.expire_due_quotes)
        for one in self.known.values():
            if one.state is QuoteState.OFFERED and self.now >= one.expires_at:
                one.state = QuoteState.EXPIRED

    @rule()
    def cancel(self) -> None:
        self.do(None, orders.cancel_unpaid_orders)
        for one in self.known.values():
            if one.order_state is OrderState.PLACED and one.due_at and self.now >= one.due_at:
                one.order_state = OrderState.CANCELLED

    @invariant()
    def register_catalogue_and_model_agree(self) -> None:
        if not hasattr(self, "lot"):
            return

        async def look() -> None:
            async with self.world.work() as unit:
                free = await register.available_units(unit, [self.lot.lot_id])
                assert free[self.lot.lot_id] == self.free
                offers = await listings.offers_for(unit, Wanted(products=(wished(),)))
                assert [offer.available for offer in offers] == [self.free] * bool(self.free)
                assert await register.audit(unit) == ()
                held = {row.group_id: row.until for row in await unit.connection.execute(_HELD)}
                for quote_id, one in self.known.items():
                    quote = await quotes.load_quote(unit, quote_id)
                    assert quote.state is one.state
                    assert held.get(quote_id) == one.held_until
                    if one.order_id is not None:
                        order = await orders.load_order(unit, one.order_id)
                        assert order.state is one.order_state

        self.world.run(look())

    def do(self, who: Person | None, use_case: Any) -> Any:
        """Run one use case in its own unit of work; give its result or the code of its refusal."""

        async def steps() -> Any:
            try:
                async with self.world.work(who.principal if who else None) as unit:
                    return await use_case(unit)
            except DomainError as refused:
                return refused.code

        return self.world.run(steps())

    def stands(self, one: KnownQuote) -> bool:
        return one.state is QuoteState.OFFERED and self.now < one.expires_at

    def refusal(self, one: KnownQuote) -> str:
        over = one.state is QuoteState.OFFERED
        return f"quote.{QuoteState.EXPIRED.value if over else one.state.value}"


def wish(units: int) -> Asked:
    return Asked(
        family="ws_cal", metric=Metric.USER, version="2025", quantity=units, quantity_max=units
    )


def wished() -> Any:
    return load_catalogue().product("ws_cal-2025-user")


class TestTradeAgainstModel:
    def test_any_order_of_steps_keeps_register_and_states(self, database_url: str) -> None:
        with open_world(database_url) as world:
            machine = type("TradeInWorld", (Trade,), {"world": world})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=30,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
