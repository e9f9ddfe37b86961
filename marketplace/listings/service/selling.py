"""What a seller does: draft, change, check, submit, withdraw. And the clock, which ends listings."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.http.etags import require_match
from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.money import Money
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.findings import Finding, load_rules
from marketplace.licensing.eligibility.positions import SourcePosition, summarise
from marketplace.listings.domain import listing as domain
from marketplace.listings.domain.listing import Listing, State, Submission, Terms, position_key
from marketplace.listings.store import papers, selling
from marketplace.parties import service as parties
from marketplace.register import service as register
from marketplace.register.domain import Party, Retirement, free_units
from marketplace.valuations import service as valuations
from marketplace.valuations.domain import ValueRange

EXPIRE_BATCH: Final = 200
REVALUE_BATCH: Final = 1_000

log = structlog.get_logger()


class Draft(msgspec.Struct, frozen=True):
    """What a seller posts."""

    position: SourcePosition
    terms: Terms


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a seller changes in a draft; None leaves it as it is."""

    position: SourcePosition | None = None
    unit_price: Money | None = None
    smallest_quantity: int | None = None
    expires_at: datetime | None = None


async def post_listing(work: Work, draft: Draft, currency: str) -> Listing:
    """Keep a new draft of the calling company.

    Raises:
        Malformed: terms that no buyer could accept.
    """
    domain.check_offer(draft.position, draft.terms, currency, work.now)
    seller = await parties.load_company(work, work.principal.company)
    listing = Listing(
        id=work.new_id(),
        company_id=seller.id,
        state=State.DRAFT,
        version=1,
        position=draft.position,
        terms=draft.terms,
        value=_value_of(draft.position.product, work.now.date()),
        seller_country=seller.country,
        created_at=work.now,
        changed_at=work.now,
    )
    await selling.add(work.connection, listing)
    log.info("listing.drafted", listing_id=str(listing.id))
    return listing


async def load_listing(work: Work, listing_id: UUID, *, lock: bool = False) -> Listing:
    """Give a listing of the caller, or any for staff and the system.

    Raises:
        NotFound: there is none, or it is another company's.
    """
    found = await selling.find(work.connection, listing_id, lock=lock)
    if found is None:
        raise NotFound("listing.unknown", "There is no such listing, or it is not yours.")
    return found


async def load_listings(work: Work, listing_ids: list[UUID]) -> dict[UUID, Listing]:
    """Give those of the listings that the caller may see, in one statement."""
    return {row.id: row for row in await selling.find_many(work.connection, listing_ids)}


async def list_listings(work: Work, state: State | None, window: Window) -> Page[Listing]:
    """Give one page of the calling company's listings, newest first; staff see those of all companies."""
    company_id = None if work.principal.scope in ("staff", "system") else work.principal.company
    rows = await selling.list_page(work.connection, company_id, state, window)
    return page_of(rows, window.limit, lambda row: (str(row.id),))


async def change_listing(
    work: Work, listing_id: UUID, if_match: str | None, changes: Changes, currency: str
) -> Listing:
    """Change a draft, or a listing that was sent back.

    Raises:
        NotFound, PreconditionRequired, PreconditionFailed, Malformed.
        Conflict: `listing.not_editable`.
    """
    found = await load_listing(work, listing_id, lock=True)
    require_match(if_match, found.id, found.version)
    domain.require_editable(found)
    position = changes.position or found.position
    terms = Terms(
        unit_price=changes.unit_price or found.terms.unit_price,
        smallest_quantity=changes.smallest_quantity or found.terms.smallest_quantity,
        expires_at=changes.expires_at or found.terms.expires_at,
    )
    domain.check_offer(position, terms, currency, work.now)
    changed = msgspec.structs.replace(
        found,
        position=position,
        terms=terms,
        value=_value_of(position.product, work.now.date()),
        version=found.version + 1,
        changed_at=work.now,
    )
    await selling.save(work.connection, changed)
    return changed


async def check_listing(work: Work, listing_id: UUID) -> tuple[Finding, ...]:
    """Say what the conditions would find today, without submitting: so that a seller can cure it first."""
    listing = await load_listing(work, listing_id)
    findings, _ = await assess_today(work, listing)
    return findings


async def assess_today(work: Work, listing: Listing) -> tuple[tuple[Finding, ...], SourcePosition]:
    """Assess a listing as it stands today: its papers, and what the seller's other listings have taken up (C09)."""
    elsewhere = await selling.committed_elsewhere(
        work.connection, listing.company_id, position_key(listing.position), listing.id
    )
    position = msgspec.structs.replace(listing.position, offered_elsewhere=elsewhere)
    shown = await papers.list_evidence(work.connection, listing.id)
    findings = assess(position, summarise(row.kind for row in shown), work.now.date())
    return findings, position


