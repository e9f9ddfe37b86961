"""Reading, printing, granting, revoking and checking certificates over HTTP; papers from the real printing process."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pypdfium2
import pytest

from marketplace.certificates import service
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.render.port import Renderer
from marketplace.kernel.ids import format_id, parse_id
from marketplace.parties.domain import CompanyKind
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.deals import Deal, open_deal
from tests.support.jobs import Drain
from tests.support.listings import Person, open_staff
from tests.support.parties import make_party
from tests.support.quotes import open_trader, wait_in_database

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def deal(client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain) -> Deal:
    """Give a completed deal, its papers printed."""
    opened = await open_deal(client, work, drain_jobs)
    await opened.complete()
    return opened


async def certificate_of(deal: Deal, person: Person) -> dict[str, Any]:
    """Give the certificate as a person reads it."""
    (summary,) = await deal.certificates(person)
    answer = await deal.client.get(f"/v1/certificates/{summary['id']}", headers=person.headers)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def fetch(
    client: httpx.AsyncClient, person: Person, certificate_id: str, language: str = "en"
) -> httpx.Response:
    return await client.get(
        f"/v1/certificates/{certificate_id}.pdf?language={language}", headers=person.headers
    )


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [document[number] for number in range(len(document))]
        return " ".join(" ".join(page.get_textpage().get_text_bounded() for page in pages).split())
    finally:
        document.close()


async def open_partner(work: OpenWork) -> Person:
    async with work() as unit:
        made = await make_party(
            unit, kind=CompanyKind.PARTNER, legal_name=f"Auditor {uuid4().hex[:8]}", vat_id=None
        )
    return Person(made.company, made.token)


async def grant(
    deal: Deal, partner: Person, moment: Any, certificates: Any = "all"
) -> dict[str, Any]:
    body = {
        "partner_company_id": format_id("cmp", partner.company.id),
        "certificates": certificates,
        "expires_at": moment.isoformat(),
    }
    answer = await deal.client.post("/v1/grants", json=body, headers=deal.buyer.headers)
    assert answer.status_code == 201, answer.text
    given: dict[str, Any] = answer.json()
    return given


class TestLoadCertificate:
    async def test_holder_reads_all_facts(self, deal: Deal) -> None:
        body = await certificate_of(deal, deal.buyer)
        assert (body["status"], body["read_as"]) == ("issued", "holder")
        assert body["order_id"] == deal.order["id"]
        assert body["facts"]["seller"]["name"] == deal.sellers[0].company.legal_name
        assert body["facts"]["buyer"]["name"] == deal.buyer.company.legal_name
        assert body["languages"] == ["de", "en"]
        assert body["verify_url"].endswith(f"/verify/{body['facts']['verification']['code']}")

    async def test_seller_does_not_learn_order_and_buyer(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        (summary,) = await deal.certificates(seller)
        answer = await deal.client.get(f"/v1/certificates/{summary['id']}", headers=seller.headers)
        assert answer.json()["read_as"] == "seller"
        for secret in (
            deal.order["id"],
            deal.order["id"].removeprefix("ord_"),
            deal.buyer.company.legal_name,
            deal.buyer.company.register_number,
        ):
            assert secret not in answer.text

    async def test_masked_seller_is_a_reference_to_the_holder(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain
    ) -> None:
        deal = await open_deal(client, work, drain_jobs)
        await deal.complete(disclosure="masked_with_release_on_audit")
        (seller,) = deal.sellers
        body = await certificate_of(deal, deal.buyer)
        assert body["facts"]["seller"]["name"] is None
        assert body["facts"]["seller"]["reference"] == format_id("cmp", seller.company.id)
        paper = await fetch(client, deal.buyer, body["id"])
        assert seller.company.legal_name not in text_of(paper.content)
        staff = await certificate_of(deal, deal.finance)
        assert staff["facts"]["seller"]["name"] == seller.company.legal_name

    async def test_others_find_nothing(self, deal: Deal, work: OpenWork) -> None:
        (summary,) = await deal.certificates(deal.buyer)
        stranger = await open_trader(work)
        for path in (summary["id"], f"{summary['id']}.pdf"):
            answer = await deal.client.get(f"/v1/certificates/{path}", headers=stranger.headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "certificate.unknown")
        assert await deal.certificates(stranger) == []

    async def test_etag_is_that_of_what_this_reader_sees(self, deal: Deal) -> None:
        (summary,) = await deal.certificates(deal.buyer)
        path = f"/v1/certificates/{summary['id']}"
        tags = [
            (await deal.client.get(path, headers=person.headers)).headers["etag"]
            for person in (deal.buyer, deal.sellers[0])
        ]
        assert tags[0] != tags[1]
        again = deal.buyer.headers | {"If-None-Match": tags[0]}
        assert (await deal.client.get(path, headers=again)).status_code == 304

    async def test_lists_come_in_pages(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain
    ) -> None:
        deal = await open_deal(client, work, drain_jobs, sellers=2)
        await deal.complete()
        first = await client.get("/v1/certificates?limit=1", headers=deal.buyer.headers)
        rest = await client.get(
            f"/v1/certificates?limit=1&cursor={first.json()['next_cursor']}",
            headers=deal.buyer.headers,
        )
        assert rest.json()["next_cursor"] is None
        ids = [page.json()["items"][0]["id"] for page in (first, rest)]
        assert ids == sorted(ids, reverse=True)


class TestPaper:
    @pytest.mark.parametrize("language", ["en", "de"])
    async def test_holder_fetches_the_paper(self, deal: Deal, language: str) -> None:
        body = await certificate_of(deal, deal.buyer)
        answer = await fetch(deal.client, deal.buyer, body["id"], language)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
        assert f"{body['number']}-{language}.pdf" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        printed = text_of(answer.content)
        assert body["number"] in printed
        assert deal.buyer.company.legal_name in printed
        assert {"en": "Certificate", "de": "Urkunde"}[language].lower() in printed.lower()

    async def test_paper_that_was_seen_is_not_sent_again(self, deal: Deal) -> None:
        (summary,) = await deal.certificates(deal.buyer)
        first = await fetch(deal.client, deal.buyer, summary["id"])
        headers = deal.buyer.headers | {"If-None-Match": first.headers["etag"]}
        again = await deal.client.get(f"/v1/certificates/{summary['id']}.pdf", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]

    async def test_sellers_paper_is_printed_when_asked_for(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        (summary,) = await deal.certificates(seller)
        taken = await fetch(deal.client, seller, summary["id"])
        assert taken.status_code == 202
        assert taken.headers["retry-after"] == "2"
        assert taken.json()["languages"] == []
        await fetch(deal.client, seller, summary["id"])
        assert await deal.drain() == ["certificates.render_for_seller"]
        for language in CERTIFICATE.languages:
            ready = await fetch(deal.client, seller, summary["id"], language)
            assert ready.status_code == 200
            printed = text_of(ready.content)
            assert seller.company.legal_name in printed
            assert deal.buyer.company.legal_name not in printed

    async def test_paper_is_on_its_way_before_the_printer_ran(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain
    ) -> None:
        deal = await open_deal(client, work, drain_jobs)
        await deal.pay()
        await deal.declare(deal.sellers[0])
        async with work() as unit:
            (issued,) = await service.complete_order(
                unit, parse_id("ord", deal.order["id"]), "https://cession.example"
            )
        certificate_id = format_id("crt", issued.id)
        assert (await fetch(client, deal.buyer, certificate_id)).status_code == 202
        await drain_jobs()
        assert (await fetch(client, deal.buyer, certificate_id)).status_code == 200

    async def test_printing_again_gives_the_same_bytes(
        self, deal: Deal, renderer: Renderer
    ) -> None:
        body = await certificate_of(deal, deal.buyer)
        stored = (await fetch(deal.client, deal.buyer, body["id"])).content
        view = CERTIFICATE.read(httpx.Response(200, json=body["facts"]).content)
        assert await renderer.render(CERTIFICATE.name, CERTIFICATE.version, "en", view) == stored

    async def test_language_that_does_not_exist_is_refused(self, deal: Deal) -> None:
        (summary,) = await deal.certificates(deal.buyer)
        answer = await fetch(deal.client, deal.buyer, summary["id"], "fr")
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


class TestGrants:
    async def test_grant_of_all_opens_facts_and_paper(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        partner = await open_partner(work)
        assert await deal.certificates(partner) == []
        await grant(deal, partner, clock.now() + timedelta(days=30))
        body = await certificate_of(deal, partner)
        assert body["read_as"] == "partner"
        assert body["facts"]["buyer"]["name"] == deal.buyer.company.legal_name
        assert body["order_id"] is None
        assert (await fetch(deal.client, partner, body["id"])).status_code == 200

    async def test_grant_of_a_list_opens_only_these(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain, clock: FixedClock
    ) -> None:
        deal = await open_deal(client, work, drain_jobs, sellers=2)
        await deal.complete()
        one, other = await deal.certificates(deal.buyer)
        partner = await open_partner(work)
        await grant(deal, partner, clock.now() + timedelta(days=30), [one["id"]])
        assert [item["id"] for item in await deal.certificates(partner)] == [one["id"]]
        hidden = await client.get(f"/v1/certificates/{other['id']}", headers=partner.headers)
        assert hidden.status_code == 404

    async def test_sellers_grant_does_not_open_the_buyers_certificate(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        partner = await open_partner(work)
        body = {
            "partner_company_id": format_id("cmp", partner.company.id),
            "expires_at": (clock.now() + timedelta(days=1)).isoformat(),
        }
        given = await deal.client.post("/v1/grants", json=body, headers=deal.sellers[0].headers)
        assert given.status_code == 201
        assert await deal.certificates(partner) == []

    async def test_expired_grant_opens_nothing(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        partner = await open_partner(work)
        async with work() as unit:
            moment = max(clock.now(), unit.now) + timedelta(seconds=1)
        await grant(deal, partner, moment)
        await wait_in_database(work, 1.2)
        assert await deal.certificates(partner) == []

    async def test_revoked_grant_opens_nothing(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        partner = await open_partner(work)
        given = await grant(deal, partner, clock.now() + timedelta(days=30))
        assert len(await deal.certificates(partner)) == 1
        ended = await deal.client.delete(f"/v1/grants/{given['id']}", headers=deal.buyer.headers)
        assert ended.status_code in {200, 204}, ended.text
        assert await deal.certificates(partner) == []


class TestRevokeCertificate:
    async def revoke(self, deal: Deal, person: Person) -> httpx.Response:
        (summary,) = await deal.certificates(deal.buyer)
        return await deal.client.post(
            f"/v1/certificates/{summary['id']}/revocation",
            json={"reason": "The declaration was withdrawn."},
            headers=person.headers,
        )

    async def test_everyone_who_checks_is_told(self, deal: Deal, work: OpenWork) -> None:
        code = (await certificate_of(deal, deal.buyer))["facts"]["verification"]["code"]
        answer = await self.revoke(deal, await open_staff(work, "admin"))
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "revoked"
        told = (await deal.client.get(f"/v1/verifications/{code}")).json()
        assert (told["status"], told["status_reason"]) == (
            "revoked",
            "The declaration was withdrawn.",
        )
        page = await deal.client.get(f"/verify/{code}", headers={"Accept-Language": "de"})
        assert "Widerrufen" in page.text
        assert "The declaration was withdrawn." in page.text
        held = await certificate_of(deal, deal.buyer)
        assert (held["status"], held["status_reason"]) == (
            "revoked",
            "The declaration was withdrawn.",
        )

    async def test_second_revocation_is_refused(self, deal: Deal, work: OpenWork) -> None:
        admin = await open_staff(work, "admin")
        await self.revoke(deal, admin)
        again = await self.revoke(deal, admin)
        assert (again.status_code, again.json()["code"]) == (409, "certificate.ended")

    async def test_only_administrators_revoke(self, deal: Deal) -> None:
        for person in (deal.buyer, deal.sellers[0], deal.finance):
            assert (await self.revoke(deal, person)).status_code == 403

    async def test_unknown_certificate_is_not_found(self, deal: Deal, work: OpenWork) -> None:
        admin = await open_staff(work, "admin")
        answer = await deal.client.post(
            f"/v1/certificates/{format_id('crt', uuid4())}/revocation",
            json={"reason": "a test"},
            headers=admin.headers,
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "certificate.unknown")


class TestVerifyCertificate:
    async def test_code_opens_public_facts_however_it_is_typed(self, deal: Deal) -> None:
        body = await certificate_of(deal, deal.buyer)
        code = body["facts"]["verification"]["code"]
        for typed in (
            code,
            code.lower(),
            code.replace("-", ""),
            code.replace("-", " "),
            f" {code}",
        ):
            answer = await deal.client.get(f"/v1/verifications/{typed}")
            assert answer.status_code == 200, typed
            assert answer.json()["number"] == body["number"]
            page = await deal.client.get(f"/verify/{typed}")
            assert page.status_code == 200
            assert body["number"] in page.text
            assert "Valid" in page.text

    async def test_neither_side_is_named(self, deal: Deal) -> None:
        code = (await certificate_of(deal, deal.buyer))["facts"]["verification"]["code"]
        for path in (f"/v1/verifications/{code}", f"/verify/{code}"):
            answer = await deal.client.get(path)
            for person in (deal.buyer, deal.sellers[0]):
                assert person.company.legal_name not in answer.text
                assert format_id("cmp", person.company.id) not in answer.text
            assert "Cession Operations GmbH" in answer.text

    @pytest.mark.parametrize("code", ["NO-SUCH-CODE", "A" * 60, "0"])
    async def test_unknown_code_is_not_found(self, client: httpx.AsyncClient, code: str) -> None:
        answer = await client.get(f"/v1/verifications/{code}")
        assert (answer.status_code, answer.json()["code"]) == (404, "certificate.code_unknown")

    @pytest.mark.parametrize("code", ["A" * 61, "%C3%BC", "a%0Ab"])
    async def test_text_that_is_no_code_is_refused(
        self, client: httpx.AsyncClient, code: str
    ) -> None:
        assert (await client.get(f"/v1/verifications/{code}")).status_code in {404, 422}
