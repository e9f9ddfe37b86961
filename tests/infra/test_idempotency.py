"""Idempotency keys: a repeated POST gives the first answer again instead of doing it twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from marketplace.infra.http import idempotency
from tests.conftest import OpenWork
from tests.support.app import open_client
from tests.support.clock import FixedClock
from tests.support.parties import Party, make_party
from tests.support.rows import CountRows

KEY = {"Idempotency-Key": "b0d4c7a2-7c3e-4d0e-9c5e-6f1b0a4e2f10"}
NOTE = {"text": "a"}


@pytest.fixture
async def ours(work: OpenWork) -> Party:
    async with work() as opened:
        return await make_party(opened)


@pytest.fixture
async def theirs(work: OpenWork) -> Party:
    async with work() as opened:
        return await make_party(opened)


class TestSameKeySameRequest:
    async def test_gives_the_first_answer_marked_as_a_replay(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        first = await edge.post("/edge/notes", json=NOTE, headers=KEY)
        again = await edge.post("/edge/notes", json=NOTE, headers=KEY)
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content) != (0, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert await count_rows("audit_log") == 1

    async def test_of_an_answer_without_etag(
        self, edge: httpx.AsyncClient, ours: Party, count_rows: CountRows
    ) -> None:
        headers = ours.headers | KEY
        first = await edge.post("/edge/company-notes", json=NOTE, headers=headers)
        again = await edge.post("/edge/company-notes", json=NOTE, headers=headers)
        assert again.content == first.content
        assert "etag" not in again.headers
        assert await count_rows("audit_log") == 1

    async def test_is_done_again_after_a_refusal(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        for _ in range(2):
            answer = await edge.post("/edge/failures/gone", headers=KEY)
            assert answer.status_code == 410
            assert "idempotency-replayed" not in answer.headers
        assert await count_rows("idempotency_keys") == 0

    async def test_without_a_key_it_is_done_twice(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        for _ in range(2):
            await edge.post("/edge/notes", json=NOTE)
        assert await count_rows("audit_log") == 2
        assert await count_rows("idempotency_keys") == 0


class TestSameKeyOtherRequest:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/edge/notes", {"text": "b"}),
            ("/edge/notes?x=1", NOTE),
            ("/edge/slow-notes", NOTE),
        ],
    )
    async def test_is_refused(
        self, edge: httpx.AsyncClient, count_rows: CountRows, path: str, body: dict[str, Any]
    ) -> None:
        await edge.post("/edge/notes", json=NOTE, headers=KEY)
        answer = await edge.post(path, json=body, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key.reused")
        assert await count_rows("audit_log") == 1

    async def test_of_another_credential_is_another_key(
        self, edge: httpx.AsyncClient, ours: Party, theirs: Party, count_rows: CountRows
    ) -> None:
        answers = [
            await edge.post("/edge/company-notes", json={"text": text}, headers=who.headers | KEY)
            for who, text in ((ours, "a"), (theirs, "b"))
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert await count_rows("audit_log") == 2


class TestStillRunning:
    async def test_second_request_is_refused_until_the_first_is_done(
        self, edge_app: Litestar, count_rows: CountRows
    ) -> None:
        started, go_on = asyncio.Event(), asyncio.Event()
        edge_app.state["started"], edge_app.state["go_on"] = started, go_on
        async with open_client(edge_app) as edge:
            first = asyncio.create_task(edge.post("/edge/slow-notes", headers=KEY))
            await started.wait()
            early = await edge.post("/edge/slow-notes", headers=KEY)
            go_on.set()
            done = await first
            late = await edge.post("/edge/slow-notes", headers=KEY)
        assert (early.status_code, early.json()["code"]) == (409, "idempotency_key.in_use")
        assert done.status_code == 201
        assert (late.status_code, late.content) == (201, done.content)
        assert await count_rows("audit_log") == 1

    async def test_of_many_at_once_one_is_done(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        answers = await asyncio.gather(
            *(edge.post("/edge/notes", json=NOTE, headers=KEY) for _ in range(12))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert await count_rows("audit_log") == 1


class TestSecret:
    async def test_is_not_stored_and_not_shown_again(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        first = await edge.post("/edge/secrets", headers=KEY)
        again = await edge.post("/edge/secrets", headers=KEY)
        assert first.status_code == 201
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_key.shown_once")
        assert await count_rows("audit_log") == 1


class TestKey:
    @pytest.mark.parametrize("key", ["", "a b", "x" * 256, "schlüssel".encode("latin-1")])
    async def test_of_wrong_form_is_refused(self, edge: httpx.AsyncClient, key: Any) -> None:
        answer = await edge.post("/edge/notes", json=NOTE, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key.invalid")

    async def test_means_nothing_on_a_read(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        for _ in range(2):
            answer = await edge.get("/edge/notes/1", headers=KEY)
            assert (answer.status_code, "idempotency-replayed" in answer.headers) == (200, False)
        assert await count_rows("idempotency_keys") == 0


class TestPrune:
    async def test_forgets_keys_older_than_a_day(
        self, edge: httpx.AsyncClient, work: OpenWork, clock: FixedClock, count_rows: CountRows
    ) -> None:
        await edge.post("/edge/notes", json=NOTE, headers=KEY)
        clock.advance(timedelta(hours=25))
        await edge.post("/edge/notes", json=NOTE, headers={"Idempotency-Key": "other"})
        async with work() as opened:
            assert await idempotency.prune(opened, clock.now() - timedelta(hours=24)) == 1
        assert await count_rows("idempotency_keys") == 1
