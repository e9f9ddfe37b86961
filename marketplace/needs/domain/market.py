"""Today's market as one company sees it: per product the cheapest price it could pay, and what it is worth.

Only prices in the currency of the marketplace are added up. A valuation in another currency is shown beside them.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, Self
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.need.prices import PriceList, PriceSource, UnitPrice
from marketplace.licensing.zones import Zone, open_zones
from marketplace.listings.domain.market import Offer
from marketplace.valuations.domain import ValueRange

_ANSWERS_KEPT: Final = 4096


class OwnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker pays for one licence, in minor units."""

    product: Product
    amount_minor: int
    currency: str


class Shopper(msgspec.Struct, frozen=True, kw_only=True):
    """Who would buy: as in a quote, its own offers, closed zones (C22) and restricted segments (C13) are left out."""

    company_id: UUID
    zone: Zone
    restricted_segments: bool = False

    def may_take(self, offer: Offer) -> bool:
        """Tell whether a quote could give this offer to the company."""
        if offer.company_id == self.company_id or (
            offer.restricted and not self.restricted_segments
        ):
            return False
        return self.zone in _zones(offer.first_sold_in, offer.first_sold_on)


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What one licence is worth: the middle of the value range, in a currency of its own."""

    mid_minor: int
    currency: str
    grade: str
    on: date


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the price of one product.

    `price` is in the currency of the market, None: not known. `free` licences are on sale to this company today, at
    that price or a higher one.
    """

    product: Product
    price: UnitPrice | None = None
    lowest_offer_minor: int | None = None
    free: int = 0
    worth: Worth | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of one day in one currency."""

    currency: str
    on: date
    products: tuple[Priced, ...] = ()

    @property
    def price_list(self) -> PriceList:
        """Give the known prices as the calculator takes them."""
        return PriceList(
            self.currency,
            {row.product.key: row.price for row in self.products if row.price is not None},
        )

    def of(self, product: Product) -> Priced:
        """Give what is known about a product; nothing, when it was not looked at."""
        found = (row for row in self.products if row.product == product)
        return next(found, Priced(product=product))

    @classmethod
    def see(cls, seen: "Seen", currency: str, on: date) -> Self:
        """Put the prices together: the asker's own, else the lowest offer, else the value in the same currency."""
        rows = tuple(_priced(product, seen, currency, on) for product in seen.products)
        return cls(currency=currency, on=on, products=rows)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about some products: offers this company may take, values, and the asker's own prices."""

    products: Sequence[Product]
    offers: Sequence[Offer] = ()
    values: Mapping[Product, ValueRange] = {}
    own: Sequence[OwnPrice] = ()


def check_own_prices(own: Sequence[OwnPrice], currency: str) -> None:
    """Refuse prices that cannot be added up.

    Raises:
        Malformed: `need.price_currency`, `need.price_twice`, pointing at each price.
    """
    foreign = [place for place, price in enumerate(own) if price.currency != currency]
    if foreign:
        raise Malformed(
            "need.price_currency",
            f"Costs are added up in {currency} here; give your prices in {currency}.",
            *(FieldProblem(f"/prices/{place}/currency", currency) for place in foreign),
        )
    products = [price.product for price in own]
    twice = [place for place, product in enumerate(products) if product in products[:place]]
    if twice:
        raise Malformed(
            "need.price_twice",
            "Give one price per product.",
            *(FieldProblem(f"/prices/{place}/product", "has a price already") for place in twice),
        )


def named_product(key: str, pointer: str) -> Product:
    """Give the product with this key.

    Raises:
        Malformed: `product.unknown`, pointing at the place.
    """
    product = load_catalogue().find_product(key)
    if product is None:
        raise Malformed(
            "product.unknown",
            "The catalogue has no such product; GET /v1/products lists them.",
            FieldProblem(pointer, "unknown product"),
        )
    return product


def _priced(product: Product, seen: Seen, currency: str, on: date) -> Priced:
    offers = [row for row in seen.offers if row.product == product and row.currency == currency]
    lowest = min((row.unit_price_minor for row in offers), default=None)
    value = seen.values.get(product)
    return Priced(
        product=product,
        price=_price(product, seen, lowest, currency, on),
        lowest_offer_minor=lowest,
        free=sum(row.available for row in offers),
        worth=None if value is None else _worth(value),
    )


def _price(
    product: Product, seen: Seen, lowest: int | None, currency: str, on: date
) -> UnitPrice | None:
    for given in seen.own:
        if given.product == product:
            return UnitPrice(given.amount_minor, PriceSource.GIVEN)
    if lowest is not None:
        return UnitPrice(lowest, PriceSource.LISTING, on)
    value = seen.values.get(product)
    if value is not None and value.currency == currency:
        return UnitPrice(value.mid_minor, PriceSource.VALUATION, value.as_of_on)
    return None


def _worth(value: ValueRange) -> Worth:
    return Worth(
        mid_minor=value.mid_minor, currency=value.currency, grade=value.grade, on=value.as_of_on
    )


@lru_cache(maxsize=_ANSWERS_KEPT)
def _zones(country: str, first_sold_on: date) -> tuple[Zone, ...]:
    return open_zones(country, first_sold_on)
