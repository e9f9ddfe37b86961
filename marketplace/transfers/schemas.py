"""What the API takes and gives about transfers. Neither side learns the other's name: the operator deals with both."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import Quantity, ShortText
from marketplace.parties.domain import Company
from marketplace.register.domain import LotTitle
from marketplace.transfers.domain import (
    Declaration,
    Disclosure,
    Signing,
    State,
    Statement,
    Transfer,
)


class DeclarationIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cease-use declaration of the owner itself, not of an agent."""

    quantity: Quantity
    use_ended_on: Annotated[
        date, Meta(description="Last day of use; on or before today (C07)", examples=["2026-11-20"])
    ]
    statements: Annotated[
        tuple[Statement, ...],
        Meta(
            description="What you declare; all are needed. Their texts: GET /v1/declaration-statements",
            max_length=20,
            examples=[[statement.value for statement in Statement]],
        ),
    ]
    signatory_name: Annotated[ShortText, Meta(examples=["Ines Albrecht"])]
    signatory_function: Annotated[ShortText, Meta(examples=["Head of IT"])]
    place: Annotated[ShortText, Meta(examples=["Hamburg"])]
    licence_servers: Annotated[
        tuple[ShortText, ...],
        Meta(max_length=50, description="RDS only: the licence servers they were removed from"),
    ] = ()
    disclosure: Annotated[
        Disclosure, Meta(description="May the buyer's paper name you, or only a reference?")
    ] = Disclosure.FULL

    def signing(self) -> Signing:
        """Give the domain value."""
        return msgspec.convert(msgspec.structs.asdict(self), Signing)


class DeclarationOut(msgspec.Struct, frozen=True):
    """A signed declaration, as the seller sees it."""

    id: Annotated[str, Meta(pattern=pattern("dcl"))]
    quantity: int
    use_ended_on: date
    statements: list[Statement]
    licence_servers: list[str]
    disclosure: Disclosure
    signatory_name: str
    signatory_function: str
    place: str
    signed_at: datetime

    @classmethod
    def of(cls, declaration: Declaration) -> Self:
        """Build from the domain value."""
        signing = declaration.signing
        return cls(
            id=format_id("dcl", declaration.id),
            quantity=signing.quantity,
            use_ended_on=signing.use_ended_on,
            statements=list(signing.statements),
            licence_servers=list(signing.licence_servers),
            disclosure=signing.disclosure,
            signatory_name=signing.signatory_name,
            signatory_function=signing.signatory_function,
            place=signing.place,
            signed_at=declaration.signed_at,
        )


class TransferOut(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as one of its sides sees it; the order is named to the buyer, the listing to the seller."""

    id: Annotated[str, Meta(pattern=pattern("trf"))]
    side: Literal["seller", "buyer", "staff"]
    state: State
    product: str
    quantity: int
    order_id: str | None
    listing_id: str | None
    lot_id: Annotated[str, Meta(pattern=pattern("lot"))]
    declared_at: datetime | None
    posted_at: datetime | None
    prepared_at: datetime
    declaration: DeclarationOut | None

    @classmethod
    def of(cls, transfer: Transfer, company_id: UUID | None) -> Self:
        """Build from the domain value for one reader; no company means staff."""
        side = _side(transfer, company_id)
        return cls(
            id=format_id("trf", transfer.id),
            side=side,
            state=transfer.state,
            product=transfer.product,
            quantity=transfer.quantity,
            order_id=None if side == "seller" else format_id("ord", transfer.order_id),
            listing_id=None if side == "buyer" else format_id("lst", transfer.listing_id),
            lot_id=format_id("lot", transfer.lot_id),
            declared_at=transfer.declared_at,
            posted_at=transfer.posted_at,
            prepared_at=transfer.prepared_at,
            declaration=DeclarationOut.of(transfer.declaration) if transfer.declaration else None,
        )


class TransferPage(msgspec.Struct, frozen=True):
    """Transfers, newest first."""

    items: list[TransferOut]
    next_cursor: str | None


class HoldingOut(msgspec.Struct, frozen=True):
    """Units `first` up to, not including, `end`, and who holds them; no holder: surrendered for good."""

    first: int
    end: int
    holder: str | None
    company_id: str | None


class TitleOut(msgspec.Struct, frozen=True, kw_only=True):
    """The register's view of a lot: its live holdings cover every unit exactly once."""

    lot_id: Annotated[str, Meta(pattern=pattern("lot"))]
    units: int
    entries: Annotated[int, Meta(description="Entries of this lot in the register")]
    whole: Annotated[bool, Meta(description="Every unit has exactly one holder (invariant I6)")]
    opened_at: datetime
    holdings: list[HoldingOut]

    @classmethod
    def of(cls, title: LotTitle, companies: Mapping[UUID, Company]) -> Self:
        """Build from the register's view and the companies in it."""
        return cls(
            lot_id=format_id("lot", title.lot_id),
            units=title.units,
            entries=title.entries,
            whole=title.is_whole,
            opened_at=title.opened_at,
            holdings=[
                HoldingOut(
                    first=holding.units.lo,
                    end=holding.units.hi,
                    holder=companies[holding.party_id].legal_name if holding.party_id else None,
                    company_id=format_id("cmp", holding.party_id) if holding.party_id else None,
                )
                for holding in title.holdings
            ],
        )


class StatementText(msgspec.Struct, frozen=True):
    """One statement and what it says."""

    statement: Statement
    text: str


class StatementTexts(msgspec.Struct, frozen=True):
    """All statements a declaration must make."""

    items: list[StatementText]


def _side(transfer: Transfer, company_id: UUID | None) -> Literal["seller", "buyer", "staff"]:
    if company_id == transfer.seller_id:
        return "seller"
    return "buyer" if company_id == transfer.buyer_id else "staff"
