"""What one licence costs: a price, where it comes from, and the choice of the cheapest product that is priced."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Product

PRICE_MINOR_MAX: Final = 1_000_000_000
"""Minor units per licence. With the most users and devices allowed all sums of the solver stay inside 64 bits."""


class PriceSource(StrEnum):
    """Where a price was seen. `given`: the asker's own."""

    GIVEN = "given"
    LISTING = "listing"
    VALUATION = "valuation"


class UnitPrice(msgspec.Struct, frozen=True):
    """Minor units for one licence; `on` is the day the price was seen (None: as given)."""

    amount_minor: int
    source: PriceSource
    on: date | None = None


class PriceList(msgspec.Struct, frozen=True):
    """Prices by product key, all in one currency. A product that is not in it has no known price."""

    currency: str
    prices: Mapping[str, UnitPrice] = {}

    def of(self, product: Product) -> UnitPrice | None:
        """Return the price of a product or None when it is not known."""
        return self.prices.get(product.key)


class Pick(msgspec.Struct, frozen=True):
    """A product chosen for a need and its price; None: no price is known for any product that would do."""

    product: Product
    price: UnitPrice | None = None


def checked_prices(price_list: PriceList) -> PriceList:
    """Return the list when every price is usable.

    Raises:
        Malformed: `need.price_out_of_range`, pointing at each price below 0 or above `PRICE_MINOR_MAX`.
    """
    wrong = [
        FieldProblem(f"/prices/{key}", f"0 to {PRICE_MINOR_MAX} minor units")
        for key, price in price_list.prices.items()
        if not 0 <= price.amount_minor <= PRICE_MINOR_MAX
    ]
    if wrong:
        raise Malformed(
            "need.price_out_of_range",
            f"A price is from 0 to {PRICE_MINOR_MAX} minor units per licence; correct those named.",
            *wrong,
        )
    return price_list


def pick(products: Sequence[Product], price_list: PriceList) -> Pick | None:
    """Choose the cheapest priced product (the first of equals), else the first; None when there is nothing to choose.

    Products come oldest first. A product without a price is passed over while another has one: it may be cheaper,
    but nobody knows.
    """
    priced = [
        Pick(product, price)
        for product in products
        if (price := price_list.of(product)) is not None
    ]
    if priced:
        return min(priced, key=_amount)
    return Pick(products[0]) if products else None


def _amount(choice: Pick) -> int:
    return choice.price.amount_minor if choice.price is not None else 0
