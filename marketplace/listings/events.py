"""What this stage announces."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class ListingSubmitted(Event, frozen=True):
    """The seller wants the listing checked."""

    name: ClassVar[str] = "listing.submitted.v1"
    listing_id: UUID


class ListingPublished(Event, frozen=True):
    """The listing passed the review, its lot is open, its units can be bought."""

    name: ClassVar[str] = "listing.published.v1"
    listing_id: UUID
    lot_id: UUID


class ListingSentBack(Event, frozen=True):
    """The reviewer asks the seller for changes."""

    name: ClassVar[str] = "listing.sent_back.v1"
    listing_id: UUID


class ListingRejected(Event, frozen=True):
    """The reviewer refused the listing for good."""

    name: ClassVar[str] = "listing.rejected.v1"
    listing_id: UUID


class ListingWithdrawn(Event, frozen=True):
    """The seller took the listing back; units that were reserved stay promised."""

    name: ClassVar[str] = "listing.withdrawn.v1"
    listing_id: UUID


class ListingSoldOut(Event, frozen=True):
    """The last unit of the listing has moved to a buyer."""

    name: ClassVar[str] = "listing.sold_out.v1"
    listing_id: UUID


class ListingExpired(Event, frozen=True):
    """The listing's last day passed; units that were reserved stay promised."""

    name: ClassVar[str] = "listing.expired.v1"
    listing_id: UUID


STAGE_EVENTS = (
    ListingSubmitted,
    ListingPublished,
    ListingSentBack,
    ListingRejected,
    ListingWithdrawn,
    ListingSoldOut,
    ListingExpired,
)
