"""A listing: what is offered on which terms, its states, and what may be done in each of them."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from marketplace.kernel.events import Event
from marketplace.kernel.money import Money
from marketplace.licensing.eligibility.conditions import Verdict
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import EvidenceKind, SourcePosition
from marketplace.licensing.texts import cure_text, finding_text
from marketplace.licensing.units import unit_of
from marketplace.listings import events
from marketplace.valuations.domain import ValueRange

RUNS_DAYS_MAX: Final = 366
"""A listing runs at most a year: prices and papers age."""
DAY_MIN: Final = date(1990, 1, 1)
"""Before the first CAL was sold."""
DAY_MAX: Final = date(2100, 12, 31)


class State(StrEnum):
    """Where a listing stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    PUBLISHED = "published"
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


EDITABLE: Final = frozenset({State.DRAFT, State.CHANGES_REQUESTED})
ENDED_EARLY: Final = frozenset({State.WITHDRAWN, State.EXPIRED})
"""Ended while the seller still held units."""
TAKES_EVIDENCE: Final = EDITABLE | {State.SUBMITTED}

TRANSITIONS: Final[dict[str, tuple[frozenset[State], State]]] = {
    "submit": (EDITABLE, State.SUBMITTED),
    "publish": (frozenset({State.SUBMITTED}), State.PUBLISHED),
    "send_back": (frozenset({State.SUBMITTED}), State.CHANGES_REQUESTED),
    "reject": (frozenset({State.SUBMITTED}), State.REJECTED),
    "withdraw": (EDITABLE | {State.SUBMITTED, State.PUBLISHED}, State.WITHDRAWN),
    "expire": (frozenset({State.SUBMITTED, State.PUBLISHED}), State.EXPIRED),
    "sell_out": (frozenset({State.PUBLISHED}), State.SOLD_OUT),
}
"""Every change of state: from where, to where. What is not here is refused."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the seller asks: price per licence, the smallest quantity sold at once, the last moment of the offer."""

    unit_price: Money
    smallest_quantity: int
    expires_at: datetime


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A seller's offer.

    `available` licences are free to be bought now; reserved ones are not among them. `committed`
    licences of the position are taken up by this listing as far as the double-sale guard is
    concerned, sold ones included. `note` is what the last reviewer told the seller; `value` what
    one licence was worth when it was last valued, None when the product cannot be valued.
    """

    id: UUID
    company_id: UUID
    state: State
    version: int
    position: SourcePosition
    terms: Terms
    seller_country: str
    created_at: datetime
    changed_at: datetime
    available: int = 0
    committed: int = 0
    lot_id: UUID | None = None
    submission_id: UUID | None = None
    note: str = ""
    value: ValueRange | None = None
    submitted_at: datetime | None = None
    published_at: datetime | None = None
    ended_at: datetime | None = None


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What was submitted and what the conditions found, as it stood then. Never changed."""

    id: UUID
    listing_id: UUID
    position: SourcePosition
    findings: tuple[Finding, ...]
    rule_set_version: str
    submitted_at: datetime


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A paper of one listing. The file is stored once by its SHA-256, however often it is shown."""

    id: UUID
    listing_id: UUID
    company_id: UUID
    kind: EvidenceKind
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    uploaded_at: datetime


def position_key(position: SourcePosition) -> str:
    """Name the source position within one company's books, for the double-sale guard (C09).

    Spelling must not open a second account of the same licences: case, spaces and dashes do not
    count. Without a part number the product takes its place.
    """
    agreement = _plain(position.agreement_number) or f"programme:{position.programme}"
    return f"{agreement}/{_plain(position.part_number) or position.product.key}"


def check_offer(position: SourcePosition, terms: Terms, currency: str, now: datetime) -> None:
    """Refuse an offer that makes no sense whatever the papers say.

    Raises:
        Malformed: `listing.currency`, `listing.expiry`, `listing.smallest_quantity`,
        `listing.date`.
    """
    if terms.unit_price.currency != currency:
        raise Malformed(
            "listing.currency",
            f"Listings are in {currency} here.",
            FieldProblem("/unit_price/currency", f"must be {currency}"),
        )
    if not now < terms.expires_at <= now + timedelta(days=RUNS_DAYS_MAX):
        raise Malformed(
            "listing.expiry",
            f"A listing ends in the future and within {RUNS_DAYS_MAX} days.",
            FieldProblem("/expires_at", "must be in the future and within a year"),
        )
    if terms.smallest_quantity > position.offered:
        raise Malformed(
            "listing.smallest_quantity",
            "The smallest quantity is larger than what is offered.",
            FieldProblem("/smallest_quantity", f"at most {position.offered}"),
        )
    for name, day in _dates_of(position):
        if day is not None and not DAY_MIN <= day <= DAY_MAX:
            raise Malformed(
                "listing.date",
                f"Dates lie between {DAY_MIN} and {DAY_MAX}.",
                FieldProblem(f"/position/{name}", f"between {DAY_MIN} and {DAY_MAX}"),
            )


def _dates_of(position: SourcePosition) -> Iterator[tuple[str, date | None]]:
    """Give every date of a position with its place in the body."""
    for name in ("first_sold_on", "term_end_on", "sa_started_on", "sa_ended_on"):
        yield name, getattr(position, name)
    for place, link in enumerate(position.chain):
        yield f"chain/{place}/transferred_on", link.transferred_on
        yield f"chain/{place}/ceased_on", link.ceased_on
    for place, row in enumerate(position.from_sa_subscriptions):
        yield f"from_sa_subscriptions/{place}/bought_on", row.bought_on
        yield f"from_sa_subscriptions/{place}/ends_on", row.ends_on
    yield "metric_changed_at_sa_renewal_on", position.metric_changed_at_sa_renewal_on


def require_editable(listing: Listing) -> None:
    """Refuse a change of a listing that somebody else already relies on."""
    if listing.state not in EDITABLE:
        raise Conflict(
            "listing.not_editable",
            f"The listing is {listing.state.value}; only drafts and listings sent back can be changed. "
            "Withdraw it and post a new one.",
        )


def require_takes_evidence(listing: Listing) -> None:
    """Refuse a paper for a listing whose review is over."""
    if listing.state not in TAKES_EVIDENCE:
        raise Conflict(
            "listing.evidence_closed",
            f"The listing is {listing.state.value}; papers are taken until the review ends.",
        )


def require_whole_units(position: SourcePosition, smallest_quantity: int) -> None:
    """Refuse quantities that are not made of tradable units (C10)."""
    unit = unit_of(position)
    wrong = [
        FieldProblem(pointer, f"a multiple of {unit.size}; nearest: {unit.round_up(quantity)}")
        for pointer, quantity in (
            ("/position/offered", position.offered),
            ("/smallest_quantity", smallest_quantity),
        )
        if not unit.fits(quantity)
    ]
    if wrong:
        raise Conflict(
            "listing.not_tradable_units",
            f"These licences are traded in units of {unit.size} ({unit.rule.name}); change the quantities."
            if unit.size
            else "State the pack size: packs are sold whole.",
            *wrong,
        )


def _blocked(findings: tuple[Finding, ...]) -> Conflict:
    """Make the refusal of a submission that findings block; it lists each of them with its cure."""
    blocking = [row for row in findings if row.outcome is Outcome.BLOCK]
    return Conflict(
        "listing.blocked",
        "These licences cannot be listed: "
        + "; ".join(row.rule_id for row in blocking)
        + ". See `errors`.",
        *(
            FieldProblem(f"/findings/{row.code}", f"{finding_text(row)} {cure_text(row)}".strip())
            for row in blocking
        ),
    )


def submit(
    listing: Listing, submission: Submission, verdict: Verdict, now: datetime
) -> tuple[Listing, Event]:
    """Hand the listing over for review.

    Raises:
        Conflict: `listing.not_possible`, `listing.expired`, `listing.blocked`,
        `listing.not_tradable_units`.
    """
    state = _next(listing, "submit")
    if listing.terms.expires_at <= now:
        raise Conflict(
            "listing.expired", "The listing's end is in the past; change `expires_at` first."
        )
    if not verdict.may_submit:
        raise _blocked(submission.findings)
    require_whole_units(listing.position, listing.terms.smallest_quantity)
    changed = msgspec.structs.replace(
        listing,
        state=state,
        submission_id=submission.id,
        submitted_at=now,
        committed=listing.position.offered,
        note="",
    )
    return _touched(changed, now), events.ListingSubmitted(listing_id=listing.id)


def publish(listing: Listing, lot_id: UUID, now: datetime) -> tuple[Listing, Event]:
    """Put the listing on sale with its open lot.

    Raises:
        Conflict: `listing.not_possible`, `listing.expired`.
    """
    state = _next(listing, "publish")
    if listing.terms.expires_at <= now:
        raise Conflict("listing.expired", "The listing ended while it was reviewed; send it back.")
    changed = msgspec.structs.replace(
        listing, state=state, lot_id=lot_id, available=listing.position.offered, published_at=now
    )
    return _touched(changed, now), events.ListingPublished(listing_id=listing.id, lot_id=lot_id)


def send_back(listing: Listing, note: str, now: datetime) -> tuple[Listing, Event]:
    """Return the listing to the seller with the reviewer's wishes; its units are free for other listings again."""
    changed = msgspec.structs.replace(
        listing, state=_next(listing, "send_back"), note=note, committed=0
    )
    return _touched(changed, now), events.ListingSentBack(listing_id=listing.id)


