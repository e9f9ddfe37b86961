"""The staff's queue over HTTP, and what a decision does to the listing and the register."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from marketplace.infra.access import Principal
from marketplace.infra.http.etags import etag_of
from marketplace.kernel.errors import DomainError
from marketplace.kernel.ids import parse_id
from marketplace.listings import service as listings
from marketplace.parties import service as parties
from marketplace.parties.domain import Decision
from marketplace.register import service as register
from marketplace.reviews import service
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.jobs import Drain
from tests.support.listings import (
    Person,
    draft_body,
    open_review_of,
    open_seller,
    open_staff,
    published_listing,
    submitted_listing,
    upload,
)


class Desk(msgspec.Struct, frozen=True):
    """A seller with a submitted listing, a reviewer, and the review."""

    seller: Person
    reviewer: Person
    listing_id: str
    case: dict[str, Any]

    @property
    def address(self) -> str:
        """Give the address of the review."""
        return f"/v1/reviews/{self.case['review']['id']}"


@pytest.fixture
async def desk(client: httpx.AsyncClient, work: OpenWork, clock: FixedClock) -> Desk:
    """Give a desk with one listing on it that no paper is missing for."""
    seller, reviewer = await open_seller(work), await open_staff(work)
    submitted = await submitted_listing(client, clock, seller)
    case = await open_review_of(client, reviewer, submitted["id"])
    return Desk(seller, reviewer, submitted["id"], case)


async def decide(
    client: httpx.AsyncClient, place: Desk, answer: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    """Decide as the desk's reviewer; approvals need no body, the others give a reason."""
    if body is None:
        body = {} if answer == "approval" else {"reasons": "The invoice is unreadable."}
    return await client.post(f"{place.address}/{answer}", json=body, headers=place.reviewer.headers)


async def listing_of(client: httpx.AsyncClient, place: Desk) -> dict[str, Any]:
    answer = await client.get(f"/v1/listings/{place.listing_id}", headers=place.seller.headers)
    body: dict[str, Any] = answer.json()
    return body


