"""Reviews follow listings: one that ends undecided leaves the queue."""

from uuid import UUID

from marketplace.infra.work import Work
from marketplace.reviews import service
from workers.registration import Limits, effect


@effect("reviews.close", Limits(queue="light"))
async def close(work: Work, listing_id: UUID) -> None:
    """Take a listing out of the queue that ended before anybody decided."""
    await service.close_reviews(work, listing_id)
