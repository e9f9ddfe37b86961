"""Money: exact, of one currency, rounded half up away from zero."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.money import CurrencyMismatch, Money, share_half_up, total

AMOUNTS = st.integers(min_value=-(10**12), max_value=10**12)


class TestShare:
    @pytest.mark.parametrize(
        ("amount_minor", "rate_bp", "expected"),
        [
            (2590, 1900, 492),
            (2590, 0, 0),
            (0, 1900, 0),
            (50, 100, 1),
            (49, 100, 0),
            (-50, 100, -1),
            (-49, 100, 0),
            (100, 10_000, 100),
        ],
    )
    def test_rounds_half_away_from_zero(
        self, amount_minor: int, rate_bp: int, expected: int
    ) -> None:
        assert share_half_up(amount_minor, rate_bp) == expected

    @given(AMOUNTS, st.integers(min_value=0, max_value=20_000))
    def test_agrees_with_decimal_arithmetic(self, amount_minor: int, rate_bp: int) -> None:
        exact = Decimal(amount_minor) * Decimal(rate_bp) / Decimal(10_000)
        assert share_half_up(amount_minor, rate_bp) == int(
            exact.quantize(Decimal(1), ROUND_HALF_UP)
        )

    def test_of_money_keeps_the_currency(self) -> None:
        assert Money(2590, "EUR").share(1900) == Money(492, "EUR")


class TestArithmetic:
    def test_adds_subtracts_and_multiplies(self) -> None:
        assert Money(100, "EUR") + Money(20, "EUR") == Money(120, "EUR")
        assert Money(100, "EUR") - Money(120, "EUR") == Money(-20, "EUR")
        assert Money(2590, "EUR") * 50 == Money(129_500, "EUR")

    def test_refuses_another_currency(self) -> None:
        with pytest.raises(CurrencyMismatch, match="EUR and CHF"):
            Money(1, "EUR") + Money(1, "CHF")
        with pytest.raises(CurrencyMismatch):
            Money(1, "EUR") - Money(1, "CHF")


class TestTotal:
    def test_of_nothing_is_zero(self) -> None:
        assert total([], "EUR") == Money(0, "EUR")

    def test_refuses_a_mixture(self) -> None:
        with pytest.raises(CurrencyMismatch):
            total([Money(1, "EUR"), Money(1, "CHF")], "EUR")

    @given(st.lists(AMOUNTS))
    def test_adds_up(self, amounts: list[int]) -> None:
        assert total([Money(amount, "EUR") for amount in amounts], "EUR") == Money(
            sum(amounts), "EUR"
        )