class TestQueue:
    async def test_longest_waiting_comes_first_in_pages(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, desk: Desk
    ) -> None:
        later = await submitted_listing(client, clock, await open_seller(work))
        given: dict[str, Any] = {"state": "open", "limit": 1}
        first = await client.get("/v1/reviews", params=given, headers=desk.reviewer.headers)
        second = await client.get(
            "/v1/reviews",
            params=given | {"cursor": first.json()["next_cursor"]},
            headers=desk.reviewer.headers,
        )
        (one,), (two,) = first.json()["items"], second.json()["items"]
        assert one["review"]["listing_id"] == desk.listing_id
        assert one["seller_name"] == desk.seller.company.legal_name
        assert two["listing"]["id"] == later["id"]
        assert second.json()["next_cursor"] is None

    async def test_case_shows_everything_the_decision_rests_on(
        self, client: httpx.AsyncClient, desk: Desk
    ) -> None:
        assert desk.case["to_decide"] == []
        assert len(desk.case["evidence"]) == 3
        assert desk.case["findings"] == desk.case["submitted_findings"]
        all_states = await client.get("/v1/reviews", headers=desk.reviewer.headers)
        assert len(all_states.json()["items"]) == 1

    @pytest.mark.parametrize("role", ["finance", None])
    async def test_only_reviewers_see_it(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk, role: str | None
    ) -> None:
        person = await open_staff(work, role) if role else desk.seller
        for answer in (
            await client.get("/v1/reviews", headers=person.headers),
            await client.get(desk.address, headers=person.headers),
            await client.post(f"{desk.address}/approval", json={}, headers=person.headers),
        ):
            assert answer.status_code == 403

    async def test_unknown_review_is_not_found(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        reviewer = await open_staff(work)
        answer = await client.get(
            "/v1/reviews/rev_01k0000000e000000000000000", headers=reviewer.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "review.unknown")


class TestApproveListing:
    async def test_lot_is_opened_with_the_facts_of_the_first_sale(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk
    ) -> None:
        answer = await decide(client, desk, "approval")
        assert (answer.status_code, answer.json()["state"]) == (200, "approved")
        listing = await listing_of(client, desk)
        assert (listing["state"], listing["available_quantity"]) == ("published", 60)
        lot_id = parse_id("lot", listing["lot_id"])
        async with work() as unit:
            title = await register.lot_title(unit, lot_id)
            rows = await unit.connection.execute(
                text(
                    "SELECT e.kind, d.field, d.value FROM title_events e "
                    "JOIN title_disclosures d ON d.event_id = e.id WHERE e.lot_id = :lot"
                ),
                {"lot": lot_id},
            )
            disclosed = [(row.kind, row.field, row.value) for row in rows]
        assert title.is_whole
        assert (title.units, title.opened_by) == (60, desk.seller.company.id)
        opened = {field: value for kind, field, value in disclosed if kind == "lot.opened"}
        assert opened["product"] == "ws_cal-2019-user"
        assert opened["agreement"] == listing["position"]["agreement_number"]
        assert opened["acquirer"] == desk.seller.company.legal_name
        assert opened["territory"] == "DE"
        assert opened["attestor"] == desk.reviewer.company.legal_name
        papers = {row["sha256"] for row in listing["evidence"]}
        assert opened["first_sale_document"] in papers
        shown = {value for kind, field, value in disclosed if field == "file"}
        assert shown == papers

    async def test_decision_is_audited_and_announced(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk
    ) -> None:
        await decide(client, desk, "approval")
        async with work() as unit:
            audited = (
                await unit.connection.execute(
                    text("SELECT * FROM audit_log WHERE action LIKE 'review.%'")
                )
            ).one()
            names = set(await unit.connection.scalars(text("SELECT name FROM events")))
        assert (audited.action, audited.subject) == ("review.approved", desk.listing_id)
        assert audited.member_id is not None
        assert {"review.opened.v1", "review.decided.v1", "listing.published.v1"} <= names

    async def test_second_decision_is_refused(self, client: httpx.AsyncClient, desk: Desk) -> None:
        await decide(client, desk, "approval")
        for answer in ("approval", "change-request", "rejection"):
            again = await decide(client, desk, answer)
            assert (again.status_code, again.json()["code"]) == (409, "review.closed")

    async def test_simultaneous_approvals_open_one_lot(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk
    ) -> None:
        answers = await asyncio.gather(*(decide(client, desk, "approval") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        async with work() as unit:
            assert await unit.connection.scalar(text("SELECT count(*) FROM title_lots")) == 1

    async def test_missing_papers_need_the_reviewers_own_decision(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        drafted = await client.post("/v1/listings", json=draft_body(clock), headers=seller.headers)
        listing_id = drafted.json()["id"]
        await client.post(f"/v1/listings/{listing_id}/submission", headers=seller.headers)
        case = await open_review_of(client, reviewer, listing_id)
        desk = Desk(seller, reviewer, listing_id, case)
        assert "c01.source_unproven" in case["to_decide"]
        refused = await decide(client, desk, "approval")
        assert (refused.status_code, refused.json()["code"]) == (409, "review.finding_undecided")
        named = [row["pointer"].removeprefix("/findings/") for row in refused.json()["errors"]]
        assert named == case["to_decide"]

        await upload(client, seller, listing_id)
        cured = (await client.get(desk.address, headers=reviewer.headers)).json()
        assert len(cured["to_decide"]) < len(case["to_decide"])
        assert cured["submitted_findings"] == case["submitted_findings"]
        decisions = [{"code": code, "note": "seen on paper"} for code in cured["to_decide"]]
        approved = await decide(client, desk, "approval", {"decisions": decisions})
        assert approved.json()["decisions"] == decisions

    async def test_listing_without_any_paper_is_opened_without_a_document(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        drafted = await client.post("/v1/listings", json=draft_body(clock), headers=seller.headers)
        listing_id = drafted.json()["id"]
        await client.post(f"/v1/listings/{listing_id}/submission", headers=seller.headers)
        case = await open_review_of(client, reviewer, listing_id)
        decisions = [{"code": code, "note": "known to us"} for code in case["to_decide"]]
        approved = await client.post(
            f"/v1/reviews/{case['review']['id']}/approval",
            json={"decisions": decisions},
            headers=reviewer.headers,
        )
        assert approved.status_code == 200, approved.text

    async def test_position_claimed_by_two_sellers_is_shown_and_must_be_decided(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock, desk: Desk
    ) -> None:
        position = (await listing_of(client, desk))["position"]
        second = await submitted_listing(client, clock, await open_seller(work), position=position)
        case = (await client.get(desk.address, headers=desk.reviewer.headers)).json()
        assert [row["id"] for row in case["claims"]] == [second["id"]]
        assert case["to_decide"] == ["position.listed_by_another"]
        refused = await decide(client, desk, "approval")
        assert refused.json()["code"] == "review.finding_undecided"
        body = {"decisions": [{"code": "position.listed_by_another", "note": "papers compared"}]}
        assert (await decide(client, desk, "approval", body)).status_code == 200

    async def test_unknown_decision_is_refused(self, client: httpx.AsyncClient, desk: Desk) -> None:
        body = {"decisions": [{"code": "c07.not_declared", "note": "later"}]}
        answer = await decide(client, desk, "approval", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "review.finding_unknown")

    async def test_withdrawn_listing_cannot_be_approved_and_leaves_the_queue(
        self, client: httpx.AsyncClient, desk: Desk, drain_jobs: Drain
    ) -> None:
        await client.post(f"/v1/listings/{desk.listing_id}/withdrawal", headers=desk.seller.headers)
        refused = await decide(client, desk, "approval")
        assert (refused.status_code, refused.json()["code"]) == (409, "listing.not_possible")
        assert "reviews.close" in await drain_jobs()
        case = (await client.get(desk.address, headers=desk.reviewer.headers)).json()
        assert case["review"]["state"] == "lapsed"

    async def test_seller_that_lost_its_verification_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk
    ) -> None:
        company = desk.seller.company
        async with work() as unit:
            await parties.decide_verification(
                unit,
                company.id,
                Decision.REVOKED,
                "papers false",
                etag_of(company.id, company.version),
            )
        refused = await decide(client, desk, "approval")
        assert (refused.status_code, refused.json()["code"]) == (409, "company.not_verified")
        assert (await listing_of(client, desk))["state"] == "submitted"

    async def test_operators_own_listing_needs_somebody_else(
        self, work: OpenWork, desk: Desk
    ) -> None:
        async with work() as unit:
            case = await service.load_case(unit, parse_id("rev", desk.case["review"]["id"]))
        reviewer = Principal(
            scope="staff",
            credential="test:insider",
            company_id=case.seller.id,
            member_id=case.seller.id,
            roles=frozenset({"reviewer"}),
        )
        with pytest.raises(DomainError, match=r"review\.own_company"):
            async with work(reviewer) as unit:
                await service.approve(unit, case.review.id, ())


class TestSendBack:
    async def test_seller_reads_the_reasons_changes_and_submits_again(
        self, client: httpx.AsyncClient, work: OpenWork, desk: Desk
    ) -> None:
        answer = await decide(client, desk, "change-request")
        assert (answer.status_code, answer.json()["state"]) == (200, "changes_requested")
        listing = await client.get(f"/v1/listings/{desk.listing_id}", headers=desk.seller.headers)
        assert listing.json()["state"] == "changes_requested"
        assert listing.json()["note"] == "The invoice is unreadable."
        changed = await client.patch(
            f"/v1/listings/{desk.listing_id}",
            json={"smallest_quantity": 6},
            headers=desk.seller.headers | {"If-Match": listing.headers["etag"]},
        )
        assert changed.status_code == 200
        again = await client.post(
            f"/v1/listings/{desk.listing_id}/submission", headers=desk.seller.headers
        )
        assert (again.status_code, again.json()["note"]) == (200, "")
        second = await open_review_of(client, desk.reviewer, desk.listing_id)
        assert second["review"]["id"] != desk.case["review"]["id"]
        async with work() as unit:
            first = await listings.load_submission(
                unit, (await service.load_case(unit, _id(desk))).submission.id
            )
        assert first.position.offered == 60

    async def test_reasons_are_needed(self, client: httpx.AsyncClient, desk: Desk) -> None:
        for answer in ("change-request", "rejection"):
            refused = await decide(client, desk, answer, {"reasons": ""})
            assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")


class TestRejectListing:
    async def test_rejection_is_final_and_frees_the_position(
        self, client: httpx.AsyncClient, clock: FixedClock, desk: Desk
    ) -> None:
        answer = await decide(client, desk, "rejection")
        assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
        listing = await listing_of(client, desk)
        assert (listing["state"], listing["note"]) == ("rejected", "The invoice is unreadable.")
        again = await submitted_listing(client, clock, desk.seller, position=listing["position"])
        assert again["state"] == "submitted"


class TestPublished:
    async def test_what_a_buyer_must_know_is_a_label(
        self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock
    ) -> None:
        seller, reviewer = await open_seller(work), await open_staff(work)
        listing = await published_listing(
            client, clock, seller, reviewer, position={"segment": "academic"}
        )
        shown = (await client.get(f"/v1/catalogue/{listing['id']}")).json()
        assert shown["labels"] == ["c10.split_clause", "c13.restricted"]
        assert shown["restricted"] is True


def _id(desk: Desk) -> Any:
    return parse_id("rev", desk.case["review"]["id"])
