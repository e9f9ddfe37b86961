"""Every refusal is a problem document with a stable code, what to do, and the request id."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports, create_app
from marketplace.infra.db import make_engine
from marketplace.infra.http.problems import TITLES
from marketplace.infra.settings import Settings
from tests.support.app import make_ports, open_client
from tests.support.edge import EdgeController

NOTE = {"text": "a"}
SQL = "/edge/failures/"


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert list(body) == ["type", "code", "title", "status", "detail", "errors", "request_id"]
    assert (body["code"], body["type"]) == (code, f"/problems/{code}")
    assert (body["status"], body["title"]) == (status, TITLES[status])
    assert body["detail"].endswith(".")
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


class TestBody:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "request.invalid"),
            (b"{", "request.malformed"),
            (b"[]", "request.invalid"),
            (b"null", "request.invalid"),
            (b'"text"', "request.invalid"),
            (b'{"text": "\xff"}', "request.malformed"),
            (b'{"text": "\xed\xa0\x80"}', "request.malformed"),
            (b'{"text": "\\ud800"}', "request.malformed"),
            (b"\xff\xfe", "request.malformed"),
            (b"[" * 100_000, "request.invalid"),
            (b'{"text": "a", "deep": ' + b"[" * 100_000, "request.invalid"),
            (b'{"text": "a", "number": 1e999}', "request.invalid"),
            (b'{"text": "a", "number": NaN}', "request.malformed"),
            (b'{"text": "a", "number": -1}', "request.invalid"),
            (b'{"text": "a", "number": "7"}', "request.invalid"),
            (b'{"text": "a", "number": true}', "request.invalid"),
            (b'{"text": "a", "number": 1.5}', "request.invalid"),
            (b'{"text": 5}', "request.invalid"),
        ],
    )
    async def test_that_cannot_be_read_or_does_not_fit_is_refused(
        self, edge: httpx.AsyncClient, content: bytes, code: str
    ) -> None:
        answer = await edge.post(
            "/edge/notes", content=content, headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 422, code)

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, ["/text"]),
            ({"text": "a", "extra": 1}, ["/extra"]),
            ({"text": ""}, ["/text"]),
            ({"text": "a", "tags": ["ok", "long"]}, ["/tags/1"]),
            ({"text": "a", "tags": 5}, ["/tags"]),
            ([], [""]),
        ],
    )
    async def test_problem_points_at_the_place(
        self, edge: httpx.AsyncClient, body: Any, pointers: list[str]
    ) -> None:
        answer = await edge.post("/edge/notes", json=body)
        problem = assert_problem(answer, 422, "request.invalid")
        assert [error["pointer"] for error in problem["errors"]] == pointers

    async def test_too_large_is_refused(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.post("/edge/notes", content=b"x" * 1_000_001)
        assert_problem(answer, 413, "request.too_large")

    async def test_that_grows_while_it_is_read_is_refused(self, edge: httpx.AsyncClient) -> None:
        async def endless() -> Any:
            for _ in range(20):
                yield b"x" * 100_000

        answer = await edge.post(
            "/edge/notes", content=endless(), headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 413, "request.too_large")


class TestAddress:
    async def test_unknown_one_is_not_found(self, edge: httpx.AsyncClient) -> None:
        assert_problem(await edge.get("/v1/nothing-here"), 404, "route.unknown")

    async def test_wrong_method_names_the_right_ones(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.patch("/edge/notes")
        assert_problem(answer, 405, "method.not_allowed")
        assert "POST" in answer.headers["allow"]

    async def test_path_of_wrong_type_is_refused_or_not_found(
        self, edge: httpx.AsyncClient
    ) -> None:
        answer = await edge.get("/edge/notes/one")
        assert answer.status_code in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("limit=0", "/query/limit"),
            ("limit=101", "/query/limit"),
            ("limit=x", "/query/limit"),
            ("limit=99999999999999999999999", "/query/limit"),
            ("colour=yellow", "/query/colour"),
            ("cursor=", "/query/cursor"),
        ],
    )
    async def test_out_of_range_points_at_the_parameter(
        self, edge: httpx.AsyncClient, query: str, pointer: str
    ) -> None:
        problem = assert_problem(await edge.get(f"/edge/list?{query}"), 422, "request.invalid")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]

    async def test_that_fits_is_read(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.get("/edge/list?limit=100&colour=red&cursor=abc")
        assert answer.json() == {"cursor": "abc", "limit": 100, "colour": "red"}


class TestDatabase:
    @pytest.mark.parametrize(
        ("sqlstate", "status", "code"),
        [
            ("23505", 409, "state.conflict"),
            ("23503", 409, "state.conflict"),
            ("23P01", 409, "state.conflict"),
            ("40001", 503, "database.busy"),
            ("40P01", 503, "database.busy"),
            ("55P03", 503, "database.busy"),
            ("57014", 503, "database.busy"),
            ("42501", 500, "internal.error"),
            ("22012", 500, "internal.error"),
            ("XX000", 500, "internal.error"),
        ],
    )
    async def test_error_becomes_the_callers_or_ours(
        self, edge: httpx.AsyncClient, sqlstate: str, status: int, code: str
    ) -> None:
        statement = (
            f"DO $$ BEGIN RAISE EXCEPTION 'secret detail' USING ERRCODE='{sqlstate}'; END $$"
        )
        answer = await edge.post(SQL + httpx.URL(path=f"/{statement}").raw_path.decode()[1:])
        assert_problem(answer, status, code)
        assert "secret" not in answer.text
        assert ("retry-after" in answer.headers) is (status == 503)

    async def test_lost_connection_is_a_moment_to_wait(self, edge: httpx.AsyncClient) -> None:
        lost = "SELECT pg_terminate_backend(pg_backend_pid())"
        assert_problem(await edge.post(SQL + lost), 503, "database.busy")
        assert (await edge.get("/edge/scope")).status_code == 200

    async def test_database_that_is_away_is_a_moment_to_wait(
        self, settings: Settings, ports: Ports
    ) -> None:
        engine = make_engine("postgresql://cession_app@/x?host=/nonexistent", 1)
        away = make_ports(engine, ports.clock, ports.ids, ports.storage)
        async with open_client(create_app(settings, away, [EdgeController])) as client:
            assert_problem(await client.get("/edge/scope"), 503, "database.busy")
        await engine.dispose()

    async def test_full_pool_is_a_moment_to_wait(
        self, settings: Settings, ports: Ports, database_url: str
    ) -> None:
        engine = make_engine(database_url, 1)
        engine.pool._timeout = 0.05  # type: ignore[attr-defined] # noqa: SLF001 - not 15 s in a test
        busy = make_ports(engine, ports.clock, ports.ids, ports.storage)
        async with open_client(create_app(settings, busy, [EdgeController])) as client:
            async with engine.connect():
                assert_problem(await client.get("/edge/scope"), 503, "database.busy")
            assert (await client.get("/edge/scope")).status_code == 200
        await engine.dispose()


class TestRefusal:
    async def test_business_error_keeps_its_code(self, edge: httpx.AsyncClient) -> None:
        assert_problem(await edge.post("/edge/failures/gone"), 410, "note.gone")

    async def test_absence_says_when_to_come_back(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.post("/edge/failures/unavailable")
        assert_problem(answer, 503, "note.unavailable")
        assert answer.headers["retry-after"] == "1"

    async def test_defect_tells_nothing_but_the_request_id(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.post("/edge/failures/bug")
        assert_problem(answer, 500, "internal.error")
        assert "secret" not in answer.text

    async def test_closed_port_is_a_moment_to_wait(self, edge: httpx.AsyncClient) -> None:
        assert_problem(await edge.post("/edge/failures/away"), 503, "database.busy")


class TestRequestId:
    async def test_of_the_caller_is_kept(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.get("/edge/view", headers={"X-Request-Id": "caller-0001"})
        assert answer.headers["x-request-id"] == "caller-0001"

    @pytest.mark.parametrize("given", ["short", "has space 1", "x" * 65, "a;b;c;d;e;f"])
    async def test_of_wrong_form_is_replaced(self, edge: httpx.AsyncClient, given: str) -> None:
        answer = await edge.get("/edge/view", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"].startswith("req_")

    async def test_differs_from_request_to_request(self, edge: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(edge.get("/edge/view") for _ in range(5)))
        assert len({answer.headers["x-request-id"] for answer in answers}) == 5


class TestAnotherProtocol:
    async def test_is_let_through(self, edge_app: Litestar, database: AsyncEngine) -> None:
        """A lifespan or websocket message is not a request and gets no request id."""
        assert database is not None
        async with edge_app.lifespan():
            pass
