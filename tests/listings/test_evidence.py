"""Papers over HTTP: limits, types, one file once, and how they come back."""

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.infra.storage import ContentStorage
from marketplace.listings.domain.files import SIZE_MAX
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import (
    PDF,
    Person,
    draft_body,
    jpeg,
    open_seller,
    png,
    submitted_listing,
    upload,
)


@pytest.fixture
async def seller(work: OpenWork) -> Person:
    """Give a seller."""
    return await open_seller(work)


@pytest.fixture
async def listing_id(client: httpx.AsyncClient, clock: FixedClock, seller: Person) -> str:
    """Give a draft of the seller."""
    drafted = await client.post("/v1/listings", json=draft_body(clock), headers=seller.headers)
    return str(drafted.json()["id"])


class TestAttachEvidence:
    @pytest.mark.parametrize(
        ("name", "data", "media_type"),
        [
            ("invoice.pdf", PDF, "application/pdf"),
            ("scan.png", png(), "image/png"),
            ("photo of the card.JPG", jpeg(), "image/jpeg"),
        ],
    )
    async def test_file_is_kept_by_its_hash(  # noqa: PLR0913, PLR0917 - fixtures
        self,
        client: httpx.AsyncClient,
        seller: Person,
        listing_id: str,
        storage: ContentStorage,
        name: str,
        data: bytes,
        media_type: str,
    ) -> None:
        answer = await upload(
            client, seller, listing_id, file_name=name, data=data, media_type=media_type
        )
        body = answer.json()
        assert answer.status_code == 201, answer.text
        assert body["sha256"] == hashlib.sha256(data).hexdigest()
        assert (body["media_type"], body["size_bytes"]) == (media_type, len(data))
        assert await storage.get(body["sha256"]) == data

    async def test_same_file_again_is_the_same_paper(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        first = await upload(client, seller, listing_id)
        before = await client.get(f"/v1/listings/{listing_id}", headers=seller.headers)
        again = await upload(client, seller, listing_id, file_name="copy.pdf")
        after = await client.get(f"/v1/listings/{listing_id}", headers=seller.headers)
        assert again.json() == first.json()
        assert after.headers["etag"] == before.headers["etag"]

    async def test_same_file_may_show_two_things(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        first = await upload(client, seller, listing_id)
        second = await upload(client, seller, listing_id, kind="agreement")
        assert first.json()["sha256"] == second.json()["sha256"]
        assert first.json()["id"] != second.json()["id"]

    async def test_file_of_20_mb_is_taken(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        padded = PDF.replace(b"endobj", b"endobj" + b" " * (SIZE_MAX - len(PDF)), 1)
        answer = await upload(client, seller, listing_id, data=padded)
        assert (answer.status_code, answer.json()["size_bytes"]) == (201, SIZE_MAX)

    async def test_one_byte_more_is_refused(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        answer = await upload(client, seller, listing_id, data=PDF.ljust(SIZE_MAX + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")

    async def test_endless_body_is_not_read_beyond_the_limit(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1_000_000
                yield b"\0" * 1_000_000

        answer = await client.post(
            f"/v1/listings/{listing_id}/evidence",
            params={"kind": "other", "file_name": "a.pdf"},
            content=endless(),
            headers=seller.headers | {"Content-Type": "application/pdf"},
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
        assert sent <= SIZE_MAX + 1_000_000

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"data": b""}, 422, "evidence.empty"),
            ({"data": PDF[:-9]}, 422, "evidence.damaged"),
            ({"data": PDF + b"PK\x03\x04"}, 422, "evidence.damaged"),
            ({"data": b"MZ\x90\x00"}, 415, "evidence.type_unknown"),
            ({"data": png()}, 415, "evidence.type_mismatch"),
            ({"file_name": "invoice.png"}, 415, "evidence.type_mismatch"),
            ({"media_type": "image/png"}, 415, "evidence.type_mismatch"),
            ({"kind": "selfie"}, 422, "request.invalid"),
            ({"file_name": ""}, 422, "request.invalid"),
            ({"file_name": "../invoice.pdf"}, 422, "request.invalid"),
            ({"file_name": "a" * 200 + ".pdf"}, 422, "request.invalid"),
            ({"file_name": "in\x00voice.pdf"}, 422, "request.invalid"),
        ],
    )
    async def test_wrong_file_is_refused(
        self,
        client: httpx.AsyncClient,
        seller: Person,
        listing_id: str,
        changes: dict[str, object],
        status: int,
        code: str,
    ) -> None:
        answer = await upload(client, seller, listing_id, **changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        listed = await client.get(f"/v1/listings/{listing_id}/evidence", headers=seller.headers)
        assert listed.json()["items"] == []

    async def test_stranger_is_refused_before_its_file_is_read(
        self, client: httpx.AsyncClient, listing_id: str
    ) -> None:
        was_read = False

        async def unread() -> AsyncIterator[bytes]:
            nonlocal was_read
            was_read = True
            yield b""

        answer = await client.post(
            f"/v1/listings/{listing_id}/evidence",
            params={"kind": "other", "file_name": "a.pdf"},
            content=unread(),
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "credential.missing")
        assert not was_read

    async def test_papers_are_taken_while_the_review_is_open_and_no_longer(
        self, client: httpx.AsyncClient, clock: FixedClock, seller: Person
    ) -> None:
        submitted = await submitted_listing(client, clock, seller)
        more = await upload(client, seller, submitted["id"], kind="portal_extract")
        assert more.status_code == 201
        await client.post(f"/v1/listings/{submitted['id']}/withdrawal", headers=seller.headers)
        late = await upload(client, seller, submitted["id"], kind="other")
        assert (late.status_code, late.json()["code"]) == (409, "listing.evidence_closed")


class TestFetchEvidence:
    async def test_file_comes_back_as_it_was_and_is_not_shown_in_our_pages(
        self, client: httpx.AsyncClient, seller: Person, listing_id: str
    ) -> None:
        kept = await upload(client, seller, listing_id, file_name="Rechnung für CALs.pdf")
        answer = await client.get(
            f"/v1/listings/{listing_id}/evidence/{kept.json()['id']}", headers=seller.headers
        )
        assert answer.content == PDF
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] == (
            "attachment; filename*=UTF-8''Rechnung%20f%C3%BCr%20CALs.pdf"
        )
        assert "sandbox" in answer.headers["content-security-policy"]

    async def test_paper_of_another_listing_is_not_found(
        self, client: httpx.AsyncClient, clock: FixedClock, seller: Person, listing_id: str
    ) -> None:
        kept = await upload(client, seller, listing_id)
        other = await submitted_listing(client, clock, seller)
        answer = await client.get(
            f"/v1/listings/{other['id']}/evidence/{kept.json()['id']}", headers=seller.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "evidence.unknown")
