"""Listings as rows: load, lock, save, and the guard against selling twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.money import Money
from marketplace.kernel.paging import Window
from marketplace.licensing.catalogue import Product
from marketplace.licensing.eligibility.positions import SourcePosition
from marketplace.licensing.programmes import find_segment
from marketplace.licensing.units import unit_of
from marketplace.listings.domain.listing import Listing, State, Terms, position_key
from marketplace.listings.tables import listings
from marketplace.valuations.domain import ValueRange

_LOCK_SEED: Final = 20261126
"""Keeps our advisory locks apart from those of other stages."""

_LOAD: Final = select(listings).where(listings.c.id == bindparam("wanted_id"))
_LOAD_LOCKED: Final = _LOAD.with_for_update(key_share=True)
_LOAD_MANY: Final = select(listings).where(listings.c.id == func.any(bindparam("wanted_ids")))
_INSERT: Final = insert(listings)
_UPDATE: Final = update(listings).where(listings.c.id == bindparam("wanted_id"))
_TOUCH: Final = (
    update(listings)
    .where(listings.c.id == bindparam("wanted_id"))
    .values(version=listings.c.version + 1, changed_at=bindparam("moment"))
)
_LOCK_POSITION: Final = sql("SELECT pg_advisory_xact_lock(hashtextextended(:key, :seed))")
_COMMITTED: Final = select(func.coalesce(func.sum(listings.c.committed_quantity), 0)).where(
    listings.c.company_id == bindparam("company"),
    listings.c.position_key == bindparam("key"),
    listings.c.committed_quantity > 0,
    listings.c.id != bindparam("besides"),
)
_OF_OTHERS: Final = (
    select(listings)
    .where(
        listings.c.position_key == bindparam("key"),
        listings.c.company_id != bindparam("company"),
        listings.c.committed_quantity > 0,
    )
    .order_by(listings.c.id)
    .limit(20)
)
_DUE: Final = (
    select(listings.c.id)
    .where(
        listings.c.state.in_([State.SUBMITTED.value, State.PUBLISHED.value]),
        listings.c.expires_at <= bindparam("moment"),
    )
    .order_by(listings.c.expires_at)
    .limit(bindparam("batch"))
)
_LIVE_PRODUCTS: Final = (
    select(listings.c.id, listings.c.family, listings.c.cal_version, listings.c.metric)
    .where(listings.c.state == State.PUBLISHED.value, listings.c.id > bindparam("after"))
    .order_by(listings.c.id)
    .limit(bindparam("batch"))
)
# Rows are locked in order of id, as `listing_units_changed` does it.
_SET_VALUES: Final = sql(
    "UPDATE listings l SET value = v.worth, version = l.version + 1 FROM ("
    "SELECT s.id, CAST(p.worth AS jsonb) AS worth FROM listings s JOIN unnest("
    "CAST(:families AS text[]), CAST(:versions AS text[]), CAST(:metrics AS text[]), "
    "CAST(:worths AS text[])) AS p (family, cal_version, metric, worth) "
    "USING (family, cal_version, metric) "
    "WHERE s.id > :after AND s.id <= :last AND s.state = 'published' "
    "ORDER BY s.id FOR NO KEY UPDATE OF s) v WHERE l.id = v.id"
)
_OF_LOTS: Final = select(listings).where(listings.c.lot_id == func.any(bindparam("lots")))


async def add(connection: AsyncConnection, listing: Listing) -> None:
    """Store a new listing."""
    await connection.execute(_INSERT, _to_row(listing))


async def save(
    connection: AsyncConnection, listing: Listing, labels: Sequence[str] | None = None
) -> None:
    """Store a changed listing whose row this transaction has locked; `labels` are set when it goes on sale."""
    row = _to_row(listing)
    row["wanted_id"] = row.pop("id")
    del row["labels"]
    if labels is not None:
        row["labels"] = list(labels)
    await connection.execute(_UPDATE, row)


async def touch(connection: AsyncConnection, listing_id: UUID, now: datetime) -> None:
    """Count a change of what belongs to the listing, so that its ETag changes."""
    await connection.execute(_TOUCH, {"wanted_id": listing_id, "moment": now})


async def find(
    connection: AsyncConnection, listing_id: UUID, *, lock: bool = False
) -> Listing | None:
    """Load a listing that the caller may see; `lock` keeps others from changing it until the commit."""
    statement = _LOAD_LOCKED if lock else _LOAD
    row = (await connection.execute(statement, {"wanted_id": listing_id})).first()
    return None if row is None else _to_listing(row)


async def find_many(connection: AsyncConnection, listing_ids: Sequence[UUID]) -> list[Listing]:
    """Load those of the listings that the caller may see, in no order."""
    rows = await connection.execute(_LOAD_MANY, {"wanted_ids": list(listing_ids)})
    return [_to_listing(row) for row in rows]


async def find_of_lots(connection: AsyncConnection, lot_ids: Sequence[UUID]) -> list[Listing]:
    """Load the listings of these lots that the caller may see."""
    rows = await connection.execute(_OF_LOTS, {"lots": list(lot_ids)})
    return [_to_listing(row) for row in rows]


async def list_page(
    connection: AsyncConnection, company_id: UUID | None, state: State | None, window: Window
) -> list[Listing]:
    """Load a page of listings, newest first; of one company, or of all for staff."""
    wanted = select(listings)
    if company_id is not None:
        wanted = wanted.where(listings.c.company_id == company_id)
    if state is not None:
        wanted = wanted.where(listings.c.state == state.value)
    rows = await connection.execute(newest_first(wanted, listings.c.id, window))
    return [_to_listing(row) for row in rows]


async def lock_position(connection: AsyncConnection, company_id: UUID, key: str) -> None:
    """Let one transaction at a time commit units of a seller's position (the double-sale guard, C09)."""
    await connection.execute(_LOCK_POSITION, {"key": f"{company_id} {key}", "seed": _LOCK_SEED})


