"""What buyers and the public see, through the views `offers` and `catalogue`. One statement is one round trip."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    CursorResult,
    Integer,
    Row,
    Select,
    Text,
    Uuid,
    bindparam,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.licensing.catalogue import Metric, Product
from marketplace.listings.domain.market import CANDIDATES_MAX, Offer, Search, Wanted
from marketplace.listings.tables import FACETS, catalogue

_UNITS_CHANGED: Final = sql(
    "SELECT listing_id, became FROM listing_units_changed("
    "CAST(:lots AS uuid[]), CAST(:free AS int[]), CAST(:left AS int[]), :moment)"
)
# Product by product, each from its own index in order of price: the market behind one of them may
# be large, and nobody wants all of it.
_OFFERS: Final = sql(
    "SELECT o.* FROM unnest(CAST(:families AS text[]), CAST(:versions AS text[]), "
    "CAST(:metrics AS text[])) AS p (family, cal_version, metric) CROSS JOIN LATERAL ("
    "SELECT * FROM offers o WHERE o.family = p.family AND o.cal_version = p.cal_version "
    "AND o.metric = p.metric ORDER BY o.unit_price_minor, o.id LIMIT :at_most) o "
    "ORDER BY o.unit_price_minor, o.id LIMIT :at_most"
)
_FIRST: Final = (-1, UUID(int=0))
_PRICE_MAX: Final = 2**62
_DIALECT: Final = asyncpg_dialect()  # type: ignore[no-untyped-call]  # not typed there
_COLUMN_OF: Final = {
    "family": "family",
    "cal_version": "version",
    "metric": "metric",
    "first_sold_in": "country",
}
"""The catalogue's columns of equality filters, and the filters of a search they answer."""


class _Prepared(NamedTuple):
    """A statement compiled once; `names` are its parameters in order."""

    sql: str
    names: tuple[str, ...]


def _constant(number: int) -> ColumnClause[int]:
    # In the text of the statement, not a parameter: the planner should know it.
    return literal_column(str(number), Integer)


def _prepare(statement: Select[Any]) -> _Prepared:
    compiled = statement.compile(dialect=_DIALECT)
    return _Prepared(str(compiled), tuple(cast("Sequence[str]", compiled.positiontup)))


def _page_statement(facet: tuple[str, ...]) -> Select[Any]:
    """Walk the index of one combination of equality filters in order of price, from behind the cursor.

    The bounds stand in every statement, wide open when they are not asked for: so there is one plan
    per combination.
    """
    return (
        select(catalogue)
        .where(
            *(catalogue.c[name] == bindparam(_COLUMN_OF[name], type_=Text) for name in facet),
            tuple_(catalogue.c.unit_price_minor, catalogue.c.id)
            > tuple_(bindparam("price_after", type_=BigInteger), bindparam("id_after", type_=Uuid)),
            catalogue.c.unit_price_minor <= bindparam("price_max", type_=BigInteger),
        )
        .order_by(catalogue.c.unit_price_minor, catalogue.c.id)
    )


def _large_enough(facet: tuple[str, ...]) -> Select[Any]:
    """Look at a bounded number of candidates and keep those that are large enough."""
    seen = _page_statement(facet).limit(_constant(CANDIDATES_MAX)).subquery("seen")
    return (
        select(seen)
        .where(seen.c.available_quantity >= bindparam("quantity", type_=Integer))
        .order_by(seen.c.unit_price_minor, seen.c.id)
        .limit(bindparam("rows_max", type_=Integer))
    )


def _last_candidate(facet: tuple[str, ...]) -> Select[Any]:
    """Find where the bounded look of `_large_enough` ended; no row when it reached the end of the list."""
    seen = (
        _page_statement(facet)
        .offset(_constant(CANDIDATES_MAX - 1))
        .limit(_constant(1))
        .subquery("seen")
    )
    return select(seen.c.unit_price_minor, seen.c.id)


