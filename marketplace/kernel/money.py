"""Money: integer minor units and an ISO 4217 currency. Rates are basis points, rounding is named."""

from typing import Self

import msgspec

BASIS_POINTS = 10_000


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


def share_half_up(amount_minor: int, rate_bp: int) -> int:
    """Give `amount * rate`, half a minor unit rounded away from zero (the commercial rounding of invoices)."""
    magnitude, rest = divmod(abs(amount_minor) * rate_bp, BASIS_POINTS)
    if rest * 2 >= BASIS_POINTS:
        magnitude += 1
    return magnitude if amount_minor >= 0 else -magnitude


class Money(msgspec.Struct, frozen=True):
    """An exact amount, for example `Money(2590, "EUR")` is 25.90 EUR."""

    amount_minor: int
    currency: str

    def __add__(self, other: Self) -> "Money":
        """Add; refuse a different currency."""
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Self) -> "Money":
        """Subtract; refuse a different currency."""
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        """Multiply by a whole number of things."""
        return Money(self.amount_minor * quantity, self.currency)

    def share(self, rate_bp: int) -> "Money":
        """Give the part that a rate in basis points makes, rounded half up."""
        return Money(share_half_up(self.amount_minor, rate_bp), self.currency)

    def _same_currency(self, other: "Money") -> None:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")


def total(amounts: list[Money], currency: str) -> Money:
    """Add up amounts of one currency; an empty list is zero."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result
