"""The path of a listing over HTTP: draft, papers, submission, approval, shop window, offers."""

import httpx

from marketplace.licensing.catalogue import load_catalogue
from marketplace.listings import service
from marketplace.listings.domain.market import Wanted
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import open_seller, open_staff, published_listing


class TestPath:
    async def test_draft_becomes_an_offer_after_approval(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        listing = await published_listing(client, clock, seller, reviewer)
        assert listing["state"] == "published"
        assert listing["available_quantity"] == 60

        window = await client.get("/v1/catalogue", params={"family": "ws_cal"})
        (shown,) = window.json()["items"]
        assert shown["id"] == listing["id"]
        assert "company" not in window.text
        assert listing["position"]["agreement_number"] not in window.text

        buyer = await open_seller(work)
        wanted = Wanted(products=(load_catalogue().product("ws_cal-2019-user"),))
        async with work(buyer.principal) as unit:
            (offer,) = await service.offers_for(unit, wanted)
        assert (offer.available, offer.unit_price_minor) == (60, 1890)
        assert offer.company_id == seller.company.id
