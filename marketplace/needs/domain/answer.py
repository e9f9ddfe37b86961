"""The answer of a need as it is kept: numbers, ids and fields of sentences, no words and no names of people."""

from datetime import date
from enum import StrEnum

import msgspec

from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product
from marketplace.licensing.eligibility.findings import Finding
from marketplace.licensing.eligibility.positions import SourcePosition
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement
from marketplace.licensing.need.external import External
from marketplace.licensing.need.options import Advice, Option, OptionKind
from marketplace.needs.domain.request import Prefer


class UnitPriceSource(StrEnum):
    """What the price of a ready listing is taken from."""

    LOWEST_OFFER = "lowest_offer"
    VALUATION = "valuation"
    GIVEN = "given"


class Missing(msgspec.Struct, frozen=True):
    """Licences that are needed and not on sale today for this company."""

    product: Product
    quantity: int


class QuoteWish(msgspec.Struct, frozen=True, kw_only=True):
    """A ready quote request. `net`: what a quote made now would ask for the licences, without fee and VAT."""

    lines: tuple["QuoteWishLine", ...]
    net: Money
    restricted_segments: bool = False


class QuoteWishLine(msgspec.Struct, frozen=True):
    """So many licences of a product, or of a newer one that covers the same servers."""

    product: Product
    quantity: int


class ListingWish(msgspec.Struct, frozen=True, kw_only=True):
    """A ready listing of licences that are left over; `findings` are the conditions that are still open for it.

    `line_no` is the line of the import it comes from, None: it was told with the request.
    """

    position: SourcePosition
    unit_price: Money
    price_source: UnitPriceSource
    smallest_quantity: int
    expires_on: date
    findings: tuple[Finding, ...]
    line_no: int | None = None

    @property
    def total(self) -> Money:
        """What all of them would bring, before the seller's fee."""
        return self.unit_price * self.position.offered


class FollowUps(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done next with one request each; `missing` and `statements` say what cannot."""

    quotes: tuple[QuoteWish, ...] = ()
    listings: tuple[ListingWish, ...] = ()
    missing: tuple[Missing, ...] = ()
    statements: tuple[Statement, ...] = ()


class ProofFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked without the solver: every access is licensed, and no way can cost less than `least_minor`.

    That is the flow less what licences owned as a number are credited with. Minor units, or licences while a price is
    missing (`counts_licences`).
    """

    flow_minor: int
    owned_minor: int
    least_minor: int
    cost_minor: int
    counts_licences: bool

    @property
    def could_save_at_most_minor(self) -> int:
        """The most that a better answer could save; 0: proven least."""
        return self.cost_minor - self.least_minor


class AccessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the accesses were, how the session hosts run (RD06), and the proof. `assigned`: the option of the list."""

    users: int
    devices: int
    hosts: int
    accesses: int
    rows: int
    without_user: int
    without_device: int
    hosts_per_user: int
    hosts_per_device: int
    assigned: OptionKind
    could_save_at_most: Money | None
    proof: ProofFacts


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An answer before its follow-ups. `spare`: licences held by a name that license nothing here."""

    options: tuple[Option, ...]
    advice: Advice
    chosen: OptionKind | None
    external: External | None = None
    accesses: AccessFacts | None = None
    spare: tuple[OwnedCal, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Options with their gap, the advice, and what follows from the chosen option (None: none can be chosen)."""

    options: tuple[Option, ...]
    advice: Advice
    chosen: OptionKind | None
    external: External | None = None
    accesses: AccessFacts | None = None
    statements: tuple[Statement, ...] = ()
    follow_ups: FollowUps = FollowUps()


def chosen_option(options: tuple[Option, ...], advice: Advice, prefer: Prefer) -> Option | None:
    """Give the option the follow-ups are made for: the recommended one, or the cheapest of one kind when wished.

    While a price is missing nothing can be recommended; then only a single option is chosen, because there is no other.
    """
    if len(options) == 1:
        return options[0]
    if advice.recommended is None:
        return None
    best = next(option for option in options if option.kind is advice.recommended)
    if prefer is Prefer.LEAST_COST or best.kind is not OptionKind.MIXED:
        return best
    singles = [row for row in options if row.kind is not OptionKind.MIXED]
    return min(singles, key=_cost_minor, default=best)


def _cost_minor(option: Option) -> int:
    return option.cost.amount_minor if option.cost is not None else 0
