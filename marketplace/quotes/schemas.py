"""What the API takes and gives about quotes. Amounts are net minor units unless they say otherwise."""

from datetime import date, datetime
from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.money import Money
from marketplace.kernel.text import END, AmountMinor
from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.quotes.domain.need import Asked
from marketplace.quotes.domain.quote import Price, Quote, QuoteLine, QuoteState
from marketplace.quotes.domain.vat import REVERSE_CHARGE_WORDING, Treatment, Vat

QUANTITY_MAX: Final = 100_000
LINES_MAX: Final = 20

Family = Annotated[
    str,
    Meta(
        pattern=f"^[a-z0-9_]{{1,20}}{END}",
        examples=["ws_cal"],
        description="CAL family of the catalogue",
    ),
]
VersionText = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9 ]{{1,20}}{END}",
        examples=["2019"],
        description="Version of the catalogue",
    ),
]
LineQuantity = Annotated[
    int, Meta(ge=1, le=QUANTITY_MAX, description="Number of licences", examples=[50])
]


class QuoteRequestLine(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """Licences of a version, or for a server version: exactly one of `version` and `covers_server_version`."""

    family: Family
    metric: Metric
    quantity: LineQuantity
    version: VersionText | None = None
    covers_server_version: VersionText | None = None
    quantity_max: Annotated[
        LineQuantity | None,
        Meta(
            description="Take up to so many when packs leave no other way or it costs less; default: `quantity`"
        ),
    ] = None
    max_unit_price_minor: Annotated[
        AmountMinor | None, Meta(description="Highest net price per licence")
    ] = None
    newer_versions: Annotated[
        bool,
        Meta(description="A newer version that covers the same servers may stand in for `version`"),
    ] = True
    restricted_segments: Annotated[
        bool, Meta(description="Also take academic, government and charity licences")
    ] = False

    def to_asked(self, place: int) -> Asked:
        """Give the domain value; `place` is the index in the request."""
        most = self.quantity if self.quantity_max is None else self.quantity_max
        if most < self.quantity:
            raise Malformed(
                "quote.quantity_range",
                "`quantity_max` is at least `quantity`.",
                FieldProblem(f"/lines/{place}/quantity_max", f"at least {self.quantity}"),
            )
        return Asked(
            family=self.family,
            metric=self.metric,
            quantity=self.quantity,
            quantity_max=most,
            version=self.version,
            covers_server_version=self.covers_server_version,
            max_unit_price_minor=self.max_unit_price_minor,
            newer_versions=self.newer_versions,
            restricted_segments=self.restricted_segments,
        )


class QuoteRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the buyer needs; the country comes from its company."""

    lines: Annotated[
        tuple[QuoteRequestLine, ...],
        Meta(
            min_length=1,
            max_length=LINES_MAX,
            examples=[[{"family": "ws_cal", "version": "2019", "metric": "user", "quantity": 50}]],
        ),
    ]


class ProductOut(msgspec.Struct, frozen=True):
    """A product of the catalogue."""

    key: Annotated[str, Meta(examples=["ws_cal-2019-user"])]
    name: Annotated[str, Meta(examples=["Windows Server 2019 User CAL"])]
    family: str
    version: str
    metric: Metric

    @classmethod
    def of(cls, product: Product) -> Self:
        """Build from the domain value."""
        return cls(
            key=product.key,
            name=load_catalogue().product_name(product),
            family=product.family,
            version=product.version,
            metric=product.metric,
        )


class ReasonOut(msgspec.Struct, frozen=True):
    """Why this product is delivered for what was asked."""

    rule: Annotated[str, Meta(examples=["R02"], description="Coverage rule")]
    text: str


class LineOut(msgspec.Struct, frozen=True):
    """Licences out of one lot. `request_line` is the index of the line they answer."""

    request_line: Annotated[int, Meta(ge=0)]
    listing_id: Annotated[str, Meta(pattern=pattern("lst"))]
    lot_id: Annotated[str, Meta(pattern=pattern("lot"))]
    product: ProductOut
    segment: Annotated[str, Meta(examples=["commercial"])]
    quantity: Annotated[int, Meta(ge=1)]
    unit_price: Money
    amount: Money
    reason: ReasonOut | None
    base_needed: Annotated[
        ProductOut | None,
        Meta(
            description="Base licence (or a newer one) the same user or device needs as well (R11)"
        ),
    ]

    @classmethod
    def of(cls, line: QuoteLine, currency: str) -> Self:
        """Build from the domain value; who sells stays with the operator, it is the counterparty."""
        return cls(
            request_line=line.asked,
            listing_id=format_id("lst", line.listing_id),
            lot_id=format_id("lot", line.lot_id),
            product=ProductOut.of(line.product),
            segment=line.segment,
            quantity=line.quantity,
            unit_price=Money(line.unit_price_minor, currency),
            amount=Money(line.amount_minor, currency),
            reason=ReasonOut(line.reason.rule, line.reason.text) if line.reason else None,
            base_needed=_base_of(line.product),
        )


def _base_of(product: Product) -> ProductOut | None:
    catalogue = load_catalogue()
    needs = catalogue.family_of(product).needs
    base = catalogue.find_product(f"{needs}-{product.version}-{product.metric.value}")
    return ProductOut.of(base) if base else None


class VatOut(msgspec.Struct, frozen=True):
    """VAT as of `as_of_on`; where `confirmed` is false a local check must decide and the amount is no promise."""

    treatment: Treatment
    rule: Annotated[str, Meta(examples=["V-03"])]
    country: Annotated[str, Meta(description="Where the customer is established")]
    rate_bp: Annotated[int, Meta(ge=0, description="Basis points; 1900 is 19 %")]
    amount: Money
    confirmed: bool
    as_of_on: date
    wording_code: Annotated[
        str | None, Meta(description="Code of the words the invoice must carry")
    ]
    wording: Annotated[dict[str, str], Meta(description="Those words, by language")]

    @classmethod
    def of(cls, vat: Vat, currency: str) -> Self:
        """Build from the domain value."""
        return cls(
            treatment=vat.treatment,
            rule=vat.rule,
            country=vat.country,
            rate_bp=vat.rate_bp,
            amount=Money(vat.amount_minor, currency),
            confirmed=vat.confirmed,
            as_of_on=vat.on,
            wording_code=vat.wording_code,
            wording=dict(REVERSE_CHARGE_WORDING) if vat.wording_code else {},
        )


class PriceOut(msgspec.Struct, frozen=True):
    """What the buyer pays: `net` for the licences, `fee` of the operator, `vat` on both, `total`."""

    net: Money
    fee_bp: Annotated[int, Meta(ge=0, description="Fee in basis points of `net`, rounded half up")]
    fee: Money
    vat: VatOut
    total: Money

    @classmethod
    def of(cls, price: Price) -> Self:
        """Build from the domain value."""
        return cls(
            net=Money(price.net_minor, price.currency),
            fee_bp=price.fee_bp,
            fee=Money(price.fee_minor, price.currency),
            vat=VatOut.of(price.vat, price.currency),
            total=Money(price.total_minor, price.currency),
        )


class QuoteOut(msgspec.Struct, frozen=True):
    """A quote; its units are reserved until `expires_at` while `state` is `offered`."""

    id: Annotated[str, Meta(pattern=pattern("qte"))]
    state: QuoteState
    lines: list[LineOut]
    price: PriceOut
    could_save_at_most: Annotated[
        Money,
        Meta(
            description="Zero: proven cheapest. Else the most that a better choice of offers could save"
        ),
    ]
    offered_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, quote: Quote, now: datetime) -> Self:
        """Build from the domain value as of `now`."""
        state = quote.state_at(now)
        return cls(
            id=format_id("qte", quote.id),
            state=state,
            lines=[LineOut.of(line, quote.price.currency) for line in quote.lines],
            price=PriceOut.of(quote.price),
            could_save_at_most=Money(quote.gap_minor, quote.price.currency),
            offered_at=quote.offered_at,
            expires_at=quote.expires_at,
            ended_at=quote.expires_at if state is not quote.state else quote.ended_at,
        )


class QuotePage(msgspec.Struct, frozen=True):
    """Quotes, newest first."""

    items: list[QuoteOut]
    next_cursor: str | None
