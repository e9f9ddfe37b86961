"""What the API takes and gives about values. Amounts are minor units of the stated currency, per licence."""

from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import Quantity
from marketplace.valuations.domain import State, Valuation, ValueRange

ProductKey = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9_]{1,20}-[a-z0-9]{1,10}-[a-z]{1,10}$",
        examples=["ws_cal-2019-user"],
        description="Product of the catalogue: family, version, metric",
    ),
]


class ValuationRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What to value."""

    product: ProductKey
    quantity: Quantity


class Inputs(msgspec.Struct, frozen=True):
    """What the value was computed from."""

    list_price_minor: Annotated[
        int, Meta(ge=0, description="Price of a new licence of the newest version")
    ]
    list_price_version: str
    list_price_kind: Annotated[str, Meta(description="list, partner_list or partner_cost")]
    list_price_as_of_on: date
    list_price_source: str
    age_years: float
    newer_versions: int
    support_years_left: float | None
    log_ratio: Annotated[float, Meta(description="ln(value / list price) of the lifecycle prior")]


class ValueOut(msgspec.Struct, frozen=True):
    """A value range per licence: 10 %, 50 % and 90 % points."""

    low_minor: Annotated[int, Meta(ge=0)]
    mid_minor: Annotated[int, Meta(ge=0)]
    high_minor: Annotated[int, Meta(ge=0)]
    currency: str
    grade: Annotated[
        str, Meta(description="A best to D; D = list price and lifecycle only, no trades yet")
    ]
    method: str
    as_of_on: date
    inputs: Inputs

    @classmethod
    def of(cls, value: ValueRange) -> Self:
        """Build from the domain value."""
        price = value.list_price
        return cls(
            low_minor=value.low_minor,
            mid_minor=value.mid_minor,
            high_minor=value.high_minor,
            currency=value.currency,
            grade=value.grade,
            method=value.method,
            as_of_on=value.as_of_on,
            inputs=Inputs(
                list_price_minor=price.amount_minor,
                list_price_version=price.version,
                list_price_kind=price.kind,
                list_price_as_of_on=price.as_of_on,
                list_price_source=price.source,
                age_years=value.age_years,
                newer_versions=value.newer_versions,
                support_years_left=value.support_years_left,
                log_ratio=value.log_ratio,
            ),
        )


class ValuationOut(msgspec.Struct, frozen=True):
    """A requested valuation; `value` is there once the state is `computed`."""

    id: Annotated[str, Meta(pattern=pattern("val"))]
    product: ProductKey
    quantity: int
    state: State
    requested_at: datetime
    computed_at: datetime | None
    value: ValueOut | None
    reason: Annotated[str | None, Meta(description="Why there is no estimate")]

    @classmethod
    def of(cls, valuation: Valuation) -> Self:
        """Build from the domain value."""
        return cls(
            id=format_id("val", valuation.id),
            product=valuation.product,
            quantity=valuation.quantity,
            state=valuation.state,
            requested_at=valuation.requested_at,
            computed_at=valuation.computed_at,
            value=ValueOut.of(valuation.value) if valuation.value else None,
            reason=valuation.reason,
        )


class ValuationPage(msgspec.Struct, frozen=True):
    """Valuations, newest first."""

    items: list[ValuationOut]
    next_cursor: str | None


class ProductValueOut(msgspec.Struct, frozen=True):
    """The newest nightly value of a product."""

    product: ProductKey
    value: ValueOut


class ProductValues(msgspec.Struct, frozen=True):
    """The newest nightly value of every product that has one."""

    items: list[ProductValueOut]
