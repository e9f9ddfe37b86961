"""States and prices of quotes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, DomainError, Gone
from marketplace.kernel.events import Event
from marketplace.licensing.catalogue import load_catalogue
from marketplace.quotes.domain.quote import (
    FOLLOWING,
    PriceTerms,
    Quote,
    QuoteLine,
    QuoteState,
    accept,
    decline,
    expire,
    price_of,
)
from marketplace.quotes.domain.vat import Taxpayer

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TERMS = PriceTerms(currency="EUR", fee_bp=500, operator_country="DE")
AT_HOME = Taxpayer("DE", None, vat_id_valid=False)
Command = Callable[[Quote, datetime], tuple[Quote, Event]]


def line(quantity: int = 10, price: int = 2590, lot: int = 7) -> QuoteLine:
    return QuoteLine(
        id=UUID(int=lot),
        asked=0,
        listing_id=UUID(int=lot + 10),
        lot_id=UUID(int=lot + 20),
        seller_id=UUID(int=lot + 30),
        product=load_catalogue().product("ws_cal-2019-user"),
        segment="commercial",
        quantity=quantity,
        unit_price_minor=price,
        amount_minor=quantity * price,
        reservation_ids=(UUID(int=lot + 40), UUID(int=lot + 50)),
    )


def quote(state: QuoteState = QuoteState.OFFERED, **changes: Any) -> Quote:
    lines = (line(), line(5, 100, 8))
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "buyer_id": UUID(int=2),
        "state": state,
        "asked": (),
        "lines": lines,
        "price": price_of(lines, TERMS, AT_HOME, NOW),
        "gap_minor": 0,
        "offered_at": NOW,
        "expires_at": NOW + timedelta(minutes=30),
    }
    return Quote(**values | changes)


class TestPriceOf:
    def test_fee_is_on_the_licences_and_vat_on_both(self) -> None:
        price = price_of((line(10, 2590),), TERMS, AT_HOME, NOW)
        assert (price.net_minor, price.fee_minor) == (25_900, 1_295)
        assert price.vat.amount_minor == 5_167
        assert price.total_minor == 25_900 + 1_295 + 5_167

    def test_half_a_cent_of_fee_is_rounded_up_once_on_the_sum(self) -> None:
        assert price_of((line(1, 5), line(1, 5, 8)), TERMS, AT_HOME, NOW).fee_minor == 1

    def test_reverse_charge_adds_no_tax(self) -> None:
        price = price_of((line(),), TERMS, Taxpayer("AT", "ATU1", vat_id_valid=True), NOW)
        assert price.total_minor == price.net_minor + price.fee_minor


class TestQuote:
    def test_lots_and_reservations_are_those_of_all_lines(self) -> None:
        assert quote().lot_ids == (UUID(int=27), UUID(int=28))
        assert len(quote().reservation_ids) == 4

    def test_offered_quote_is_over_at_its_expiry(self) -> None:
        standing = quote()
        assert (
            standing.state_at(standing.expires_at - timedelta(microseconds=1)) is QuoteState.OFFERED
        )
        assert standing.state_at(standing.expires_at) is QuoteState.EXPIRED

    def test_ended_quote_keeps_its_state(self) -> None:
        accepted = quote(QuoteState.ACCEPTED)
        assert accepted.state_at(accepted.expires_at) is QuoteState.ACCEPTED


class TestEndQuote:
    @pytest.mark.parametrize(
        ("command", "at_minute", "state", "event"),
        [
            (accept, 29, QuoteState.ACCEPTED, "quote.accepted.v1"),
            (decline, 29, QuoteState.DECLINED, "quote.declined.v1"),
            (expire, 30, QuoteState.EXPIRED, "quote.expired.v1"),
        ],
    )
    def test_offered_quote_ends_once_and_says_so(
        self, command: Command, at_minute: int, state: QuoteState, event: str
    ) -> None:
        now = NOW + timedelta(minutes=at_minute)
        ended, told = command(quote(), now)
        assert (ended.state, ended.ended_at, ended.version) == (state, now, 2)
        assert told.name == event
        assert told.ids() == {"quote_id": str(UUID(int=1))}

    @pytest.mark.parametrize("command", [accept, decline])
    def test_expired_quote_is_gone(self, command: Command) -> None:
        with pytest.raises(Gone) as refused:
            command(quote(), NOW + timedelta(minutes=30))
        assert refused.value.code == "quote.expired"

    def test_quote_does_not_expire_before_its_time(self) -> None:
        with pytest.raises(Conflict) as refused:
            expire(quote(), NOW + timedelta(minutes=29))
        assert refused.value.code == "quote.still_valid"

    @pytest.mark.parametrize("command", [accept, decline, expire])
    @pytest.mark.parametrize("state", [state for state in QuoteState if not FOLLOWING[state]])
    def test_ended_quote_stays_as_it_ended(self, command: Command, state: QuoteState) -> None:
        with pytest.raises(DomainError) as refused:
            command(quote(state), NOW)
        assert refused.value.code == f"quote.{state.value}"

    def test_table_of_states_is_complete(self) -> None:
        assert set(FOLLOWING) == set(QuoteState)
