"""The estimate: dated list price x lifecycle prior, with an honest range. Pure.

Formula (valuation reference, section 7): the log of price over list of the newest version is
`-0.30 - 0.05*age - 0.15*newer - 0.8*logistic((0.6 - years left)/0.35)`. Nothing has been learned from trades yet, so
the range is the 10-90 % range of all prior variances added up, and the grade is D: a hint, not an offer.
"""

import math
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from importlib import resources
from typing import Final, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Catalogue, PartNumber, Product

METHOD: Final = "list-price-x-lifecycle-prior/1"
GRADE: Final = "D"

_INTERCEPT: Final = -0.30
_PER_YEAR_OF_AGE: Final = -0.05
_PER_NEWER_VERSION: Final = -0.15
_CLIFF_DEPTH: Final = -0.8
_CLIFF_AT_YEARS: Final = 0.6
_CLIFF_WIDTH_YEARS: Final = 0.35
_PRIOR_VARIANCES: Final = {
    "market": 0.5,
    "version": 0.3,
    "family": 0.1,
    "family_in_version": 0.05,
    "programme": 0.04,
    "metric": 0.02,
    "region": 0.02,
    "product": 0.0103,
    "trade_noise": 0.0099,
}
_Z_90: Final = 1.2815515655446004
"""90 % point of the normal distribution: 10 % of prices are expected below `low`, 10 % above `high`."""
SPREAD: Final = _Z_90 * math.sqrt(sum(_PRIOR_VARIANCES.values()))
"""Half the width of the range, in logs: 1.313, a factor of 3.7 either way."""
_DAYS_PER_YEAR: Final = 365.25


PriceKind = Literal["list", "partner_list"]
"""A maker's published list, or a reseller's table with its mark-up."""


class ListPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One observed price of a new licence, net of VAT; `kind` says how near it is to the maker's list."""

    family: str
    version: str
    metric: str
    amount_minor: int
    currency: str
    kind: PriceKind
    as_of_on: date
    source: str


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version stands: first day, last day of extended support if known, and how many are newer."""

    start_on: date
    support_end_on: date | None
    newer: int


class ValueRange(msgspec.Struct, frozen=True, kw_only=True):
    """Value per licence: 10 %, 50 % and 90 % points, in minor units, with everything that led to it."""

    low_minor: int
    mid_minor: int
    high_minor: int
    currency: str
    grade: str
    method: str
    as_of_on: date
    list_price: ListPrice
    age_years: float
    newer_versions: int
    support_years_left: float | None
    log_ratio: float

    @property
    def amounts(self) -> tuple[Money, Money, Money]:
        """Give low, middle and high as money."""
        points = (self.low_minor, self.mid_minor, self.high_minor)
        low, mid, high = (Money(point, self.currency) for point in points)
        return low, mid, high


class NoEstimate(StrEnum):
    """Why there is no value: the house says nothing rather than guess."""

    NO_LIST_PRICE = "no_list_price"
    DATES_UNKNOWN = "dates_unknown"
    NOT_RELEASED = "not_released"


class State(StrEnum):
    """A requested valuation waits for a worker, then has a result or a reason why there is none."""

    PENDING = "pending"
    COMPUTED = "computed"
    NO_ESTIMATE = "no_estimate"


class Valuation(msgspec.Struct, frozen=True, kw_only=True):
    """A request and, once computed, its answer: a value or the reason why there is none."""

    id: UUID
    company_id: UUID
    product: str
    quantity: int
    state: State
    requested_at: datetime
    value: ValueRange | None = None
    reason: NoEstimate | None = None
    computed_at: datetime | None = None

    @property
    def version(self) -> int:
        """Give the version for the ETag: a valuation changes once, when it is answered."""
        return 1 if self.state is State.PENDING else 2


class ProductFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue knows about a product, confirmed facts only; a date that no source states is None."""

    product: Product
    name: str
    start_on: date | None = None
    mainstream_end_on: date | None = None
    extended_end_on: date | None = None
    paid_end_on: date | None = None
    part_numbers: tuple[PartNumber, ...] = ()


class _PriceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: tuple[ListPrice, ...]


