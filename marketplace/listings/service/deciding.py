"""What a review does to a listing. Only the reviews stage calls these, in the transaction of its decision."""

from uuid import UUID

import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.licensing.eligibility.findings import Finding
from marketplace.listings.domain import listing as domain
from marketplace.listings.domain.listing import Listing, Submission, position_key
from marketplace.listings.domain.market import labels_of
from marketplace.listings.service.selling import assess_today, load_listing
from marketplace.listings.store import papers, selling

log = structlog.get_logger()


async def load_submission(work: Work, submission_id: UUID) -> Submission:
    """Give what was submitted, as it stood then.

    Raises:
        NotFound.
    """
    found = await papers.find_submission(work.connection, submission_id)
    if found is None:
        raise NotFound("submission.unknown", "There is no such submission, or it is not yours.")
    return found


async def findings_of(work: Work, listing_id: UUID) -> tuple[Finding, ...]:
    """Assess a submitted listing again, today and with the papers that came since.

    Raises:
        NotFound.
    """
    findings, _ = await assess_today(work, await load_listing(work, listing_id))
    return findings


async def listed_by_others(work: Work, listing: Listing) -> list[Listing]:
    """Give listings of other companies that claim the same agreement and part number; for staff.

    One pack offered by several sellers is how it was sold several times over (domain notes 1.4).
    Positions without an agreement number name nothing in particular and are not compared.
    """
    if not listing.position.agreement_number:
        return []
    key = position_key(listing.position)
    return await selling.find_of_others(work.connection, listing.company_id, key)


async def publish_listing(
    work: Work, listing_id: UUID, lot_id: UUID, findings: tuple[Finding, ...]
) -> Listing:
    """Put an approved listing on sale; its lot was opened in the register before, in this transaction.

    `findings` are those the approval rests on; what a buyer must be told of becomes the listing's
    labels.

    Raises:
        NotFound.
        Conflict: `listing.not_possible`, `listing.expired`.
    """
    found = await load_listing(work, listing_id, lock=True)
    changed, event = domain.publish(found, lot_id, work.now)
    await selling.save(work.connection, changed, labels_of(findings))
    work.announce(event)
    log.info("listing.published", listing_id=str(listing_id), lot_id=str(lot_id))
    return changed


async def send_back_listing(work: Work, listing_id: UUID, reasons: str) -> Listing:
    """Ask the seller for changes.

    Raises:
        NotFound.
        Conflict: `listing.not_possible`.
    """
    found = await load_listing(work, listing_id, lock=True)
    changed, event = domain.send_back(found, reasons, work.now)
    await selling.save(work.connection, changed)
    work.announce(event)
    log.info("listing.sent_back", listing_id=str(listing_id))
    return changed


async def reject_listing(work: Work, listing_id: UUID, reasons: str) -> Listing:
    """Refuse a listing for good.

    Raises:
        NotFound.
        Conflict: `listing.not_possible`.
    """
    found = await load_listing(work, listing_id, lock=True)
    changed, event = domain.reject(found, reasons, work.now)
    await selling.save(work.connection, changed)
    work.announce(event)
    log.info("listing.rejected", listing_id=str(listing_id))
    return changed
