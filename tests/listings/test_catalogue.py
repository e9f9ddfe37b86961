"""The public catalogue: filters against a brute-force oracle, stable pages, nothing secret."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from marketplace.infra.work import WorkSource
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import encode_cursor
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.listings import service
from marketplace.listings.domain.market import CANDIDATES_MAX, Search, Wanted
from marketplace.listings.store import market
from marketplace.listings.tables import FACETS
from tests.conftest import OpenWork
from tests.support.catalogue import COUNTRIES, Listed, load, make_listings
from tests.support.listings import open_seller
from tests.support.postgres import Cluster, connect

COUNT = 400
SECRETS = ("company_id", "lot_id", "agreement", "position", "note", "sha256")

searches = st.builds(
    Search,
    family=st.just("ws_cal") | st.just("rds_cal") | st.just("sql_cal"),
    version=st.none() | st.sampled_from(["2016", "2019", "2022"]),
    metric=st.none() | st.sampled_from([Metric.USER, Metric.DEVICE]),
    country=st.none() | st.sampled_from(COUNTRIES),
    min_quantity=st.none() | st.integers(1, 200),
    max_price_minor=st.none() | st.integers(1, 6000),
) | st.builds(
    Search,
    country=st.none() | st.sampled_from(COUNTRIES),
    min_quantity=st.none() | st.integers(1, 200),
    max_price_minor=st.none() | st.integers(1, 6000),
)


def oracle(market_rows: list[Listed], search: Search) -> list[str]:
    """Search by looking at every listing."""

    def wanted(row: Listed) -> bool:
        return (
            row.state == "published"
            and row.available >= (search.min_quantity or 1)
            and row.expires_at > datetime.now(UTC)
            and search.family in (None, row.product.family)
            and search.version in (None, row.product.version)
            and search.metric in (None, row.product.metric)
            and search.country in (None, row.country)
            and (search.max_price_minor is None or row.price_minor <= search.max_price_minor)
        )

    found = sorted(filter(wanted, market_rows), key=lambda row: row.place)
    return [format_id("lst", row.id) for row in found]


def parameters(search: Search) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(search).items() if value is not None}


async def walk(client: httpx.AsyncClient, search: Search, limit: int) -> list[str]:
    """Read all pages."""
    found: list[str] = []
    given = parameters(search) | {"limit": limit}
    while True:
        answer = await client.get("/v1/catalogue", params=given)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        given["cursor"] = page["next_cursor"]


def mixed_market() -> list[Listed]:
    """Make a market with drafts, ended, sold and expired listings in it, and equal prices."""
    rows = make_listings(0, COUNT)
    past = datetime.now(UTC) - timedelta(seconds=5)
    changes: list[dict[str, Any]] = [{}, {}, {"price_minor": 1500}, {"price_minor": 1500}, {}]
    changes += [{"state": "submitted"}, {"available": 0}, {"expires_at": past}, {}, {}]
    return [
        msgspec.structs.replace(row, **changes[number % len(changes)])
        for number, row in enumerate(rows)
    ]


@pytest.fixture
async def mixed(cluster: Cluster, database_name: str, database_url: str) -> list[Listed]:
    """Give a mixed market, loaded."""
    del database_url  # asked for so that it is cleaned up
    rows = mixed_market()
    await load(cluster.owner_url(database_name), rows)
    return rows


class TestSearch:
    async def test_filters_find_what_looking_at_every_listing_finds(
        self, client: httpx.AsyncClient, mixed: list[Listed], run_examples: Callable[..., Any]
    ) -> None:
        async def check(search: Search, limit: int) -> None:
            assert await walk(client, search, limit) == oracle(mixed, search)

        await run_examples(check, searches, st.integers(3, 100))

    async def test_pages_stay_put_while_listings_come_and_go(
        self,
        client: httpx.AsyncClient,
        mixed: list[Listed],
        cluster: Cluster,
        database_name: str,
    ) -> None:
        expected = oracle(mixed, Search())
        first = (await client.get("/v1/catalogue", params={"limit": 50})).json()
        sold, cheap = (
            expected[10],
            [
                msgspec.structs.replace(row, price_minor=1)
                for row in make_listings(COUNT, COUNT + 30)
            ],
        )
        await load(cluster.owner_url(database_name), cheap, first=False)
        second = (
            await client.get("/v1/catalogue", params={"limit": 50, "cursor": first["next_cursor"]})
        ).json()
        seen = [item["id"] for item in first["items"] + second["items"]]
        assert seen == expected[:100]
        assert sold in seen

    async def test_search_for_large_lots_goes_on_behind_many_small_ones(
        self, client: httpx.AsyncClient, cluster: Cluster, database_name: str, database_url: str
    ) -> None:
        del database_url  # asked for so that it is cleaned up
        product = load_catalogue().product("ws_cal-2019-user")
        rows = [
            msgspec.structs.replace(row, product=product, available=1, price_minor=100 + place)
            for place, row in enumerate(make_listings(0, CANDIDATES_MAX + 5))
        ]
        rows[-1] = msgspec.structs.replace(rows[-1], available=700)
        await load(cluster.owner_url(database_name), rows)
        search = Search(family="ws_cal", min_quantity=500)
        page = (await client.get("/v1/catalogue", params=parameters(search))).json()
        assert page["items"] == []
        assert page["next_cursor"] is not None
        assert await walk(client, search, 20) == [format_id("lst", rows[-1].id)]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"version": "2019"}, "catalogue.family_missing"),
            ({"metric": "user"}, "catalogue.family_missing"),
            ({"metric": "person", "family": "ws_cal"}, "request.invalid"),
            ({"country": "Germany"}, "request.invalid"),
            ({"min_quantity": "0"}, "request.invalid"),
            ({"min_quantity": "9" * 30}, "request.invalid"),
            ({"max_price_minor": "-1"}, "request.invalid"),
            ({"limit": "0"}, "request.invalid"),
            ({"limit": "101"}, "request.invalid"),
            ({"family": "ws\x00cal"}, "request.invalid"),
            ({"cursor": "nonsense"}, "cursor.invalid"),
            ({"cursor": encode_cursor(10**30, "x")}, "cursor.invalid"),
            ({"cursor": encode_cursor(5)}, "cursor.invalid"),
        ],
    )
    async def test_malformed_search_is_refused(
        self, client: httpx.AsyncClient, given: dict[str, str], code: str
    ) -> None:
        answer = await client.get("/v1/catalogue", params=given)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    async def test_unknown_product_is_an_empty_page(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/catalogue", params={"family": "nothing"})
        assert answer.json() == {"items": [], "next_cursor": None}


class TestSecrecy:
    async def test_nothing_secret_is_in_a_page_or_detail(
        self, client: httpx.AsyncClient, mixed: list[Listed]
    ) -> None:
        shown = oracle(mixed, Search())[0]
        page = await client.get("/v1/catalogue")
        detail = await client.get(f"/v1/catalogue/{shown}")
        for answer in (page, detail):
            assert not [word for word in SECRETS if word in answer.text]

    async def test_public_scope_sees_no_row_of_the_tables_behind(
        self, mixed: list[Listed], work_source: WorkSource
    ) -> None:
        assert mixed
        async with work_source.view() as view:
            for table in ("listings", "listing_submissions", "listing_evidence", "offers"):
                count = await view.connection.scalar(text(f"SELECT count(*) FROM {table}"))
                assert count == 0, table
            assert await view.connection.scalar(text("SELECT count(*) FROM catalogue"))

    async def test_views_have_no_secret_column(
        self, cluster: Cluster, database_name: str, database_url: str
    ) -> None:
        del database_url
        connection = await connect(cluster.url(database_name))
        try:
            rows = await connection.fetch(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'catalogue'"
            )
        finally:
            await connection.close()
        names = {row["column_name"] for row in rows}
        assert "unit_price_minor" in names
        assert not names & {"company_id", "lot_id", "position", "position_key", "note", "value"}


class TestShow:
    async def test_listing_on_sale_is_shown_with_an_etag(
        self, client: httpx.AsyncClient, mixed: list[Listed]
    ) -> None:
        row = next(row for row in mixed if row.state == "published" and row.available)
        answer = await client.get(f"/v1/catalogue/{format_id('lst', row.id)}")
        body = answer.json()
        assert body["unit_price"] == {"amount_minor": row.price_minor, "currency": "EUR"}
        assert body["available_quantity"] == row.available
        assert body["product"] == row.product.key
        assert body["seller"] == {"country": row.country}
        again = await client.get(
            f"/v1/catalogue/{body['id']}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("number", [5, 6, 7])
    async def test_draft_sold_or_expired_listing_is_not_found(
        self, client: httpx.AsyncClient, mixed: list[Listed], number: int
    ) -> None:
        answer = await client.get(f"/v1/catalogue/{format_id('lst', mixed[number].id)}")
        assert (answer.status_code, answer.json()["code"]) == (404, "listing.unknown")


class TestPlans:
    @pytest.mark.parametrize("facet", FACETS)
    async def test_every_combination_of_filters_reads_an_index_in_order(
        self, cluster: Cluster, database_name: str, mixed: list[Listed], facet: tuple[str, ...]
    ) -> None:
        assert mixed
        values = {
            "family": "'ws_cal'",
            "version": "'2019'",
            "metric": "'user'",
            "country": "'DE'",
            "price_after": "-1",
            "id_after": "'00000000-0000-0000-0000-000000000000'",
            "price_max": "100000",
            "quantity": "5",
            "rows_max": "21",
        }
        connection = await connect(cluster.owner_url(database_name))
        try:
            await connection.execute("ANALYZE listings")
            # The market here is small: what matters is that an ordered read is possible at all.
            await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            for statements in (market._PAGES, market._LARGE_PAGES):  # noqa: SLF001 - the plan of a statement shows nowhere else
                statement = statements[facet]
                await connection.execute(f"PREPARE page AS {statement.sql}")
                for mode in ("force_generic_plan", "force_custom_plan"):
                    await connection.execute(f"SET plan_cache_mode = {mode}")
                    given = ", ".join(values[name] for name in statement.names)
                    rows = await connection.fetch(f"EXPLAIN EXECUTE page ({given})")
                    plan = "\n".join(row[0] for row in rows)
                    assert "Index Scan using ix_listings_sale" in plan, plan
                    assert "Sort" not in plan, plan
                await connection.execute("DEALLOCATE page")
        finally:
            await connection.close()


class TestOffers:
    async def test_offers_are_the_cheapest_of_all_wanted_products(
        self, mixed: list[Listed], work: OpenWork
    ) -> None:
        buyer = await open_seller(work)
        products = tuple(
            load_catalogue().product(key) for key in ("ws_cal-2019-user", "ws_cal-2016-user")
        )
        async with work(buyer.principal) as unit:
            found = await service.offers_for(unit, Wanted(products=products))
            few = await service.offers_for(unit, Wanted(products=products, offers_max=3))
            none = await service.offers_for(unit, Wanted(products=()))
        expected = [
            row
            for row in sorted(mixed, key=lambda row: row.place)
            if row.product in products
            and row.state == "published"
            and row.available
            and row.expires_at > datetime.now(UTC)
        ]
        assert [offer.listing_id for offer in found] == [row.id for row in expected]
        assert [offer.available for offer in found] == [row.available for row in expected]
        assert few == found[:3]
        assert none == []


@pytest.fixture
def run_examples() -> Callable[..., Any]:
    """Give a way to run a property on the test's own event loop: hypothesis itself is synchronous."""

    async def run(check: Callable[..., Any], *strategies: st.SearchStrategy[Any]) -> None:
        drawn: list[tuple[Any, ...]] = []

        @settings(
            max_examples=60,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*strategies))
        def collect(example: tuple[Any, ...]) -> None:
            drawn.append(example)

        collect()
        for example in drawn:
            await check(*example)

    return run
