"""A published listing follows the register, the clock and the nightly valuation."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from sqlalchemy import text

from marketplace.kernel.errors import DomainError
from marketplace.kernel.ids import parse_id
from marketplace.listings import service
from marketplace.register import service as register
from marketplace.register.domain import (
    CeaseUse,
    Deal,
    FreezeOrder,
    HoldReason,
    Party,
    Reservation,
    Reserve,
    ReserveLine,
    Units,
)
from marketplace.valuations.domain import ValueRange
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.jobs import Drain
from tests.support.listings import (
    Person,
    draft_body,
    open_seller,
    open_staff,
    published_listing,
    submitted_listing,
)


class Market(msgspec.Struct, frozen=True):
    """One seller with 60 licences on sale, a buyer, a reviewer."""

    seller: Person
    buyer: Person
    reviewer: Person
    listing: dict[str, Any]

    @property
    def id(self) -> UUID:
        """Give the listing's id."""
        return parse_id("lst", self.listing["id"])

    @property
    def lot_id(self) -> UUID:
        """Give its lot."""
        return parse_id("lot", self.listing["lot_id"])


@pytest.fixture
async def on_sale(client: httpx.AsyncClient, work: OpenWork, clock: FixedClock) -> Market:
    """Give a market with one published listing."""
    seller, reviewer = await open_seller(work), await open_staff(work)
    listing = await published_listing(client, clock, seller, reviewer)
    return Market(seller, await open_seller(work), reviewer, listing)


def party(person: Person) -> Party:
    company = person.company
    return Party(company.id, company.legal_name, company.register_number, company.country)


async def reserve(work: OpenWork, clock: FixedClock, place: Market, quantity: int) -> Reservation:
    """Reserve units for the buyer as a quote does it."""
    line = ReserveLine(place.lot_id, place.seller.company.id, quantity)
    wanted = Reserve(uuid4(), place.buyer.company.id, clock.now() + timedelta(minutes=30), (line,))
    async with work(place.buyer.principal) as unit:
        (reservation,) = await register.reserve(unit, wanted)
        await service.units_changed(unit, [place.lot_id])
    return reservation


async def move(work: OpenWork, place: Market, reservation: Reservation) -> None:
    """Move reserved units to the buyer as an order does it."""
    async with work(place.seller.principal) as unit:
        declared = CeaseUse(
            (reservation.id,), party(place.seller), "ab" * 32, "deleted", unit.now.date()
        )
        await register.attach_declaration(unit, declared)
    async with work() as unit:
        deal = Deal(
            uuid4(),
            party(place.reviewer),
            party(place.buyer),
            {place.seller.company.id: party(place.seller)},
            (reservation.id,),
        )
        await register.post_deal(unit, deal)
        await service.units_changed(unit, [place.lot_id])


async def shown(client: httpx.AsyncClient, place: Market) -> dict[str, Any]:
    """Give the listing as its seller sees it now."""
    answer = await client.get(f"/v1/listings/{place.listing['id']}", headers=place.seller.headers)
    body: dict[str, Any] = answer.json()
    return body


async def window(client: httpx.AsyncClient) -> list[int]:
    """Give the free quantities in the public catalogue."""
    page = await client.get("/v1/catalogue")
    return [item["available_quantity"] for item in page.json()["items"]]