async def committed_elsewhere(
    connection: AsyncConnection, company_id: UUID, key: str, besides: UUID
) -> int:
    """Count licences of the position that the seller's other listings have taken up."""
    given = {"company": company_id, "key": key, "besides": besides}
    return int((await connection.execute(_COMMITTED, given)).scalar_one())


async def find_of_others(connection: AsyncConnection, company_id: UUID, key: str) -> list[Listing]:
    """Load listings by which other companies have taken up the same position; for staff, who see them."""
    rows = await connection.execute(_OF_OTHERS, {"company": company_id, "key": key})
    return [_to_listing(row) for row in rows]


async def due_ids(connection: AsyncConnection, now: datetime, batch: int) -> list[UUID]:
    """Give ids of listings that are over and not ended yet, the oldest first."""
    return list(await connection.scalars(_DUE, {"moment": now, "batch": batch}))


async def live_products(
    connection: AsyncConnection, after: UUID, batch: int
) -> list[tuple[UUID, str]]:
    """Give ids and product keys of published listings behind `after`, in order of id."""
    rows = await connection.execute(_LIVE_PRODUCTS, {"after": after, "batch": batch})
    return [(row.id, f"{row.family}-{row.cal_version}-{row.metric}") for row in rows]


async def set_values(
    connection: AsyncConnection,
    after: UUID,
    last: UUID,
    values: Mapping[Product, ValueRange | None],
) -> None:
    """Store what one licence of each product is worth at the published listings behind `after` up to `last`."""
    given = {
        "families": [row.family for row in values],
        "versions": [row.version for row in values],
        "metrics": [row.metric.value for row in values],
        "worths": [
            None if value is None else msgspec.json.encode(value).decode()
            for value in values.values()
        ],
        "after": after,
        "last": last,
    }
    await connection.execute(_SET_VALUES, given)


def _to_row(listing: Listing) -> dict[str, Any]:
    position, terms = listing.position, listing.terms
    segment = find_segment(position.segment)
    return {
        "id": listing.id,
        "company_id": listing.company_id,
        "state": listing.state.value,
        "version": listing.version,
        "position": msgspec.to_builtins(position),
        "position_key": position_key(position),
        "family": position.product.family,
        "cal_version": position.product.version,
        "metric": position.product.metric.value,
        "programme": position.programme,
        "segment": position.segment,
        "restricted": segment is None or segment.restricted,
        "first_sold_in": position.country,
        "first_sold_on": position.first_sold_on,
        "unit_size": unit_of(position).size,
        "offered": position.offered,
        "unit_price_minor": terms.unit_price.amount_minor,
        "currency": terms.unit_price.currency,
        "smallest_quantity": terms.smallest_quantity,
        "expires_at": terms.expires_at,
        "seller_country": listing.seller_country,
        "available_quantity": listing.available,
        "committed_quantity": listing.committed,
        "lot_id": listing.lot_id,
        "submission_id": listing.submission_id,
        "labels": [],
        "note": listing.note,
        "value": None if listing.value is None else msgspec.to_builtins(listing.value),
        "created_at": listing.created_at,
        "changed_at": listing.changed_at,
        "submitted_at": listing.submitted_at,
        "published_at": listing.published_at,
        "ended_at": listing.ended_at,
    }


def _to_listing(row: Row[Any]) -> Listing:
    return Listing(
        id=row.id,
        company_id=row.company_id,
        state=State(row.state),
        version=row.version,
        position=msgspec.convert(row.position, SourcePosition),
        terms=Terms(
            unit_price=Money(row.unit_price_minor, row.currency),
            smallest_quantity=row.smallest_quantity,
            expires_at=row.expires_at,
        ),
        seller_country=row.seller_country,
        created_at=row.created_at,
        changed_at=row.changed_at,
        available=row.available_quantity,
        committed=row.committed_quantity,
        lot_id=row.lot_id,
        submission_id=row.submission_id,
        note=row.note,
        value=None if row.value is None else msgspec.convert(row.value, ValueRange),
        submitted_at=row.submitted_at,
        published_at=row.published_at,
        ended_at=row.ended_at,
    )
