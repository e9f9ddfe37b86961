"""The states of orders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, Gone
from marketplace.kernel.events import Event
from marketplace.kernel.money import Money
from marketplace.orders.domain import (
    FOLLOWING,
    Order,
    OrderState,
    cancel_unpaid,
    fulfil,
    pay,
    place,
)
from marketplace.quotes.domain.quote import QuoteState
from tests.quotes.test_quote import quote

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TERM = timedelta(days=7)
Command = Callable[[Order, datetime], tuple[Order, Event]]


def order(state: OrderState = OrderState.PLACED) -> Order:
    placed, _ = place(quote(QuoteState.ACCEPTED), UUID(int=5), TERM, NOW)
    values: dict[str, Any] = {"number": "O-2026-000001", "state": state}
    return Order(**{name: getattr(placed, name) for name in placed.__struct_fields__} | values)


def pay_exactly(placed: Order, now: datetime) -> tuple[Order, Event]:
    return pay(placed, placed.total, now)


class TestPlace:
    def test_contract_takes_lines_and_price_of_the_quote(self) -> None:
        offered = quote(QuoteState.ACCEPTED)
        placed, told = place(offered, UUID(int=5), TERM, NOW)
        assert (placed.lines, placed.price) == (offered.lines, offered.price)
        assert placed.payment_due_at == NOW + TERM
        assert placed.reservation_ids == offered.reservation_ids
        assert placed.lot_ids == offered.lot_ids
        assert (told.name, told.ids()) == ("order.placed.v1", {"order_id": str(UUID(int=5))})


class TestPay:
    def test_exact_total_pays(self) -> None:
        paid, told = pay_exactly(order(), NOW)
        assert (paid.state, paid.paid_at, paid.version) == (OrderState.PAID, NOW, 2)
        assert told.name == "order.paid.v1"

    @pytest.mark.parametrize("difference", [-1, 1])
    def test_other_amount_is_refused(self, difference: int) -> None:
        total = order().total
        with pytest.raises(Conflict) as refused:
            pay(order(), Money(total.amount_minor + difference, "EUR"), NOW)
        assert refused.value.code == "payment.amount_mismatch"
        assert str(total.amount_minor) in refused.value.detail

    def test_other_currency_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            pay(order(), Money(order().total.amount_minor, "CHF"), NOW)
        assert refused.value.code == "payment.amount_mismatch"

    def test_payment_at_the_deadline_is_too_late(self) -> None:
        pay_exactly(order(), NOW + TERM - timedelta(microseconds=1))
        with pytest.raises(Gone) as refused:
            pay_exactly(order(), NOW + TERM)
        assert refused.value.code == "order.overdue"


class TestFulfil:
    def test_paid_order_is_fulfilled(self) -> None:
        fulfilled, told = fulfil(order(OrderState.PAID), NOW)
        assert fulfilled.state is OrderState.FULFILLED
        assert told.name == "order.fulfilled.v1"

    def test_settled_dispute_is_fulfilled(self) -> None:
        assert fulfil(order(OrderState.DISPUTED), NOW)[0].state is OrderState.FULFILLED


class TestCancelUnpaid:
    def test_order_is_cancelled_from_its_deadline_on(self) -> None:
        with pytest.raises(Conflict) as refused:
            cancel_unpaid(order(), NOW + TERM - timedelta(microseconds=1))
        assert refused.value.code == "order.still_payable"
        cancelled, told = cancel_unpaid(order(), NOW + TERM)
        assert cancelled.state is OrderState.CANCELLED
        assert told.name == "order.cancelled.v1"

    def test_disputed_order_is_not_cancelled_by_the_clock(self) -> None:
        with pytest.raises(Conflict) as refused:
            cancel_unpaid(order(OrderState.DISPUTED), NOW + TERM)
        assert refused.value.code == "order.disputed"


class TestTransitions:
    @pytest.mark.parametrize(
        ("command", "target", "at"),
        [
            (pay_exactly, OrderState.PAID, NOW),
            (fulfil, OrderState.FULFILLED, NOW),
            (cancel_unpaid, OrderState.CANCELLED, NOW + TERM),
        ],
    )
    @pytest.mark.parametrize("state", list(OrderState))
    def test_command_follows_the_table(
        self, command: Command, target: OrderState, at: datetime, state: OrderState
    ) -> None:
        if target in FOLLOWING[state] and (command, state) != (cancel_unpaid, OrderState.DISPUTED):
            assert command(order(state), at)[0].state is target
        else:
            with pytest.raises(Conflict) as refused:
                command(order(state), at)
            assert refused.value.code == f"order.{state.value}"

    def test_table_is_complete_and_ends(self) -> None:
        assert set(FOLLOWING) == set(OrderState)
        assert {state for state in OrderState if not FOLLOWING[state]} == {
            OrderState.CLOSED,
            OrderState.CANCELLED,
        }
