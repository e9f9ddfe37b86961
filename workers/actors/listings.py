"""Listings follow the register's movements and the clock."""

from typing import Final
from uuid import UUID

from marketplace.infra.work import Work
from marketplace.listings import service
from workers.registration import Limits, effect

_FIRST: Final = UUID(int=0)


@effect("listings.expire_due", Limits(queue="default"))
async def expire_due(work: Work) -> None:
    """Find listings whose time is over."""
    await service.expire_due_listings(work)


@effect("listings.expire", Limits(queue="light"))
async def expire(work: Work, listing_id: UUID) -> None:
    """End a listing whose time is over."""
    await service.expire_listing(work, listing_id)


@effect("listings.take_back", Limits(queue="light"))
async def take_back(work: Work, listing_id: UUID) -> None:
    """Take units of an ended listing out of the register that a buyer has let go."""
    await service.take_back_units(work, listing_id)


@effect("listings.refresh_units", Limits(queue="light"))
async def refresh_units(work: Work, lot_id: UUID) -> None:
    """Show how many licences of a lot are free after the register freed, froze or returned some."""
    await service.units_changed(work, [lot_id])


@effect("listings.revalue", Limits(queue="light"))
async def revalue(work: Work) -> None:
    """Begin the nightly valuation of everything on sale."""
    await service.revalue_listings(work, _FIRST)


@effect("listings.revalue_on", Limits(queue="default"))
async def revalue_on(work: Work, after: UUID) -> None:
    """Value the next batch of what is on sale."""
    await service.revalue_listings(work, after)
