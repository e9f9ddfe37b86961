"""Sellers, drafts, papers and reviewers for tests: real companies, real files, real routes."""

import struct
import zlib
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec

from marketplace.infra.access import COMPANY_SCOPES, Principal
from marketplace.infra.http.etags import etag_of
from marketplace.parties import service as parties
from marketplace.parties.domain import (
    Address,
    Company,
    CompanyFacts,
    CompanyKind,
    Decision,
    NewMember,
)
from tests.conftest import OpenWork
from tests.support.clock import FixedClock

PASSWORD: Final = "correct horse battery"
PDF: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\nxref\n0 3\ntrailer<</Root 1 0 R/Size 3>>\n"
    b"startxref\n97\n%%EOF\n"
)


class Person(msgspec.Struct, frozen=True):
    """A company with a credential, or a member of staff."""

    company: Company
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Give the header that makes a request this one's."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def principal(self) -> Principal:
        """Give the principal of the company's key, for calling services."""
        return Principal(
            scope="company",
            credential=f"test:{self.company.id}",
            company_id=self.company.id,
            scopes=frozenset(COMPANY_SCOPES),
            verified=True,
        )


def png(width: int = 2, height: int = 2) -> bytes:
    """Make a small grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def jpeg(scan: bytes = b"\x12\xff\x00\x34") -> bytes:
    """Make the skeleton of a JPEG: header, one frame, one scan, end."""
    app0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    frame = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00"
    start = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + app0 + frame + start + scan + b"\xff\xd9"


async def open_seller(
    work: OpenWork, country: str = "DE", vat_id: str | None = None, *, verified: bool = True
) -> Person:
    """Register a company, verify it, make a key with every scope."""
    mark = uuid4().hex[:10]
    facts = CompanyFacts(
        legal_name=f"Seller {mark}",
        register_number=f"HRB {mark}",
        country=country,
        vat_id=vat_id,
        address=Address(("Hauptstrasse 1",), "12345", "Musterstadt"),
    )
    owner = NewMember(name="Owner", email=f"{mark}@example.org", password=PASSWORD)
    async with work() as unit:
        company = (await parties.register_company(unit, CompanyKind.COMPANY, facts, owner)).company
        if verified:
            etag = etag_of(company.id, company.version)
            company = await parties.decide_verification(
                unit, company.id, Decision.VERIFIED, "papers seen", etag
            )
        await unit.assume(Person(company, "").principal)
        issued = await parties.create_key(unit, "tests", frozenset(COMPANY_SCOPES), None)
    return Person(company, issued.secret)


async def open_staff(work: OpenWork, role: str = "reviewer") -> Person:
    """Make the operator, when there is none, and a member of its staff with a session."""
    facts = CompanyFacts(
        legal_name="Cession Operations GmbH",
        register_number="HRB 1",
        country="DE",
        vat_id=None,
        address=Address(("Hauptstrasse 1",), "12345", "Musterstadt"),
    )
    email = f"{uuid4().hex[:10]}@cession.example"
    person = NewMember(name="Staff", email=email, password=PASSWORD, roles=frozenset({role}))
    async with work() as unit:
        operator = await parties.create_operator(unit, facts)
        await parties.create_staff(unit, person)
        logged_in = await parties.log_in(unit, email, PASSWORD)
    return Person(operator, logged_in.session.token)


def position_body(**changes: Any) -> dict[str, Any]:
    """Give a position that only papers are missing for: 100 WS 2019 User CALs of an Open License."""
    return {
        "product": "ws_cal-2019-user",
        "programme": "open_license",
        "agreement_number": f"6{uuid4().int % 10**7:07}",
        "identifiers": {"licence_number": "87654321"},
        "part_number": "R18-05768",
        "acquired": 100,
        "offered": 60,
        "retained": 40,
        "country": "DE",
        "first_sold_on": "2020-03-01",
        "first_seller": "authorised_partner",
        "term": "perpetual",
        "paid_in_full": True,
        "purchased_version": "2019",
        "purchased_metric": "user",
        "sa_status": "never",
        "seller_role": "agreement_holder",
        "terms_edition": "2020-03",
        "retention_covenant": "no",
        "third_party_rights": "no",
    } | changes


def draft_body(clock: FixedClock, **changes: Any) -> dict[str, Any]:
    """Give the body of a draft; `position` may be changes of the position."""
    position = position_body(**changes.pop("position", {}))
    return {
        "position": position,
        "unit_price": {"amount_minor": 1890, "currency": "EUR"},
        "smallest_quantity": 5,
        "expires_at": (clock.now() + timedelta(days=90)).isoformat(),
    } | changes


async def upload(
    client: httpx.AsyncClient, seller: Person, listing_id: str, **changes: Any
) -> httpx.Response:
    """Upload a paper, by default the first invoice as PDF."""
    given: dict[str, Any] = {
        "kind": "first_invoice",
        "file_name": "invoice.pdf",
        "data": PDF,
        "media_type": "application/pdf",
    } | changes
    return await client.post(
        f"/v1/listings/{listing_id}/evidence",
        params={"kind": given["kind"], "file_name": given["file_name"]},
        content=given["data"],
        headers=seller.headers | {"Content-Type": given["media_type"]},
    )


async def submitted_listing(
    client: httpx.AsyncClient, clock: FixedClock, seller: Person, **changes: Any
) -> dict[str, Any]:
    """Draft a listing, upload what cures its findings, submit it; give it."""
    drafted = await client.post(
        "/v1/listings", json=draft_body(clock, **changes), headers=seller.headers
    )
    assert drafted.status_code == 201, drafted.text
    listing_id = drafted.json()["id"]
    for kind in ("agreement", "first_invoice", "payment_proof"):
        shown = await upload(client, seller, listing_id, kind=kind)
        assert shown.status_code == 201, shown.text
    submitted = await client.post(f"/v1/listings/{listing_id}/submission", headers=seller.headers)
    assert submitted.status_code == 200, submitted.text
    body: dict[str, Any] = submitted.json()
    return body


async def published_listing(
    client: httpx.AsyncClient, clock: FixedClock, seller: Person, reviewer: Person, **changes: Any
) -> dict[str, Any]:
    """Submit a listing and approve it over HTTP; give it as its seller sees it."""
    submitted = await submitted_listing(client, clock, seller, **changes)
    review = await open_review_of(client, reviewer, submitted["id"])
    decisions = [{"code": code, "note": "seen"} for code in review["to_decide"]]
    approved = await client.post(
        f"/v1/reviews/{review['review']['id']}/approval",
        json={"decisions": decisions},
        headers=reviewer.headers,
    )
    assert approved.status_code == 200, approved.text
    shown = await client.get(f"/v1/listings/{submitted['id']}", headers=seller.headers)
    body: dict[str, Any] = shown.json()
    return body


async def open_review_of(
    client: httpx.AsyncClient, reviewer: Person, listing_id: str
) -> dict[str, Any]:
    """Find the open review of a listing in the queue; give its case."""
    queue = await client.get("/v1/reviews", params={"state": "open"}, headers=reviewer.headers)
    found = next(
        item["review"]["id"]
        for item in queue.json()["items"]
        if item["review"]["listing_id"] == listing_id
    )
    case = await client.get(f"/v1/reviews/{found}", headers=reviewer.headers)
    body: dict[str, Any] = case.json()
    return body