def load_list_prices() -> tuple[ListPrice, ...]:
    """Read the price file of this package; a malformed row stops the start."""
    text = resources.files(__package__).joinpath("data/list_prices.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_PriceFile).price


def facts_of(catalogue: Catalogue, product: Product) -> ProductFacts:
    """Give the confirmed facts of a product.

    A CAL that two servers share (2012 and 2012 R2, R03) starts with the first of them and lives as long as the last.
    """
    family = catalogue.family_of(product)
    lives = [
        server.lifecycle
        for server in catalogue.servers_of(family)
        if server.cal_version == product.version and server.confirmed and server.lifecycle
    ]
    return ProductFacts(
        product=product,
        name=catalogue.product_name(product),
        start_on=min((life.start_on for life in lives), default=None),
        mainstream_end_on=lives[-1].mainstream_end_on if lives else None,
        extended_end_on=lives[-1].extended_end_on if lives else None,
        paid_end_on=lives[-1].paid_end_on if lives else None,
        part_numbers=tuple(
            row
            for _, row in sorted(catalogue.part_numbers.items())
            if row.confirmed
            and row.tradable
            and (row.family, row.version, row.metric)
            == (product.family, product.version, product.metric)
        ),
    )


def value_product(
    catalogue: Catalogue, prices: Sequence[ListPrice], product: Product, on: date
) -> ValueRange | NoEstimate:
    """Value one licence of a product on a day, or say why that cannot be done."""
    price = anchor_price(catalogue, prices, product, on)
    if price is None:
        return NoEstimate.NO_LIST_PRICE
    facts = facts_of(catalogue, product)
    if facts.start_on is None:
        return NoEstimate.DATES_UNKNOWN
    if on < facts.start_on:
        return NoEstimate.NOT_RELEASED
    life = Lifecycle(
        start_on=facts.start_on,
        support_end_on=facts.extended_end_on,
        newer=catalogue.newer_versions(product, on),
    )
    return estimate(price, life, on)


def anchor_price(
    catalogue: Catalogue, prices: Sequence[ListPrice], product: Product, on: date
) -> ListPrice | None:
    """Choose the price everything is measured against: the newest version's newest price known on a day."""
    releases = catalogue.cal_versions[catalogue.family_of(product).line]
    known = [
        price
        for price in prices
        if (price.family, price.metric) == (product.family, product.metric) and price.as_of_on <= on
    ]
    return max(
        known, key=lambda price: (releases.index(price.version), price.as_of_on), default=None
    )


def log_ratio(lifecycle: Lifecycle, on: date) -> float:
    """Give the prior of ln(price / list) on a day; a version without a known support end has no cliff."""
    ratio = _INTERCEPT
    ratio += _PER_YEAR_OF_AGE * _years(lifecycle.start_on, on)
    ratio += _PER_NEWER_VERSION * lifecycle.newer
    if lifecycle.support_end_on is not None:
        left = _years(on, lifecycle.support_end_on)
        ratio += _CLIFF_DEPTH * _logistic((_CLIFF_AT_YEARS - left) / _CLIFF_WIDTH_YEARS)
    return ratio


def estimate(price: ListPrice, lifecycle: Lifecycle, on: date) -> ValueRange:
    """Give the value range of one licence of a released version on a day.

    `high` never exceeds the list price: a used licence for more than a new one is not a market price.
    """
    ratio = log_ratio(lifecycle, on)
    end = lifecycle.support_end_on
    return ValueRange(
        low_minor=_scaled(price.amount_minor, ratio - SPREAD),
        mid_minor=_scaled(price.amount_minor, ratio),
        high_minor=min(price.amount_minor, _scaled(price.amount_minor, ratio + SPREAD)),
        currency=price.currency,
        grade=GRADE,
        method=METHOD,
        as_of_on=on,
        list_price=price,
        age_years=round(_years(lifecycle.start_on, on), 2),
        newer_versions=lifecycle.newer,
        support_years_left=round(_years(on, end), 2) if end else None,
        log_ratio=round(ratio, 4),
    )


def answer(valuation: Valuation, value: ValueRange | NoEstimate, now: datetime) -> Valuation:
    """Answer a request once; one that has its answer stays as it is."""
    if valuation.state is not State.PENDING:
        return valuation
    if isinstance(value, NoEstimate):
        return msgspec.structs.replace(
            valuation, state=State.NO_ESTIMATE, reason=value, computed_at=now
        )
    return msgspec.structs.replace(valuation, state=State.COMPUTED, value=value, computed_at=now)


def _years(start: date, end: date) -> float:
    return (end - start).days / _DAYS_PER_YEAR


def _logistic(value: float) -> float:
    # Beyond 500 the exponential of a date very far away would overflow; the answer is 0 long before.
    return 1.0 / (1.0 + math.exp(min(-value, 500.0)))


def _scaled(amount_minor: int, exponent: float) -> int:
    """Scale to the nearest minor unit, half up."""
    return math.floor(amount_minor * math.exp(exponent) + 0.5)