def reject(listing: Listing, note: str, now: datetime) -> tuple[Listing, Event]:
    """Refuse the listing for good, with the reasons."""
    changed = msgspec.structs.replace(
        listing, state=_next(listing, "reject"), note=note, committed=0, ended_at=now
    )
    return _touched(changed, now), events.ListingRejected(listing_id=listing.id)


def withdraw(listing: Listing, returned: int, now: datetime) -> tuple[Listing, Event]:
    """Take the listing off the market. `returned` licences left the register again and may be listed anew."""
    changed = _end(listing, "withdraw", returned, now)
    return changed, events.ListingWithdrawn(listing_id=listing.id)


def expire(listing: Listing, returned: int, now: datetime) -> tuple[Listing, Event]:
    """End a listing whose time is over; `returned` as in `withdraw`."""
    changed = _end(listing, "expire", returned, now)
    return changed, events.ListingExpired(listing_id=listing.id)


def is_due(listing: Listing, now: datetime) -> bool:
    """Tell whether the clock must end the listing."""
    return listing.state in TRANSITIONS["expire"][0] and listing.terms.expires_at <= now


def give_back(listing: Listing, returned: int, now: datetime) -> Listing:
    """Free more of the position of a listing that has ended: its buyer let the reservation lapse."""
    changed = msgspec.structs.replace(listing, committed=listing.committed - returned)
    return _touched(changed, now)


def _end(listing: Listing, command: str, returned: int, now: datetime) -> Listing:
    kept = listing.committed - returned if listing.lot_id else 0
    changed = msgspec.structs.replace(
        listing, state=_next(listing, command), available=0, committed=kept, ended_at=now
    )
    return _touched(changed, now)


def _next(listing: Listing, command: str) -> State:
    allowed, target = TRANSITIONS[command]
    if listing.state not in allowed:
        raise Conflict(
            "listing.not_possible",
            f"The listing is {listing.state.value}; this is possible only when it is "
            f"{' or '.join(sorted(state.value for state in allowed))}.",
        )
    return target


def _touched(listing: Listing, now: datetime) -> Listing:
    return msgspec.structs.replace(listing, version=listing.version + 1, changed_at=now)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())
