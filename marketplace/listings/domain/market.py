"""The market side: what may be looked for, and what is offered to a buyer."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Metric, Product
from marketplace.licensing.eligibility.findings import Finding, Outcome

LABEL_CODES: Final = frozenset(
    {
        "c02.limited_zones",
        "c10.split",
        "c10.split_clause",
        "c10.licence_server_rest",
        "c13.restricted",
        "c21.sold_without_sa",
    }
)
"""Findings a buyer must be told of before it buys (OLG Hamburg 5 W 36/16); all others stay
between seller and reviewer."""

CANDIDATES_MAX: Final = 2_000
"""Listings one page looks at when it must skip those that are too small, so that no search can be made expensive."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer would take: any of the products, at most `offers_max` offers of them."""

    products: tuple[Product, ...]
    offers_max: int = 500


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A published listing as a quote needs it: where the units are, how many are free, on which terms.

    `available` licences are free now, in multiples of `unit_size`; `first_sold_in` and
    `first_sold_on` decide the buyer's zone (C22). A listing is always split down to
    `smallest_quantity`, never below. `restricted` lots trade in their own order book.
    """

    listing_id: UUID
    lot_id: UUID
    company_id: UUID
    product: Product
    available: int
    unit_price_minor: int
    currency: str
    smallest_quantity: int
    unit_size: int
    programme: str
    segment: str
    restricted: bool
    first_sold_in: str
    first_sold_on: date


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of the public catalogue; None does not filter. Version and metric mean something only within a family."""

    family: str | None = None
    version: str | None = None
    metric: Metric | None = None
    country: str | None = None
    min_quantity: int | None = None
    max_price_minor: int | None = None


def check_search(search: Search) -> None:
    """Refuse a version or metric without its family.

    Raises:
        Malformed: `catalogue.family_missing`.
    """
    if search.family is None and (search.version is not None or search.metric is not None):
        raise Malformed(
            "catalogue.family_missing",
            "Name the product family as well: versions and metrics belong to a family.",
            FieldProblem("/query/family", "needed with version and metric"),
        )


def labels_of(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Give the codes a buyer must see, sorted; they carry no number and no name of the seller."""
    shown = {Outcome.RESTRICT, Outcome.WARN}
    return tuple(
        sorted({row.code for row in findings if row.code in LABEL_CODES and row.outcome in shown})
    )
