"""A source position as routes take and give it."""

from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.text import END, OptionalShortText, Quantity, ShortText
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.eligibility.positions import (
    ChainLink,
    Declared,
    FirstSeller,
    FromSaSubscription,
    Medium,
    OrderedUnit,
    PaperState,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
)
from marketplace.valuations.schemas import ProductKey

Slug = Annotated[str, Meta(pattern=f"^[a-z][a-z0-9_]{{0,39}}{END}")]
SharedQuantity = Annotated[int, Meta(ge=0, le=1_000_000, description="Number of licences")]
Identifiers = Annotated[
    dict[Slug, ShortText],
    Meta(
        max_length=8,
        description="Further numbers of the programme, for example the licence number of an Open License",
        examples=[{"licence_number": "87654321"}],
    ),
]
Country = Annotated[str, Meta(pattern=f"^([A-Z]{{2}})?{END}", max_length=2, examples=["DE"])]


class ChainLinkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One earlier transfer. Labels are yours; name an owner the same wherever it occurs, and yourself `seller`."""

    transferor: Annotated[ShortText, Meta(examples=["first"])]
    transferee: Annotated[ShortText, Meta(examples=["seller"])]
    quantity: Quantity
    transferred_on: Annotated[date | None, Meta(description="Day of the transfer")] = None
    deed: Annotated[PaperState, Meta(description="Deed or invoice of the transfer")] = (
        PaperState.MISSING
    )
    cease_use: Annotated[
        PaperState, Meta(description="The transferor's declaration that its use ended")
    ] = PaperState.MISSING
    ceased_quantity: Annotated[
        SharedQuantity, Meta(description="Licences the declaration is about")
    ] = 0
    ceased_on: Annotated[date | None, Meta(description="Day the transferor's use ended")] = None
    licence_server_removed: Annotated[
        bool, Meta(description="For RDS CALs: removed from the transferor's licence server")
    ] = False

    def to_value(self) -> ChainLink:
        """Give the link as a value."""
        return ChainLink(**{name: getattr(self, name) for name in self.__struct_fields__})

    @classmethod
    def of(cls, link: ChainLink) -> Self:
        """Write a link."""
        return cls(**{name: getattr(link, name) for name in cls.__struct_fields__})


class FromSaBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A From-SA subscription that the licences qualified for (C14)."""

    bought_on: Annotated[date | None, Meta(description="Day it was bought")] = None
    ends_on: Annotated[date | None, Meta(description="Its last day")] = None


class PositionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the seller's own agreement or invoice, and how much of it is offered.

    Whatever is left out makes a finding, never a pass.
    """

    product: ProductKey
    programme: Annotated[Slug, Meta(description="How it was bought", examples=["open_license"])]
    acquired: Quantity
    offered: Quantity
    retained: Annotated[SharedQuantity, Meta(description="Licences kept and still in use")] = 0
    sold_earlier: Annotated[
        SharedQuantity, Meta(description="Licences sold before, outside this marketplace")
    ] = 0
    agreement_number: Annotated[
        OptionalShortText,
        Meta(description="The programme's main number as printed", examples=["61234567"]),
    ] = ""
    identifiers: Identifiers = {}
    part_number: Annotated[OptionalShortText, Meta(examples=["R18-05768"])] = ""
    country: Annotated[Country, Meta(description="Country of the first sale")] = ""
    first_sold_on: Annotated[date | None, Meta(description="Date of the first sale")] = None
    first_seller: FirstSeller = FirstSeller.UNKNOWN
    free_of_charge: bool = False
    segment: Annotated[Slug, Meta(description="Price segment", examples=["commercial"])] = (
        "commercial"
    )
    term: Term = Term.UNKNOWN
    paid_in_full: bool = False
    term_end_on: Annotated[
        date | None, Meta(description="Last day of the first enrolment term")
    ] = None
    sa_ended_on: Annotated[
        date | None, Meta(description="Last day of Software Assurance, for suites")
    ] = None
    ordered_unit: OrderedUnit = OrderedUnit.LICENCE
    pack_size: Annotated[int, Meta(ge=2, le=1_000)] | None = None
    key_only: Annotated[bool, Meta(description="Only a product key is there")] = False
    purchased_version: Annotated[
        OptionalShortText, Meta(description="Version on the first order", examples=["2019"])
    ] = ""
    purchased_metric: Annotated[Metric | None, Meta(description="Metric on the first order")] = None
    metric_changed_at_sa_renewal_on: Annotated[
        date | None, Meta(description="Day of the renewal that changed the metric")
    ] = None
    sa_status: Annotated[
        SaStatus, Meta(description="Software Assurance (SA); its dates weigh more")
    ] = SaStatus.UNKNOWN
    sa_started_on: Annotated[
        date | None, Meta(description="First day of SA without a gap since then")
    ] = None
    seller_role: Annotated[
        SellerRole, Meta(description="Why the seller may dispose of the licences")
    ] = SellerRole.UNKNOWN
    first_acquirer: Annotated[
        OptionalShortText, Meta(description="Label of the first acquirer in `chain`")
    ] = ""
    chain: Annotated[
        list[ChainLinkBody],
        Meta(max_length=50, description="Earlier transfers; empty if the seller acquired first"),
    ] = []
    terms_edition: Annotated[
        OptionalShortText,
        Meta(
            description="Month of the Product Terms, `oem` or `retail`", examples=["2019-05", "oem"]
        ),
    ] = ""
    retention_covenant: Annotated[
        Declared, Meta(description="Does a contract oblige you to keep the licences?")
    ] = Declared.UNKNOWN
    from_sa_subscriptions: Annotated[
        list[FromSaBody],
        Meta(max_length=20, description="From-SA subscriptions the licences qualified for"),
    ] = []
    medium: Annotated[
        Medium, Meta(description="Original medium, card or certificate of a box or OEM pack")
    ] = Medium.UNKNOWN
    third_party_rights: Annotated[
        Declared, Meta(description="Lease, retention of title or pledge?")
    ] = Declared.UNKNOWN

    def to_value(self) -> SourcePosition:
        """Give the position as a value.

        Raises:
            Malformed: `product.unknown`.
        """
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        given["product"] = load_catalogue().product(self.product)
        given["chain"] = tuple(link.to_value() for link in self.chain)
        given["from_sa_subscriptions"] = tuple(
            FromSaSubscription(bought_on=row.bought_on, ends_on=row.ends_on)
            for row in self.from_sa_subscriptions
        )
        return SourcePosition(**given)

    @classmethod
    def of(cls, position: SourcePosition) -> Self:
        """Write a position."""
        shown = {name: getattr(position, name) for name in cls.__struct_fields__}
        shown["product"] = position.product.key
        shown["chain"] = [ChainLinkBody.of(link) for link in position.chain]
        shown["from_sa_subscriptions"] = [
            FromSaBody(bought_on=row.bought_on, ends_on=row.ends_on)
            for row in position.from_sa_subscriptions
        ]
        return cls(**shown)
