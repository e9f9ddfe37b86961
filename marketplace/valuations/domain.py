"""The estimate: dated list price x lifecycle prior, with an honest range.

Formula (valuation reference, section 7): the log of price over list of the newest version is
`-0.30 - 0.05*age - 0.15*newer - 0.8*logistic((0.6 - years left)/0.35)`. Nothing has been learned from trades yet, so the range
is the 10-90 % range of all prior variances added up, and the grade is D: a hint, not an offer.
"""

import math
from datetime import date, datetime
from enum import StrEnum
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec

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
_DAYS_PER_YEAR: Final = 365.25


class ListPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One observed price of a new licence, net of VAT; `kind` says how near it is to the maker's list."""

    family: str
    version: str
    metric: str
    amount_minor: int
    currency: str
    kind: str
    as_of_on: date
    source: str


class Lifecycle(msgspec.Struct, frozen=True):
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


class State(StrEnum):
    """A requested valuation waits for a worker, then has a result or a reason why there is none."""

    PENDING = "pending"
    COMPUTED = "computed"
    NO_ESTIMATE = "no_estimate"


class Valuation(msgspec.Struct, frozen=True, kw_only=True):
    """A request and, once computed, its answer."""

    id: UUID
    company_id: UUID
    product: str
    quantity: int
    state: State
    requested_at: datetime
    value: ValueRange | None = None
    reason: str | None = None
    computed_at: datetime | None = None


class _PriceFile(msgspec.Struct, frozen=True):
    price: tuple[ListPrice, ...]


def load_list_prices() -> tuple[ListPrice, ...]:
    """Read the price file of this package; a malformed row stops the start."""
    text = resources.files(__package__).joinpath("data/list_prices.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_PriceFile).price


def anchor_price(
    prices: tuple[ListPrice, ...], family: str, metric: str, on: date
) -> ListPrice | None:
    """Choose the price everything is measured against: the newest version's newest price known on a day."""
    known = [
        price
        for price in prices
        if price.family == family and price.metric == metric and price.as_of_on <= on
    ]
    return max(known, key=lambda price: (price.version, price.as_of_on), default=None)


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
    """Give the value range of one licence on a day.

    `high` never exceeds the list price: a used licence for more than a new one is not a market price.
    """
    ratio = log_ratio(lifecycle, on)
    spread = _Z_90 * math.sqrt(sum(_PRIOR_VARIANCES.values()))
    end = lifecycle.support_end_on
    return ValueRange(
        low_minor=_scaled(price.amount_minor, ratio - spread),
        mid_minor=_scaled(price.amount_minor, ratio),
        high_minor=min(price.amount_minor, _scaled(price.amount_minor, ratio + spread)),
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


def _years(start: date, end: date) -> float:
    return (end - start).days / _DAYS_PER_YEAR


def _logistic(value: float) -> float:
    # Beyond 500 the exponential of a date very far away would overflow; the answer is 0 long before.
    return 1.0 / (1.0 + math.exp(min(-value, 500.0)))


def _scaled(amount_minor: int, exponent: float) -> int:
    return round(amount_minor * math.exp(exponent))
