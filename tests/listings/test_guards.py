"""What the database holds: one position is offered once, rows belong to their company, facts only grow."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.infra.access import Principal
from marketplace.infra.http.problems import sqlstate_of
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import (
    Person,
    draft_body,
    open_seller,
    open_staff,
    published_listing,
    submitted_listing,
)

AGREEMENT = "61234567"
STAFF = Principal(scope="staff", credential="test:staff")


async def draft(
    client: httpx.AsyncClient, clock: FixedClock, seller: Person, **position: Any
) -> str:
    """Draft a part of one shared position of 100 licences."""
    position = {"agreement_number": AGREEMENT, "retained": 0} | position
    body = draft_body(clock, position=position, smallest_quantity=1)
    drafted = await client.post("/v1/listings", json=body, headers=seller.headers)
    assert drafted.status_code == 201, drafted.text
    return str(drafted.json()["id"])


async def submit(client: httpx.AsyncClient, seller: Person, listing_id: str) -> httpx.Response:
    return await client.post(f"/v1/listings/{listing_id}/submission", headers=seller.headers)


class TestDoubleSale:
    async def test_second_listing_sees_what_the_first_took(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        first = await draft(client, clock, seller, offered=60)
        second = await draft(client, clock, seller, offered=41, agreement_number="6123-4567")
        assert (await submit(client, seller, first)).status_code == 200
        refused = await submit(client, seller, second)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "listing.blocked")
        assert problem["errors"][0]["pointer"] == "/findings/c09.overdraw"
        assert "101 licences" in problem["errors"][0]["detail"]

    async def test_the_rest_of_the_position_can_be_listed(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        for offered in (60, 40):
            listing_id = await draft(client, clock, seller, offered=offered)
            assert (await submit(client, seller, listing_id)).status_code == 200

    async def test_another_sellers_position_does_not_count(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        for seller in (await open_seller(work), await open_seller(work)):
            listing_id = await draft(client, clock, seller, offered=100)
            assert (await submit(client, seller, listing_id)).status_code == 200

    async def test_withdrawn_listing_gives_its_units_back(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        first = await draft(client, clock, seller, offered=100)
        second = await draft(client, clock, seller, offered=100)
        assert (await submit(client, seller, first)).status_code == 200
        assert (await submit(client, seller, second)).status_code == 409
        await client.post(f"/v1/listings/{first}/withdrawal", headers=seller.headers)
        assert (await submit(client, seller, second)).status_code == 200

    async def test_simultaneous_submissions_never_offer_more_than_there_is(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        ids = [await draft(client, clock, seller, offered=20) for _ in range(12)]
        answers = await asyncio.gather(*(submit(client, seller, one) for one in ids))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 7
        async with work() as unit:
            committed = await unit.connection.scalar(
                text("SELECT sum(committed_quantity) FROM listings")
            )
        assert committed == 100


class TestRowSecurity:
    @pytest.fixture
    async def listing(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> dict[str, Any]:
        """Give a submitted listing of some seller."""
        return await submitted_listing(client, clock, await open_seller(work))

    @pytest.mark.parametrize(
        "table", ["listings", "listing_submissions", "listing_evidence", "reviews"]
    )
    async def test_other_company_sees_no_row(
        self, work: OpenWork, listing: dict[str, Any], table: str
    ) -> None:
        assert listing
        stranger = await open_seller(work)
        counted = text(f"SELECT count(*) FROM {table}")
        async with work(stranger.principal) as unit:
            assert await unit.connection.scalar(counted) == 0
        async with work(STAFF) as unit:
            assert await unit.connection.scalar(counted)

    async def test_other_company_changes_no_row(
        self, work: OpenWork, listing: dict[str, Any]
    ) -> None:
        assert listing
        stranger = await open_seller(work)
        async with work(stranger.principal) as unit:
            changed = await unit.connection.execute(text("UPDATE listings SET note = 'mine'"))
            assert changed.rowcount == 0

    @pytest.mark.parametrize(
        ("statement", "sqlstate"),
        [
            ("UPDATE listings SET state = 'published', lot_id = gen_random_uuid()", "CS002"),
            ("UPDATE listings SET state = 'rejected'", "CS002"),
            ("UPDATE listings SET company_id = gen_random_uuid()", "CS002"),
            ("UPDATE listing_submissions SET rule_set_version = ''", "42501"),
            ("DELETE FROM listing_evidence", "42501"),
            ("DELETE FROM listings", "42501"),
        ],
    )
    async def test_seller_cannot_decide_for_itself_or_change_facts(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        statement: str,
        sqlstate: str,
    ) -> None:
        seller = await open_seller(work)
        await submitted_listing(client, clock, seller)
        with pytest.raises(DBAPIError) as refusal:
            async with work(seller.principal) as unit:
                await unit.connection.execute(text(statement))
        assert sqlstate_of(refusal.value) == sqlstate

    async def test_owner_of_the_tables_cannot_change_facts_either(
        self, owner_engine: Any, listing: dict[str, Any]
    ) -> None:
        assert listing
        for table in ("listing_submissions", "listing_evidence"):
            with pytest.raises(DBAPIError) as refusal:
                async with owner_engine.begin() as connection:
                    await connection.execute(text(f"DELETE FROM {table}"))
            assert sqlstate_of(refusal.value) == "CS001"

    async def test_published_listing_keeps_its_lot(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        await published_listing(client, clock, seller, reviewer)
        with pytest.raises(DBAPIError) as refusal:
            async with work() as unit:
                await unit.connection.execute(
                    text("UPDATE listings SET lot_id = gen_random_uuid()")
                )
        assert sqlstate_of(refusal.value) == "CS002"
