"""The seller's routes: every refusal with its code, and what only the owner may see."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from marketplace.kernel.ids import format_id
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import (
    Person,
    draft_body,
    open_seller,
    open_staff,
    position_body,
    submitted_listing,
    upload,
)

NOBODY = "lst_01k0000000e0000000000000000"


async def post_draft(
    client: httpx.AsyncClient, clock: FixedClock, seller: Person, **changes: Any
) -> httpx.Response:
    return await client.post(
        "/v1/listings", json=draft_body(clock, **changes), headers=seller.headers
    )


class TestPostListing:
    async def test_draft_comes_back_with_value_and_etag(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        answer = await post_draft(client, clock, seller)
        body = answer.json()
        assert (answer.status_code, body["state"]) == (201, "draft")
        assert body["product_name"] == "Windows Server 2019 User CAL"
        assert body["unit_size"] == 1
        assert body["available_quantity"] == 0
        assert body["value"]["low"]["amount_minor"] < body["value"]["high"]["amount_minor"]
        shown = await client.get(f"/v1/listings/{body['id']}", headers=seller.headers)
        assert shown.headers["etag"] == answer.headers["etag"]
        assert shown.json() == body | {"findings": [], "evidence": []}

    async def test_unverified_company_may_draft_but_not_submit(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work, verified=False)
        drafted = await post_draft(client, clock, seller)
        assert drafted.status_code == 201
        refused = await client.post(
            f"/v1/listings/{drafted.json()['id']}/submission", headers=seller.headers
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "company.not_verified")

    async def test_same_idempotency_key_makes_one_draft(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        body, headers = draft_body(clock), seller.headers | {"Idempotency-Key": "draft-1"}
        first = await client.post("/v1/listings", json=body, headers=headers)
        second = await client.post("/v1/listings", json=body, headers=headers)
        assert second.content == first.content
        assert second.headers["etag"] == first.headers["etag"]
        listed = await client.get("/v1/listings", headers=seller.headers)
        assert len(listed.json()["items"]) == 1

    @pytest.mark.parametrize(
        ("changes", "pointer", "code"),
        [
            ({"unit_price": {"amount_minor": 1, "currency": "USD"}}, "/unit_price/currency", "listing.currency"),
            ({"smallest_quantity": 61}, "/smallest_quantity", "listing.smallest_quantity"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "listing.expiry"),
            ({"expires_at": "9999-12-31T23:59:59Z"}, "/expires_at", "listing.expiry"),
            ({"position": {"term_end_on": "9999-12-31"}}, "/position/term_end_on", "listing.date"),
            ({"expires_at": "2027-01-01T00:00:00"}, "/expires_at", "request.invalid"),
            ({"unit_price": {"amount_minor": 0, "currency": "EUR"}}, "/unit_price/amount_minor", "request.invalid"),
            ({"position": {"acquired": 10**30}}, "/position/acquired", "request.invalid"),
            ({"position": {"agreement_number": "6\x001"}}, "/position/agreement_number", "request.invalid"),
            ({"position": {"country": "Germany"}}, "/position/country", "request.invalid"),
            ({"position": {"colour": "red"}}, "/position", "request.invalid"),
            ({"price": 5}, "/", "request.invalid"),
        ],
    )  # fmt: skip
    async def test_senseless_draft_is_refused_at_its_place(
        self,
        client: httpx.AsyncClient,
        work: OpenWork,
        clock: FixedClock,
        changes: dict[str, Any],
        pointer: str,
        code: str,
    ) -> None:
        answer = await post_draft(client, clock, await open_seller(work), **changes)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, code), answer.text
        assert problem["errors"][0]["pointer"].startswith(pointer), answer.text

    async def test_unknown_product_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        answer = await post_draft(client, clock, seller, position={"product": "ws_cal-1999-user"})
        assert (answer.status_code, answer.json()["code"]) == (422, "product.unknown")

    async def test_staff_cannot_draft_for_a_company(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        answer = await post_draft(client, clock, await open_staff(work))
        assert (answer.status_code, answer.json()["code"]) == (403, "access.company_only")


class TestChangeListing:
    async def change(
        self,
        client: httpx.AsyncClient,
        seller: Person,
        listing_id: str,
        etag: str | None,
        **body: Any,
    ) -> httpx.Response:
        headers = seller.headers | ({"If-Match": etag} if etag else {})
        return await client.patch(f"/v1/listings/{listing_id}", json=body, headers=headers)

    async def test_fields_left_out_stay(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        drafted = await post_draft(client, clock, seller)
        price = {"amount_minor": 2100, "currency": "EUR"}
        changed = await self.change(
            client, seller, drafted.json()["id"], drafted.headers["etag"], unit_price=price
        )
        body = changed.json()
        assert changed.status_code == 200, changed.text
        assert body["unit_price"] == price
        assert body["position"] == drafted.json()["position"]
        assert changed.headers["etag"] != drafted.headers["etag"]

    async def test_position_is_replaced_and_valued_anew(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        drafted = await post_draft(client, clock, seller)
        position = position_body(product="ws_cal-2025-user", offered=10, retained=90)
        changed = await self.change(
            client,
            seller,
            drafted.json()["id"],
            drafted.headers["etag"],
            position=position,
            smallest_quantity=2,
            expires_at=(clock.now() + timedelta(days=5)).isoformat(),
        )
        assert changed.json()["value"]["mid"] != drafted.json()["value"]["mid"]
        assert changed.json()["position"]["offered"] == 10

    async def test_change_needs_the_current_etag(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        drafted = await post_draft(client, clock, seller)
        listing_id, etag = drafted.json()["id"], drafted.headers["etag"]
        missing = await self.change(client, seller, listing_id, None)
        assert (missing.status_code, missing.json()["code"]) == (428, "etag.missing")
        assert (await self.change(client, seller, listing_id, etag)).status_code == 200
        stale = await self.change(client, seller, listing_id, etag)
        assert (stale.status_code, stale.json()["code"]) == (412, "etag.changed")

    async def test_submitted_listing_cannot_be_changed(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        submitted = await submitted_listing(client, clock, seller)
        shown = await client.get(f"/v1/listings/{submitted['id']}", headers=seller.headers)
        refused = await self.change(client, seller, submitted["id"], shown.headers["etag"])
        assert (refused.status_code, refused.json()["code"]) == (409, "listing.not_editable")

    async def test_change_may_not_break_the_offer(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        drafted = await post_draft(client, clock, seller)
        refused = await self.change(
            client, seller, drafted.json()["id"], drafted.headers["etag"], smallest_quantity=99
        )
        assert refused.json()["code"] == "listing.smallest_quantity"


class TestSubmitListing:
    async def test_findings_are_stored_with_their_cures(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        submitted = await submitted_listing(client, clock, seller)
        shown = (await client.get(f"/v1/listings/{submitted['id']}", headers=seller.headers)).json()
        by_rule = {row["rule"]: row for row in shown["findings"]}
        assert by_rule["C05"]["outcome"] == "pass"
        assert by_rule["C07"]["outcome"] == "hold"
        assert by_rule["C07"]["due"] == "before_transfer"
        assert "cease-use" in by_rule["C07"]["cure"]
        assert shown["state"] == "submitted"
        assert len(shown["evidence"]) == 3

    async def test_findings_can_be_seen_before_submission(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        listing_id = (await post_draft(client, clock, seller)).json()["id"]

        async def open_rules() -> set[str]:
            answer = await client.get(f"/v1/listings/{listing_id}/findings", headers=seller.headers)
            return {row["code"] for row in answer.json()["items"] if row["outcome"] == "hold"}

        before = await open_rules()
        await upload(client, seller, listing_id)
        assert "c01.source_unproven" in before - await open_rules()

    async def test_blocked_listing_is_refused_with_its_findings(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        drafted = await post_draft(client, clock, seller, position={"country": "US"})
        refused = await client.post(
            f"/v1/listings/{drafted.json()['id']}/submission", headers=seller.headers
        )
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "listing.blocked")
        assert [row["pointer"] for row in problem["errors"]] == ["/findings/c02.origin_outside"]
        shown = await client.get(f"/v1/listings/{drafted.json()['id']}", headers=seller.headers)
        assert shown.json()["state"] == "draft"

    async def test_broken_pack_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        position = {"programme": "oem", "ordered_unit": "pack", "pack_size": 20, "offered": 50,
                    "retained": 50}  # fmt: skip
        drafted = await post_draft(client, clock, seller, position=position, smallest_quantity=20)
        refused = await client.post(
            f"/v1/listings/{drafted.json()['id']}/submission", headers=seller.headers
        )
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "listing.not_tradable_units")
        assert [row["pointer"] for row in problem["errors"]] == ["/position/offered"]

    async def test_second_submission_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        submitted = await submitted_listing(client, clock, seller)
        again = await client.post(
            f"/v1/listings/{submitted['id']}/submission", headers=seller.headers
        )
        assert (again.status_code, again.json()["code"]) == (409, "listing.not_possible")

    async def test_draft_past_its_end_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        end = (clock.now() + timedelta(hours=1)).isoformat()
        drafted = await post_draft(client, clock, seller, expires_at=end)
        clock.advance(timedelta(hours=2))
        refused = await client.post(
            f"/v1/listings/{drafted.json()['id']}/submission", headers=seller.headers
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "listing.expired")


class TestListListings:
    async def test_pages_and_states(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller = await open_seller(work)
        ids = [(await post_draft(client, clock, seller)).json()["id"] for _ in range(3)]
        submitted = await submitted_listing(client, clock, seller)
        first = await client.get("/v1/listings", params={"limit": 2}, headers=seller.headers)
        second = await client.get(
            "/v1/listings",
            params={"limit": 2, "cursor": first.json()["next_cursor"]},
            headers=seller.headers,
        )
        found = [row["id"] for row in first.json()["items"] + second.json()["items"]]
        assert found == [submitted["id"], *reversed(ids)]
        assert second.json()["next_cursor"] is None
        drafts = await client.get("/v1/listings", params={"state": "draft"}, headers=seller.headers)
        assert [row["id"] for row in drafts.json()["items"]] == list(reversed(ids))

    @pytest.mark.parametrize("given", [{"state": "lost"}, {"cursor": "x"}, {"limit": "500"}])
    async def test_malformed_filter_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, given: dict[str, str]
    ) -> None:
        seller = await open_seller(work)
        answer = await client.get("/v1/listings", params=given, headers=seller.headers)
        assert answer.status_code == 422


class TestOthers:
    async def test_another_company_finds_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, stranger = await open_seller(work), await open_seller(work)
        submitted = await submitted_listing(client, clock, seller)
        listing = f"/v1/listings/{submitted['id']}"
        paper = (await client.get(f"{listing}/evidence", headers=seller.headers)).json()["items"][0]
        answers = [
            await client.get(listing, headers=stranger.headers),
            await client.get(f"{listing}/findings", headers=stranger.headers),
            await client.get(f"{listing}/evidence", headers=stranger.headers),
            await client.get(f"{listing}/evidence/{paper['id']}", headers=stranger.headers),
            await client.post(f"{listing}/submission", headers=stranger.headers),
            await client.post(f"{listing}/withdrawal", headers=stranger.headers),
            await client.patch(listing, json={}, headers=stranger.headers | {"If-Match": '"x"'}),
            await upload(client, stranger, submitted["id"]),
        ]
        assert {answer.status_code for answer in answers} == {404}
        mine = await client.get("/v1/listings", headers=stranger.headers)
        assert mine.json()["items"] == []

    async def test_staff_see_listings_and_papers_of_all_companies(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, staff = await open_seller(work), await open_staff(work)
        submitted = await submitted_listing(client, clock, seller)
        listing = f"/v1/listings/{submitted['id']}"
        shown = await client.get(listing, headers=staff.headers)
        paper = shown.json()["evidence"][0]
        file = await client.get(f"{listing}/evidence/{paper['id']}", headers=staff.headers)
        assert file.status_code == 200
        listed = await client.get("/v1/listings", headers=staff.headers)
        assert [row["id"] for row in listed.json()["items"]] == [submitted["id"]]

    async def test_id_of_nothing_or_of_another_kind_is_not_found(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        seller = await open_seller(work)
        other_kind = format_id("cmp", seller.company.id)
        for listing_id in (NOBODY, other_kind, "nonsense"):
            answer = await client.get(f"/v1/listings/{listing_id}", headers=seller.headers)
            assert answer.status_code in (404, 422), answer.text
