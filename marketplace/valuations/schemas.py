"""What the API takes and gives about products and their values. Amounts are per licence, net of VAT."""

from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.money import Money
from marketplace.kernel.text import END, Quantity
from marketplace.licensing.catalogue import Metric, PartNumber
from marketplace.valuations.domain import (
    NoEstimate,
    PriceKind,
    ProductFacts,
    State,
    Valuation,
    ValueRange,
)

ProductKey = Annotated[
    str,
    Meta(
        pattern=f"^[a-z0-9_]{{1,20}}-[a-z0-9]{{1,10}}-[a-z]{{1,10}}{END}",
        examples=["ws_cal-2019-user"],
        description="Product of the catalogue: family, version, metric",
    ),
]


class ValuationRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What to value."""

    product: ProductKey
    quantity: Quantity


class ListPriceOut(msgspec.Struct, frozen=True):
    """The price of a new licence that the value is measured against."""

    amount: Money
    version: Annotated[str, Meta(description="Newest version with a price that was read")]
    kind: Annotated[
        PriceKind,
        Meta(
            description="`list` = a maker's published list; `partner_list` = a reseller's table, marked up",
            examples=["list"],
        ),
    ]
    as_of_on: date
    source: str


class Inputs(msgspec.Struct, frozen=True):
    """What the value was computed from."""

    list_price: ListPriceOut
    age_years: Annotated[float, Meta(description="Since the version came out")]
    newer_versions: int
    support_years_left: Annotated[
        float | None, Meta(description="To the end of extended support; null = not known")
    ]
    log_ratio: Annotated[float, Meta(description="ln(mid / list price) by the lifecycle prior")]


class ValueOut(msgspec.Struct, frozen=True):
    """A value range per licence, net of VAT: 10 %, 50 % and 90 % points."""

    low: Money
    mid: Money
    high: Annotated[Money, Meta(description="Never above the list price")]
    grade: Annotated[
        str,
        Meta(
            description="A best to D; D = list price and lifecycle only, no trades yet",
            examples=["D"],
        ),
    ]
    method: Annotated[str, Meta(examples=["list-price-x-lifecycle-prior/1"])]
    as_of_on: date
    inputs: Inputs

    @classmethod
    def of(cls, value: ValueRange) -> Self:
        """Build from the domain value."""
        price = value.list_price
        low, mid, high = value.amounts
        return cls(
            low=low,
            mid=mid,
            high=high,
            grade=value.grade,
            method=value.method,
            as_of_on=value.as_of_on,
            inputs=Inputs(
                list_price=ListPriceOut(
                    amount=Money(price.amount_minor, price.currency),
                    version=price.version,
                    kind=price.kind,
                    as_of_on=price.as_of_on,
                    source=price.source,
                ),
                age_years=value.age_years,
                newer_versions=value.newer_versions,
                support_years_left=value.support_years_left,
                log_ratio=value.log_ratio,
            ),
        )


class ValuationOut(msgspec.Struct, frozen=True):
    """A requested valuation: a `value` once the state is `computed`, a `reason` when it is `no_estimate`."""

    id: Annotated[str, Meta(pattern=pattern("val"))]
    product: ProductKey
    quantity: Annotated[
        int, Meta(description="As asked; this method values each licence of a lot alike")
    ]
    state: State
    requested_at: datetime
    computed_at: datetime | None
    value: ValueOut | None
    reason: Annotated[
        NoEstimate | None,
        Meta(
            description="Why there is no estimate: no list price was read for this family and metric, the dates of "
            "this version are not confirmed, or it is not out yet"
        ),
    ]

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


class PartNumberOut(msgspec.Struct, frozen=True):
    """A part number that stands for exactly this product."""

    number: Annotated[str, Meta(examples=["R18-05767"])]
    programmes: Annotated[list[str], Meta(description="Every programme it can stand for")]
    segment: str | None
    pack_size: int | None

    @classmethod
    def of(cls, row: PartNumber) -> Self:
        """Build from the catalogue's row."""
        return cls(row.number, list(row.programmes), row.segment, row.pack_size)


class ProductOut(msgspec.Struct, frozen=True, kw_only=True):
    """A product that can be traded, with what sources confirm about it; null = no source read."""

    key: ProductKey
    name: Annotated[str, Meta(examples=["Windows Server 2019 User CAL"])]
    family: Annotated[str, Meta(examples=["ws_cal"])]
    version: Annotated[str, Meta(examples=["2019"])]
    metric: Metric
    start_on: Annotated[date | None, Meta(description="First day of the server version")]
    mainstream_end_on: Annotated[
        date | None, Meta(description="Last day; a CAL does not expire with support (R19)")
    ]
    extended_end_on: date | None
    paid_end_on: Annotated[date | None, Meta(description="Last day of paid security updates")]
    part_numbers: list[PartNumberOut]

    @classmethod
    def of(cls, facts: ProductFacts) -> Self:
        """Build from the domain value."""
        return cls(
            key=facts.product.key,
            name=facts.name,
            family=facts.product.family,
            version=facts.product.version,
            metric=facts.product.metric,
            start_on=facts.start_on,
            mainstream_end_on=facts.mainstream_end_on,
            extended_end_on=facts.extended_end_on,
            paid_end_on=facts.paid_end_on,
            part_numbers=[PartNumberOut.of(row) for row in facts.part_numbers],
        )


class Products(msgspec.Struct, frozen=True):
    """Every product that can be traded, by family, oldest version first."""

    items: list[ProductOut]
