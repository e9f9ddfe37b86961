"""What this stage announces."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class ReviewOpened(Event, frozen=True):
    """A submitted listing waits for a decision."""

    name: ClassVar[str] = "review.opened.v1"
    review_id: UUID
    listing_id: UUID


class ReviewDecided(Event, frozen=True):
    """Staff decided; what became of the listing is the listing's own event."""

    name: ClassVar[str] = "review.decided.v1"
    review_id: UUID
    listing_id: UUID


STAGE_EVENTS = (ReviewOpened, ReviewDecided)