class TestUnitsChanged:
    async def test_reserved_units_leave_the_window_and_come_back(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        reservation = await reserve(work, clock, on_sale, 20)
        assert await window(client) == [40]
        async with work(on_sale.buyer.principal) as unit:
            await register.release_reservations(unit, [reservation.id])
            await service.units_changed(unit, [on_sale.lot_id])
        assert await window(client) == [60]

    async def test_etag_changes_with_the_free_quantity(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        address = f"/v1/catalogue/{on_sale.listing['id']}"
        before = (await client.get(address)).headers["etag"]
        await reserve(work, clock, on_sale, 1)
        after = await client.get(address, headers={"If-None-Match": before})
        assert after.status_code == 200
        assert after.json()["available_quantity"] == 59

    async def test_wholly_reserved_listing_waits_and_sold_one_ends(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        reservation = await reserve(work, clock, on_sale, 60)
        assert await window(client) == []
        assert (await shown(client, on_sale))["state"] == "published"
        await move(work, on_sale, reservation)
        sold = await shown(client, on_sale)
        assert (sold["state"], sold["available_quantity"]) == ("sold_out", 0)
        assert sold["ended_at"] is not None
        async with work() as unit:
            names = (await unit.connection.scalars(text("SELECT name FROM events"))).all()
        assert names.count("listing.sold_out.v1") == 1

    async def test_held_units_leave_the_window_by_job(
        self, client: httpx.AsyncClient, work: OpenWork, on_sale: Market, drain_jobs: Drain
    ) -> None:
        order = FreezeOrder(on_sale.lot_id, Units(0, 60), HoldReason.DISPUTE, "staff")
        async with work() as unit:
            await register.place_hold(unit, order)
            unit.enqueue("listings.refresh_units", {"lot_id": str(on_sale.lot_id)})
        await drain_jobs()
        assert await window(client) == []
        assert (await shown(client, on_sale))["state"] == "published"

    async def test_nothing_happens_for_no_lot_or_a_lot_without_listing(
        self, client: httpx.AsyncClient, work: OpenWork, on_sale: Market
    ) -> None:
        async with work(on_sale.buyer.principal) as unit:
            await service.units_changed(unit, [])
            await service.units_changed(unit, [uuid4()])
        assert await window(client) == [60]


class TestWithdrawListing:
    async def test_free_units_leave_the_register_and_may_be_listed_again(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        answer = await client.post(
            f"/v1/listings/{on_sale.listing['id']}/withdrawal", headers=on_sale.seller.headers
        )
        assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
        assert await window(client) == []
        async with work() as unit:
            title = await register.lot_title(unit, on_sale.lot_id)
        assert [(row.kind, row.units) for row in title.holdings] == [("r", Units(0, 60))]
        again = await submitted_listing(
            client, clock, on_sale.seller, position=on_sale.listing["position"]
        )
        assert again["state"] == "submitted"

    async def test_reserved_units_stay_promised_and_count_as_taken(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        reservation = await reserve(work, clock, on_sale, 25)
        await client.post(
            f"/v1/listings/{on_sale.listing['id']}/withdrawal", headers=on_sale.seller.headers
        )
        body = draft_body(clock, position=on_sale.listing["position"] | {"offered": 36})
        drafted = await client.post("/v1/listings", json=body, headers=on_sale.seller.headers)
        refused = await client.post(
            f"/v1/listings/{drafted.json()['id']}/submission", headers=on_sale.seller.headers
        )
        assert refused.json()["code"] == "listing.blocked"
        await move(work, on_sale, reservation)
        async with work() as unit:
            title = await register.lot_title(unit, on_sale.lot_id)
        assert title.is_whole
        owners = {row.party_id: row.units.size for row in title.holdings}
        assert owners == {on_sale.buyer.company.id: 25, None: 35}
        assert (await shown(client, on_sale))["state"] == "withdrawn"

    async def test_units_that_a_buyer_lets_go_are_taken_back_too(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        on_sale: Market,
        drain_jobs: Drain,
    ) -> None:
        reservation = await reserve(work, clock, on_sale, 25)
        await client.post(
            f"/v1/listings/{on_sale.listing['id']}/withdrawal", headers=on_sale.seller.headers
        )
        async with work(on_sale.buyer.principal) as unit:
            await register.release_reservations(unit, [reservation.id])
            await service.units_changed(unit, [on_sale.lot_id])
        assert "listings.take_back" in await drain_jobs()
        async with work() as unit:
            await service.take_back_units(unit, on_sale.id)
            title = await register.lot_title(unit, on_sale.lot_id)
            listing = await service.load_listing(unit, on_sale.id)
        assert {row.kind for row in title.holdings} == {"r"}
        assert (listing.committed, listing.state.value) == (0, "withdrawn")

    async def test_withdrawal_amid_buyers_loses_and_doubles_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, on_sale: Market
    ) -> None:
        async def buy() -> int:
            try:
                await reserve(work, clock, on_sale, 5)
            except DomainError:
                return 0
            return 5

        async def withdraw() -> int:
            address = f"/v1/listings/{on_sale.listing['id']}/withdrawal"
            while True:
                answer = await client.post(address, headers=on_sale.seller.headers)
                if answer.status_code != 423:
                    return answer.status_code
                await asyncio.sleep(0.01)

        *bought, status = await asyncio.gather(*(buy() for _ in range(10)), withdraw())
        assert status == 200
        async with work() as unit:
            title = await register.lot_title(unit, on_sale.lot_id)
            listing = await service.load_listing(unit, on_sale.id)
        retired = sum(row.units.size for row in title.holdings if row.kind == "r")
        assert title.is_whole
        assert retired + sum(bought) == 60
        assert (listing.available, listing.committed) == (0, sum(bought))

    async def test_ended_listing_cannot_be_withdrawn(
        self, client: httpx.AsyncClient, on_sale: Market
    ) -> None:
        address = f"/v1/listings/{on_sale.listing['id']}/withdrawal"
        await client.post(address, headers=on_sale.seller.headers)
        again = await client.post(address, headers=on_sale.seller.headers)
        assert (again.status_code, again.json()["code"]) == (409, "listing.not_possible")


class TestExpireDueListings:
    async def test_listing_ends_with_its_time(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        on_sale: Market,
        drain_jobs: Drain,
    ) -> None:
        waiting = await submitted_listing(client, clock, on_sale.seller)
        draft = await client.post(
            "/v1/listings", json=draft_body(clock), headers=on_sale.seller.headers
        )
        async with work() as unit:
            assert await service.expire_due_listings(unit) == 0
        clock.advance(timedelta(days=91))
        async with work() as unit:
            unit.enqueue("listings.expire_due", {})
        assert (await drain_jobs()).count("listings.expire") == 2
        async with work() as unit:
            assert await service.expire_due_listings(unit) == 0
            await service.expire_listing(unit, on_sale.id)
        states = {
            row["id"]: row["state"]
            for row in (await client.get("/v1/listings", headers=on_sale.seller.headers)).json()[
                "items"
            ]
        }
        assert states == {
            on_sale.listing["id"]: "expired",
            waiting["id"]: "expired",
            draft.json()["id"]: "draft",
        }
        async with work() as unit:
            title = await register.lot_title(unit, on_sale.lot_id)
        assert [row.kind for row in title.holdings] == ["r"]


class TestRevalueListings:
    async def test_published_listing_is_valued_anew_in_batches(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        on_sale: Market,
        drain_jobs: Drain,
    ) -> None:
        before = on_sale.listing["value"]
        clock.advance(timedelta(days=40))
        async with work() as unit:
            unit.enqueue("listings.revalue", {})
        assert "listings.revalue" in await drain_jobs()
        after = (await shown(client, on_sale))["value"]
        assert after["as_of_on"] == clock.now().date().isoformat()
        assert after["mid"]["amount_minor"] <= before["mid"]["amount_minor"]

    async def test_full_batch_goes_on_behind_its_last_listing(
        self, work: OpenWork, on_sale: Market
    ) -> None:
        async with work() as unit:
            await service.revalue_listings(unit, UUID(int=0), batch_size=1)
        async with work() as unit:
            jobs = (
                await unit.connection.execute(
                    text("SELECT args FROM jobs WHERE actor = 'listings.revalue_on'")
                )
            ).all()
            assert [row.args for row in jobs] == [{"after": str(on_sale.id)}]
            await service.revalue_listings(unit, on_sale.id, batch_size=1)
            (listing,) = (await service.load_listings(unit, [on_sale.id])).values()
        assert isinstance(listing.value, ValueRange)
