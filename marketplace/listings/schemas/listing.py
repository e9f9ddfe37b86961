"""Listings as routes take and give them. Quantities are licences, prices are per licence."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.money import Money
from marketplace.kernel.text import END, CurrencyCode, Quantity
from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.licensing.units import unit_of
from marketplace.listings.domain.listing import Evidence, Listing, State, Submission, Terms
from marketplace.listings.schemas.findings import FindingOut
from marketplace.listings.schemas.position import PositionBody
from marketplace.listings.service import Changes, Draft
from marketplace.valuations.domain import ValueRange
from marketplace.valuations.schemas import ProductKey

ListingText = Annotated[str, Meta(pattern=pattern("lst"), description="Listing")]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price of one licence, net."""

    amount_minor: Annotated[
        int, Meta(ge=1, le=10_000_000_000, description="Minor units (cents)", examples=[1890])
    ]
    currency: CurrencyCode

    def to_value(self) -> Money:
        """Give the amount as a value."""
        return Money(self.amount_minor, self.currency)


class ListingDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new listing."""

    position: PositionBody
    unit_price: Price
    smallest_quantity: Annotated[Quantity, Meta(description="Fewest licences sold at once")]
    expires_at: Annotated[datetime, Meta(tz=True, description="Last moment of the offer")]

    def to_value(self) -> Draft:
        """Give the draft as a value."""
        terms = Terms(
            unit_price=self.unit_price.to_value(),
            smallest_quantity=self.smallest_quantity,
            expires_at=self.expires_at,
        )
        return Draft(self.position.to_value(), terms)


class ListingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; fields left out stay. A position is replaced whole."""

    position: PositionBody | UnsetType = UNSET
    unit_price: Price | UnsetType = UNSET
    smallest_quantity: Quantity | UnsetType = UNSET
    expires_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET

    def to_value(self) -> Changes:
        """Give the change as a value."""
        return Changes(
            position=self.position.to_value() if self.position is not UNSET else None,
            unit_price=self.unit_price.to_value() if self.unit_price is not UNSET else None,
            smallest_quantity=self.smallest_quantity
            if self.smallest_quantity is not UNSET
            else None,
            expires_at=self.expires_at if self.expires_at is not UNSET else None,
        )


class EvidenceOut(msgspec.Struct, frozen=True, kw_only=True):
    """A paper of a listing."""

    id: Annotated[str, Meta(pattern=pattern("evi"))]
    kind: EvidenceKind
    file_name: str
    media_type: str
    size_bytes: int
    sha256: Annotated[str, Meta(pattern=f"^[0-9a-f]{{64}}{END}")]
    uploaded_at: datetime

    @classmethod
    def of(cls, paper: Evidence) -> Self:
        """Write a paper."""
        return cls(
            id=format_id("evi", paper.id),
            kind=paper.kind,
            file_name=paper.file_name,
            media_type=paper.media_type,
            size_bytes=paper.size_bytes,
            sha256=paper.sha256,
            uploaded_at=paper.uploaded_at,
        )


class EvidenceList(msgspec.Struct, frozen=True):
    """The papers of a listing, oldest first."""

    items: list[EvidenceOut]


class ListingValue(msgspec.Struct, frozen=True, kw_only=True):
    """What one licence is worth: 10 %, 50 % and 90 % points."""

    low: Money
    mid: Money
    high: Money
    grade: str
    method: str
    as_of_on: date

    @classmethod
    def of(cls, value: ValueRange) -> Self:
        """Write a value."""
        low, mid, high = value.amounts
        grade, method, day = value.grade, value.method, value.as_of_on
        return cls(low=low, mid=mid, high=high, grade=grade, method=method, as_of_on=day)


class ListingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A listing as its seller and the operator see it."""

    id: ListingText
    company_id: Annotated[str, Meta(pattern=pattern("cmp"))]
    state: State
    product_name: str
    position: PositionBody
    unit_price: Price
    smallest_quantity: int
    unit_size: Annotated[int, Meta(description="Licences are sold in multiples of this (C10)")]
    expires_at: datetime
    available_quantity: Annotated[int, Meta(description="Licences free to be bought now")]
    lot_id: Annotated[str | None, Meta(description="Its lot in the register, once approved")]
    note: Annotated[str, Meta(description="What the reviewer wrote to the seller")]
    created_at: datetime
    changed_at: datetime
    submitted_at: datetime | None
    published_at: datetime | None
    ended_at: datetime | None
    value: Annotated[ListingValue | None, Meta(description="None: this product cannot be valued")]

    @classmethod
    def of(cls, listing: Listing) -> Self:
        """Write a listing."""
        return cls(**_shown(listing))


class ListingDetail(ListingOut, frozen=True, kw_only=True):
    """A listing with what its last submission found and its papers."""

    findings: Annotated[
        list[FindingOut], Meta(description="Of the last submission; empty before the first")
    ]
    evidence: list[EvidenceOut]

    @classmethod
    def whole(
        cls, listing: Listing, submission: Submission | None, papers: Sequence[Evidence]
    ) -> Self:
        """Write a listing with everything that belongs to it."""
        return cls(
            **_shown(listing),
            findings=[FindingOut.of(row) for row in submission.findings] if submission else [],
            evidence=[EvidenceOut.of(row) for row in papers],
        )


class ListingPage(msgspec.Struct, frozen=True):
    """Listings, newest first."""

    items: list[ListingOut]
    next_cursor: str | None


class FirstSaleOut(msgspec.Struct, frozen=True):
    """Where and when the rightholder or its partner first sold the licences; zones follow from it (C02)."""

    country: str
    year: int


class SellerOut(msgspec.Struct, frozen=True):
    """The seller, masked."""

    country: str


class CatalogueListing(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may know about a listing that is on sale."""

    id: ListingText
    product: ProductKey
    product_name: str
    family: str
    version: str
    metric: Metric
    programme: str
    segment: str
    restricted: Annotated[
        bool, Meta(description="Academic, government or charity provenance: its own order book")
    ]
    first_sale: FirstSaleOut
    seller: SellerOut
    available_quantity: int
    smallest_quantity: int
    unit_size: int
    unit_price: Price
    labels: Annotated[
        list[str],
        Meta(description="Codes of findings a buyer must know of", examples=[["c10.split"]]),
    ]
    published_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """Write a row of the public catalogue."""
        product, name = _NAMES[(row.family, row.cal_version, row.metric)]
        return cls(
            id=format_id("lst", row.id),
            product=product.key,
            product_name=name,
            family=row.family,
            version=row.cal_version,
            metric=product.metric,
            programme=row.programme,
            segment=row.segment,
            restricted=row.restricted,
            first_sale=FirstSaleOut(row.first_sold_in, row.first_sold_year),
            seller=SellerOut(row.seller_country),
            available_quantity=row.available_quantity,
            smallest_quantity=row.smallest_quantity,
            unit_size=row.unit_size,
            unit_price=Price(row.unit_price_minor, row.currency),
            labels=row.labels,
            published_at=row.published_at,
            expires_at=row.expires_at,
        )


class CataloguePage(msgspec.Struct, frozen=True):
    """Listings on sale, the cheapest first.

    With `min_quantity` a page may hold fewer than `limit` listings, even none, although
    `next_cursor` says that the search goes on: one request looks at 2,000 listings at most.
    """

    items: list[CatalogueListing]
    next_cursor: str | None


_NAMES: dict[tuple[str, str, str], tuple[Product, str]] = {
    (row.family, row.version, row.metric.value): (row, load_catalogue().product_name(row))
    for row in load_catalogue().products.values()
}


def _shown(listing: Listing) -> dict[str, Any]:
    position, terms = listing.position, listing.terms
    return {
        "id": format_id("lst", listing.id),
        "company_id": format_id("cmp", listing.company_id),
        "state": listing.state,
        "product_name": load_catalogue().product_name(position.product),
        "position": PositionBody.of(position),
        "unit_price": Price(terms.unit_price.amount_minor, terms.unit_price.currency),
        "smallest_quantity": terms.smallest_quantity,
        "unit_size": unit_of(position).size,
        "expires_at": terms.expires_at,
        "available_quantity": listing.available,
        "lot_id": None if listing.lot_id is None else format_id("lot", listing.lot_id),
        "note": listing.note,
        "created_at": listing.created_at,
        "changed_at": listing.changed_at,
        "submitted_at": listing.submitted_at,
        "published_at": listing.published_at,
        "ended_at": listing.ended_at,
        "value": None if listing.value is None else ListingValue.of(listing.value),
    }
