"""Whatever a seller leaves out, its review can be closed: by an approval, or by sending the listing back."""

from typing import Any, Final

import httpx
import pytest

from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import open_review_of, open_seller, open_staff, submitted_listing

NOTHING_KNOWN: Final = {
    "programme": "barter",
    "segment": "unheard",
    "agreement_number": "",
    "part_number": "",
    "first_seller": "unknown",
    "paid_in_full": False,
    "purchased_version": "",
    "sa_status": "unknown",
    "seller_role": "unknown",
}
CONTRADICTING: Final = {
    "first_sold_on": "2027-01-01",
    "purchased_metric": "device",
    "retained": 30,
    "seller_role": "purchaser",
}


class TestWhatTheSellerLeftOut:
    @pytest.mark.parametrize("given", [NOTHING_KNOWN, CONTRADICTING], ids=["nothing", "against"])
    async def test_can_be_taken_as_cured(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, given: dict[str, Any]
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        submitted = await submitted_listing(client, clock, seller, position=given)
        case = await open_review_of(client, reviewer, submitted["id"])
        decisions = [{"code": code, "note": "shown by phone"} for code in case["to_decide"]]
        assert len(decisions) >= len(given) - 1
        answer = await client.post(
            f"/v1/reviews/{case['review']['id']}/approval",
            json={"decisions": decisions},
            headers=reviewer.headers,
        )
        assert (answer.status_code, answer.json().get("state")) == (200, "approved"), answer.text

    async def test_lot_without_the_day_of_its_first_sale_goes_back(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        submitted = await submitted_listing(client, clock, seller, position={"first_sold_on": None})
        case = await open_review_of(client, reviewer, submitted["id"])
        address = f"/v1/reviews/{case['review']['id']}"
        decisions = [{"code": code, "note": "shown by phone"} for code in case["to_decide"]]
        refused = await client.post(
            f"{address}/approval", json={"decisions": decisions}, headers=reviewer.headers
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "review.first_sale_unknown")
        sent_back = await client.post(
            f"{address}/change-request",
            json={"reasons": "State the day."},
            headers=reviewer.headers,
        )
        assert (sent_back.status_code, sent_back.json().get("state")) == (200, "changes_requested")