async def submit_listing(work: Work, listing_id: UUID) -> tuple[Listing, Submission]:
    """Hand a draft over for review, with what the conditions find in it.

    Called by the reviews stage, which opens the review in the same transaction.

    Two listings of one position cannot be submitted at the same instant: the second waits and then
    sees what the first took.

    Raises:
        NotFound.
        Conflict: `listing.blocked` with the findings, `listing.not_tradable_units`,
        `listing.expired`,
            `listing.not_possible`.
    """
    found = await load_listing(work, listing_id, lock=True)
    await selling.lock_position(work.connection, found.company_id, position_key(found.position))
    findings, position = await assess_today(work, found)
    submission = Submission(
        id=work.new_id(),
        listing_id=found.id,
        position=position,
        findings=findings,
        rule_set_version=load_rules().version,
        submitted_at=work.now,
    )
    changed, event = domain.submit(found, submission, judge(findings), work.now)
    await papers.add_submission(work.connection, submission, found.company_id)
    await selling.save(work.connection, changed)
    work.announce(event)
    log.info("listing.submitted", listing_id=str(found.id))
    return changed, submission


async def withdraw_listing(work: Work, listing_id: UUID) -> Listing:
    """Take a listing off the market. Units a buyer has reserved stay promised, all others leave the register.

    Raises:
        NotFound.
        Conflict: `listing.not_possible`.
        Locked: a buyer reserved units this very moment; try again.
    """
    seen = await load_listing(work, listing_id)
    return await end_listing(work, seen, "withdraw")


async def end_listing(work: Work, seen: Listing, command: str) -> Listing:
    """Withdraw or expire: surrender the free units in the register, then end the listing.

    The register's lot is locked before the listing's row, as a purchase does it, so that the two
    cannot wait for each other.
    """
    returned = 0
    if seen.lot_id is not None and seen.state is State.PUBLISHED:
        returned = await _surrender_free_units(work, seen, seen.lot_id)
    found = await load_listing(work, seen.id, lock=True)
    decide = domain.withdraw if command == "withdraw" else domain.expire
    changed, event = decide(found, returned, work.now)
    await selling.save(work.connection, changed)
    work.announce(event)
    work.audit(f"listing.{command}", format_id("lst", found.id))
    log.info("listing.ended", listing_id=str(found.id), state=changed.state.value)
    return changed


async def expire_due_listings(work: Work) -> int:
    """Have listings ended whose time is over, each in a job of its own; give how many. Called by the clock.

    One transaction for many would lock their lots in an order of its own, and purchases lock them
    in another.
    """
    due = await selling.due_ids(work.connection, work.now, EXPIRE_BATCH)
    for listing_id in due:
        work.enqueue(
            "listings.expire",
            {"listing_id": str(listing_id)},
            queue="light",
            dedup_key=f"listings.expire:{listing_id}",
        )
    return len(due)


async def expire_listing(work: Work, listing_id: UUID) -> None:
    """End a listing whose time is over; one that has ended otherwise meanwhile stays as it is.

    Raises:
        NotFound.
        Locked: a buyer reserved units this very moment; the job tries again.
    """
    seen = await load_listing(work, listing_id)
    if domain.is_due(seen, work.now):
        await end_listing(work, seen, "expire")


async def take_back_units(work: Work, listing_id: UUID) -> None:
    """Surrender units of an ended listing that were promised when it ended and are free now.

    Raises:
        NotFound.
        Locked: as `expire_listing`.
    """
    seen = await load_listing(work, listing_id)
    if seen.lot_id is None or seen.state not in domain.ENDED_EARLY:
        return
    returned = await _surrender_free_units(work, seen, seen.lot_id)
    if returned:
        found = await load_listing(work, listing_id, lock=True)
        await selling.save(work.connection, domain.give_back(found, returned, work.now))
        log.info("listing.units_taken_back", listing_id=str(listing_id), units=returned)


def _value_of(product: Product, on: date) -> ValueRange | None:
    value = valuations.value_product(product, on)
    return value if isinstance(value, ValueRange) else None


async def revalue_listings(work: Work, after: UUID, batch_size: int = REVALUE_BATCH) -> None:
    """Value what is on sale for today, a batch at a time; another job goes on behind the last one."""
    batch = await selling.live_products(work.connection, after, batch_size)
    if not batch:
        return
    today = work.now.date()
    products = [load_catalogue().product(key) for key in sorted({key for _, key in batch})]
    values = {product: _value_of(product, today) for product in products}
    await selling.set_values(work.connection, after, batch[-1][0], values)
    log.info("listings.revalued", listings=len(batch))
    if len(batch) == batch_size:
        work.enqueue("listings.revalue_on", {"after": str(batch[-1][0])})


async def _surrender_free_units(work: Work, listing: Listing, lot_id: UUID) -> int:
    """Retire what nobody has reserved, so that the same licences can be listed again without being titled twice."""
    seller = await parties.load_company(work, listing.company_id)
    holder = Party(seller.id, seller.legal_name, seller.register_number, seller.country)
    async with work.elevated("the free units of a lot show only beside others' reservations"):
        title = await register.lot_title(work, lot_id)
    own = [row.units for row in title.holdings if row.party_id == seller.id]
    frozen = [row.units for row in title.holds if row.lifted_at is None]
    returned = 0
    for units in free_units(own, [*title.reserved, *frozen]):
        await register.retire_units(
            work, Retirement(lot_id, units, holder, "listing ended: licences taken back")
        )
        returned += units.size
    return returned
