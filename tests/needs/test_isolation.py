"""A company sees only its own needs and names, by route and by SQL; and everything goes when it is deleted."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.infra.access import COMPANY_SCOPES
from marketplace.kernel.ids import parse_id
from marketplace.needs import service
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.listings import Person, open_staff
from tests.support.needs import calculate
from tests.support.quotes import open_trader

ASKED: dict[str, Any] = {
    "servers": ["2022"],
    "accesses": [["anna", "desk"], ["bert", "desk"]],
    "owned_names": [{"product": "ws_cal-2022-user", "user": "anna"}],
}


@pytest.fixture
async def need_id(client: httpx.AsyncClient, asker: Person) -> str:
    answer = await calculate(client, asker, **ASKED)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "suffix"), [("GET", ""), ("GET", "/assignment"), ("DELETE", "")]
    )
    async def test_another_company_finds_nothing(
        self, client: httpx.AsyncClient, work: OpenWork, need_id: str, method: str, suffix: str
    ) -> None:
        stranger = await open_trader(work)
        answer = await client.request(
            method, f"/v1/needs/{need_id}{suffix}", headers=stranger.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "need.unknown")

    async def test_lists_are_its_own_newest_first_in_pages(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, need_id: str
    ) -> None:
        second = (await calculate(client, asker, **ASKED)).json()["id"]
        stranger = await open_trader(work)
        empty = await client.get("/v1/needs", headers=stranger.headers)
        assert empty.json() == {"items": [], "next_cursor": None}
        first_page = (await client.get("/v1/needs?limit=1", headers=asker.headers)).json()
        assert [row["id"] for row in first_page["items"]] == [second]
        rest = await client.get(
            "/v1/needs", params={"cursor": first_page["next_cursor"]}, headers=asker.headers
        )
        assert [row["id"] for row in rest.json()["items"]] == [need_id]
        staff = await open_staff(work)
        assert len((await client.get("/v1/needs", headers=staff.headers)).json()["items"]) == 2

    @pytest.mark.parametrize("scope", ["needs:read", "needs:write"])
    def test_keys_can_carry_the_scopes(self, scope: str) -> None:
        assert scope in COMPANY_SCOPES


class TestRowSecurity:
    async def test_other_companies_see_no_row(
        self, work: OpenWork, asker: Person, need_id: str
    ) -> None:
        stranger = await open_trader(work)
        counts = text(
            "SELECT (SELECT count(*) FROM needs), (SELECT count(*) FROM need_files),"
            " (SELECT count(*) FROM needs WHERE id = :id)"
        )
        given = {"id": parse_id("ned", need_id)}
        async with work(asker.principal) as unit:
            assert tuple((await unit.connection.execute(counts, given)).one()) == (1, 1, 1)
        async with work(stranger.principal) as unit:
            assert tuple((await unit.connection.execute(counts, given)).one()) == (0, 0, 0)

    async def test_other_companies_change_and_delete_no_row(
        self, work: OpenWork, need_id: str
    ) -> None:
        assert need_id
        stranger = await open_trader(work)
        for statement in ("DELETE FROM need_files", "DELETE FROM needs"):
            async with work(stranger.principal) as unit:
                assert (await unit.connection.execute(text(statement))).rowcount == 0

    async def test_nobody_writes_for_another_company(self, work: OpenWork, need_id: str) -> None:
        stranger = await open_trader(work)
        insert = text("INSERT INTO need_files VALUES (:id, 'names', '')")
        with pytest.raises(DBAPIError, match="row-level security"):
            async with work(stranger.principal) as unit:
                await unit.connection.execute(insert, {"id": parse_id("ned", need_id)})

    async def test_an_answer_is_never_changed(self, work: OpenWork, need_id: str) -> None:
        assert need_id
        with pytest.raises(DBAPIError, match="has ended"):
            async with work() as unit:
                await unit.connection.execute(text("UPDATE needs SET version = 9"))


class TestDelete:
    async def test_takes_the_answer_and_every_name(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person, need_id: str
    ) -> None:
        answer = await client.delete(f"/v1/needs/{need_id}", headers=asker.headers)
        assert answer.status_code == 204
        again = await client.delete(f"/v1/needs/{need_id}", headers=asker.headers)
        assert (again.status_code, again.json()["code"]) == (404, "need.unknown")
        async with work() as unit:
            left = text("SELECT (SELECT count(*) FROM needs), (SELECT count(*) FROM need_files)")
            assert tuple((await unit.connection.execute(left)).one()) == (0, 0)

    async def test_no_name_stands_in_rows_events_jobs_or_kept_answers(
        self, client: httpx.AsyncClient, work: OpenWork, asker: Person
    ) -> None:
        headers = asker.headers | {"Idempotency-Key": "one"}
        answer = await client.post("/v1/needs", json=ASKED, headers=headers)
        assert answer.status_code == 201
        async with work() as unit:
            for table in ("needs", "events", "jobs", "audit_log", "idempotency_keys"):
                rows = await unit.connection.execute(
                    text(f"SELECT count(*) FROM {table} t WHERE t::text ~* 'anna|bert|desk'")
                )
                assert rows.scalar() == 0, table

    async def test_names_are_forgotten_after_ninety_days(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        need_id: str,
        work: OpenWork,
        clock: FixedClock,
    ) -> None:
        clock.advance(timedelta(days=89))
        async with work() as unit:
            assert await service.forget_names(unit) == 0
        clock.advance(timedelta(days=2))
        async with work() as unit:
            assert await service.forget_names(unit) == 1
        shown = await client.get(f"/v1/needs/{need_id}", headers=asker.headers)
        assert shown.status_code == 200
        listed = await client.get(f"/v1/needs/{need_id}/assignment", headers=asker.headers)
        assert (listed.status_code, listed.json()["code"]) == (404, "need.assignment_unknown")
