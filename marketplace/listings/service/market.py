"""What buyers and the public ask, and how the register's movements reach the shop window."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row

from marketplace.infra.work import View, Work
from marketplace.kernel.errors import NotFound
from marketplace.listings.domain.market import Offer, Search, Wanted, check_search
from marketplace.listings.events import ListingSoldOut
from marketplace.listings.store import market, selling
from marketplace.register import service as register

log = structlog.get_logger()


async def offers_for(work: Work, wanted: Wanted) -> list[Offer]:
    """Give what is published, unexpired and free of the wanted products, cheapest first, of all sellers.

    One statement. The buyer's own listings are among them; zones (C22) are for the caller to check.
    """
    if not wanted.products:
        return []
    return await market.find_offers(work.connection, wanted)


async def units_changed(work: Work, lot_ids: Sequence[UUID]) -> None:
    """Refresh the free quantity of the listings of these lots from the register; lots without a listing do not matter.

    To be called in the transaction that reserved, released or moved units, after it did. A listing
    whose seller holds nothing of the lot any more is sold out. Costs two statements while some
    units stay free.
    """
    if not lot_ids:
        return
    free = await register.available_units(work, lot_ids)
    emptied = [lot_id for lot_id, units in free.items() if units == 0]
    left = await _units_left(work, emptied) if emptied else {}
    units = {lot_id: (count, left.get(lot_id, count)) for lot_id, count in free.items()}
    for listing_id, became in await market.set_units(work.connection, units, work.now):
        if became == "sold_out":
            work.announce(ListingSoldOut(listing_id=listing_id))
            log.info("listing.sold_out", listing_id=str(listing_id))
        else:
            # A quote that had reserved units of an ended listing lapsed: not the buyer's
            # transaction's business.
            work.enqueue("listings.take_back", {"listing_id": str(listing_id)}, queue="light")


async def _units_left(work: Work, lot_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count what the sellers still hold in lots without free units: reserved or frozen, but not sold."""
    left: dict[UUID, int] = {}
    async with work.elevated("what a seller still holds decides whether its listing is sold out"):
        for listing in await selling.find_of_lots(work.connection, lot_ids):
            if listing.lot_id is not None:
                holdings = await register.live_holdings(work, listing.lot_id)
                left[listing.lot_id] = sum(
                    row.units.size for row in holdings if row.party_id == listing.company_id
                )
    return left


async def search_catalogue(
    view: View, search: Search, after: tuple[int, UUID] | None, limit: int
) -> tuple[Sequence[Row[Any]], tuple[int, UUID] | None]:
    """Give one page of the public catalogue in order of (price, id), and the place where the next one starts.

    Raises:
        Malformed: `catalogue.family_missing`.
    """
    check_search(search)
    page = await market.search_catalogue(view.connection, search, after, limit)
    return page.rows, page.next_place


async def show_catalogue_listing(view: View, listing_id: UUID) -> Row[Any]:
    """Give the public side of one listing.

    Raises:
        NotFound: it is not on sale (any more).
    """
    row = await market.find_entry(view.connection, listing_id)
    if row is None:
        raise NotFound("listing.unknown", "There is no such listing on sale (any more).")
    return row
