"""Requests that are ready to be sent: the bodies are those of the routes themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.texts import sentence
from marketplace.listings.schemas import FindingOut, ListingDraft, PositionBody
from marketplace.listings.schemas.listing import Price
from marketplace.needs.domain.answer import FollowUps, ListingWish, QuoteWish, UnitPriceSource
from marketplace.quotes.schemas import QuoteRequest, QuoteRequestLine

FollowUpKind = Literal["request_quote", "post_listing"]


class FollowUpOut(msgspec.Struct, frozen=True, kw_only=True):
    """One request that can be sent as it is. Trading needs a verified company."""

    kind: FollowUpKind
    method: Literal["POST"]
    href: Literal["/v1/quotes", "/v1/listings"]
    body: Annotated[dict[str, Any], Meta(description="The body of that route")]
    summary: str
    total: Annotated[
        Money, Meta(description="For the licences, without fees and VAT, at today's offers")
    ]
    price_source: Annotated[
        UnitPriceSource | None, Meta(description="Where the price of a listing is taken from")
    ]
    open_findings: Annotated[
        list[FindingOut], Meta(description="What a listing still lacks, and what cures it")
    ]
    import_line: Annotated[
        int | None, Meta(description="Line of the import that a listing is made from")
    ]

    @classmethod
    def to_quote(cls, wish: QuoteWish, language: str) -> Self:
        """Write a quote request."""
        request = QuoteRequest(
            lines=tuple(
                QuoteRequestLine(
                    family=line.product.family,
                    metric=line.product.metric,
                    version=line.product.version,
                    quantity=line.quantity,
                    restricted_segments=wish.restricted_segments,
                )
                for line in wish.lines
            )
        )
        names = [f"{row.quantity} \u00d7 {_name(row.product)}" for row in wish.lines]
        return cls(
            kind="request_quote",
            method="POST",
            href="/v1/quotes",
            body=_plain(request),
            summary=_say("request_quote", {"products": ", ".join(names)}, language),
            total=wish.net,
            price_source=None,
            open_findings=[],
            import_line=None,
        )

    @classmethod
    def to_listing(cls, wish: ListingWish, language: str) -> Self:
        """Write a listing."""
        draft = ListingDraft(
            position=PositionBody.of(wish.position),
            unit_price=Price(wish.unit_price.amount_minor, wish.unit_price.currency),
            smallest_quantity=wish.smallest_quantity,
            expires_at=datetime.combine(wish.expires_on, time.min, UTC),
        )
        params: dict[str, str | int] = {
            "quantity": wish.position.offered,
            "product": _name(wish.position.product),
        }
        return cls(
            kind="post_listing",
            method="POST",
            href="/v1/listings",
            body=_plain(draft),
            summary=_say("post_listing", params, language),
            total=wish.total,
            price_source=wish.price_source,
            open_findings=[FindingOut.of(row, language) for row in wish.findings],
            import_line=wish.line_no,
        )


def follow_ups_of(follow_ups: FollowUps, language: str) -> list[FollowUpOut]:
    """Write all of them, buying first."""
    return [
        *(FollowUpOut.to_quote(row, language) for row in follow_ups.quotes),
        *(FollowUpOut.to_listing(row, language) for row in follow_ups.listings),
    ]


def _plain(body: QuoteRequest | ListingDraft) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(body)
    return plain


def _name(product: Product) -> str:
    return load_catalogue().product_name(product)


def _say(key: str, params: Mapping[str, str | int], language: str) -> str:
    return sentence(f"need_answer.{key}", params, language)
