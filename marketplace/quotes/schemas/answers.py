"""What the API gives about quotes. Amounts are net minor units unless they say otherwise."""

from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.language import DEFAULT
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.quotes.domain.quote import Price, Quote, QuoteLine, QuoteState
from marketplace.quotes.domain.vat import REVERSE_CHARGE_WORDING, Treatment, Vat
from marketplace.quotes.schemas.environment import EnvironmentBody
from marketplace.quotes.schemas.fit import FitOut, LineFitOut
from marketplace.quotes.schemas.products import ProductOut


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
    fit: Annotated[
        LineFitOut | None,
        Meta(description="How it fits the environment described; null when none was"),
    ] = None

    @classmethod
    def of(cls, line: QuoteLine, currency: str, fit: LineFitOut | None = None) -> Self:
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
            fit=fit,
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
    environment: Annotated[
        EnvironmentBody | None, Meta(description="What the buyer described when it asked")
    ]
    fit: Annotated[
        FitOut | None, Meta(description="How the lines fit it together; null when none was")
    ]
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
    def of(cls, quote: Quote, now: datetime, language: str = DEFAULT) -> Self:
        """Build from the domain value as of `now`."""
        state = quote.state_at(now)
        fits = quote.fit.lines if quote.fit else (None,) * len(quote.lines)
        currency = quote.price.currency
        return cls(
            id=format_id("qte", quote.id),
            state=state,
            lines=[
                LineOut.of(line, currency, LineFitOut.of(fit, language) if fit else None)
                for line, fit in zip(quote.lines, fits, strict=True)
            ],
            environment=EnvironmentBody.of(quote.environment) if quote.environment else None,
            fit=FitOut.of(quote.fit, language) if quote.fit else None,
            price=PriceOut.of(quote.price),
            could_save_at_most=Money(quote.gap_minor, currency),
            offered_at=quote.offered_at,
            expires_at=quote.expires_at,
            ended_at=quote.expires_at if state is not quote.state else quote.ended_at,
        )


class QuotePage(msgspec.Struct, frozen=True):
    """Quotes, newest first."""

    items: list[QuoteOut]
    next_cursor: str | None
