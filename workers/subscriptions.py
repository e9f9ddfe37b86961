"""What follows from a fact: the one page that says it.

A row is an event and the actors that run after it, each in the queue of its weight. An event that
nothing follows from stands in `NO_FOLLOW_UP` with the reason, so that a forgotten one is noticed.
"""

from collections.abc import Mapping
from typing import Final

from marketplace.infra.work import Subscription

SUBSCRIPTIONS: Final[Mapping[str, tuple[Subscription, ...]]] = {
    "valuation.requested.v1": (Subscription("valuations.compute"),),
    # A listing that ends undecided leaves the reviewers' queue.
    "listing.withdrawn.v1": (Subscription("reviews.close", "light"),),
    "listing.expired.v1": (Subscription("reviews.close", "light"),),
    # The contract stands: every seller is asked for its declaration.
    "order.placed.v1": (Subscription("transfers.prepare", "light"),),
    "order.cancelled.v1": (Subscription("transfers.void", "light"),),
    # Whichever comes last, the payment or the last declaration, moves the title and certifies it.
    "order.paid.v1": (Subscription("certificates.complete_order", "light"),),
    "declaration.signed.v1": (Subscription("certificates.complete_order", "light"),),
    "certificate.issued.v1": (Subscription("certificates.render", "heavy"),),
    # A need from an import is read, solved and priced by three jobs; each asks for the next.
    "need.requested.v1": (Subscription("needs.read", "heavy"),),
    "import.received.v1": (Subscription("imports.read", "heavy"),),
    # Units the register freed by its own clock go back to the catalogue.
    "register.reservations_expired.v1": (Subscription("listings.refresh_units", "light"),),
    "register.units_held.v1": (Subscription("listings.refresh_units", "light"),),
    "register.hold_lifted.v1": (Subscription("listings.refresh_units", "light"),),
    "register.units_reversed.v1": (Subscription("listings.refresh_units", "light"),),
}

NO_FOLLOW_UP: Final[Mapping[str, str]] = {
    "company.registered.v1": "staff look at the list of unverified companies",
    "company.verified.v1": "the company sees it at its next request",
    "company.verification_ended.v1": "checked at every request that trades",
    "grant.given.v1": "row level security reads the grant itself",
    "grant.revoked.v1": "row level security reads the grant itself",
    "listing.submitted.v1": "the review is opened in the same transaction",
    "listing.published.v1": "valued with all others at night and whenever the seller looks",
    "listing.sent_back.v1": "the seller reads the reasons at the listing",
    "listing.rejected.v1": "the seller reads the reasons at the listing",
    "listing.sold_out.v1": "the catalogue row changed in the same transaction",
    "review.opened.v1": "reviewers look at their queue",
    "review.decided.v1": "the listing changed in the same transaction",
    "quote.offered.v1": "it ends by the clock, see schedule.py",
    "quote.accepted.v1": "the order is placed in the same transaction",
    "quote.declined.v1": "units were released in the same transaction",
    "quote.expired.v1": "units were released in the same transaction",
    "order.fulfilled.v1": "the certificate was issued in the same transaction",
    "register.units_retired.v1": "whoever retires them refreshes the listing",
    "transfer.prepared.v1": "the seller finds it in its list of transfers",
    "transfer.posted.v1": "the certificate was issued in the same transaction",
    "transfer.voided.v1": "the register released the units with the order",
    "certificate.rendered.v1": "whoever waits polls the certificate",
    "certificate.revoked.v1": "the public page reads the status itself",
    "import.checked.v1": "whoever waits polls the import",
    "import.accepted.v1": "whoever needs its lines reads them when asked",
    "import.refused.v1": "whoever waits polls the import",
    "valuation.computed.v1": "whoever waits polls the valuation",
    "need.answered.v1": "whoever waits polls the need",
    "need.failed.v1": "whoever waits polls the need, which says why",
}