_PAGES: Final = {
    facet: _prepare(_page_statement(facet).limit(bindparam("rows_max", type_=Integer)))
    for facet in FACETS
}
_LARGE_PAGES: Final = {facet: _prepare(_large_enough(facet)) for facet in FACETS}
_LAST_CANDIDATES: Final = {facet: _prepare(_last_candidate(facet)) for facet in FACETS}
_ENTRY: Final = _prepare(
    select(catalogue).where(catalogue.c.id == bindparam("listing", type_=Uuid))
)


class CataloguePage(NamedTuple):
    """Rows of a page, and the place behind which the next one starts; None on the last page."""

    rows: Sequence[Row[Any]]
    next_place: tuple[int, UUID] | None


async def search_catalogue(
    connection: AsyncConnection, search: Search, after: tuple[int, UUID] | None, limit: int
) -> CataloguePage:
    """Read one page in order of (price, id)."""
    facet, given = _facet_of(search)
    given["price_after"], given["id_after"] = after or _FIRST
    given["price_max"] = _PRICE_MAX if search.max_price_minor is None else search.max_price_minor
    given["rows_max"] = limit + 1
    given["quantity"] = search.min_quantity or 1
    # What is on sale has at least one unit free, so one is no filter.
    bounded = given["quantity"] > 1
    statement = (_LARGE_PAGES if bounded else _PAGES)[facet]
    rows = (await _run(connection, statement, given)).all()
    if len(rows) > limit:
        last = rows[limit - 1]
        return CataloguePage(rows[:limit], (last.unit_price_minor, last.id))
    place = (await _run(connection, _LAST_CANDIDATES[facet], given)).first() if bounded else None
    return CataloguePage(rows, None if place is None else (place.unit_price_minor, place.id))


async def find_entry(connection: AsyncConnection, listing_id: UUID) -> Row[Any] | None:
    """Read one listing of the catalogue."""
    return (await _run(connection, _ENTRY, {"listing": listing_id})).first()


def _facet_of(search: Search) -> tuple[tuple[str, ...], dict[str, Any]]:
    given = {
        name: getattr(search, name)
        for name in _COLUMN_OF.values()
        if getattr(search, name) is not None
    }
    return tuple(column for column, name in _COLUMN_OF.items() if name in given), given


async def _run(
    connection: AsyncConnection, statement: _Prepared, given: Mapping[str, Any]
) -> CursorResult[Any]:
    # Past SQLAlchemy's compiler, whose cache look-up alone costs more than the statement.
    return await connection.exec_driver_sql(
        statement.sql, tuple(given[name] for name in statement.names)
    )


async def set_units(
    connection: AsyncConnection, units: Mapping[UUID, tuple[int, int]], now: datetime
) -> list[tuple[UUID, str]]:
    """Store free units, and units the seller still holds, per lot.

    Gives the listings that something follows from: `sold_out`, or `returned` when one that had
    ended has free units again.
    """
    given = {
        "lots": list(units),
        "free": [free for free, _ in units.values()],
        "left": [left for _, left in units.values()],
        "moment": now,
    }
    rows = await connection.execute(_UNITS_CHANGED, given)
    return [(row.listing_id, row.became) for row in rows]


async def find_offers(connection: AsyncConnection, wanted: Wanted) -> list[Offer]:
    """Load what is on sale of the wanted products, the cheapest first."""
    given = {
        "families": [row.family for row in wanted.products],
        "versions": [row.version for row in wanted.products],
        "metrics": [row.metric.value for row in wanted.products],
        "at_most": wanted.offers_max,
    }
    rows = await connection.execute(_OFFERS, given)
    return [_to_offer(row) for row in rows]


def _to_offer(row: Row[Any]) -> Offer:
    return Offer(
        listing_id=row.id,
        lot_id=row.lot_id,
        company_id=row.company_id,
        product=Product(row.family, row.cal_version, Metric(row.metric)),
        available=row.available_quantity,
        unit_price_minor=row.unit_price_minor,
        currency=row.currency,
        smallest_quantity=row.smallest_quantity,
        unit_size=row.unit_size,
        programme=row.programme,
        segment=row.segment,
        restricted=row.restricted,
        first_sold_in=row.first_sold_in,
        first_sold_on=row.first_sold_on,
    )
