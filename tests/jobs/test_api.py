"""The administrators' routes over jobs."""

import httpx
import pytest

from marketplace.kernel.ids import format_id
from tests.conftest import OpenWork
from tests.jobs.conftest import Ledger
from tests.support.parties import Party, make_party, make_staff

KILL = (
    "update jobs set state = 3, attempts = 2, last_error = 'OSError: away' where actor = 'a.dead'"
)


@pytest.fixture
async def admin(work: OpenWork) -> Party:
    async with work() as unit:
        return await make_staff(unit, "admin")


class TestListJobs:
    async def test_dead_letters_are_listed_newest_first_in_pages(
        self, client: httpx.AsyncClient, admin: Party, ledger: Ledger
    ) -> None:
        made = [format_id("job", await ledger.add("a.dead")) for _ in range(3)]
        await ledger.add("a.ready")
        await ledger.change(KILL)

        first = await client.get("/v1/jobs?limit=2", headers=admin.headers)
        cursor = first.json()["next_cursor"]
        second = await client.get(f"/v1/jobs?limit=2&cursor={cursor}", headers=admin.headers)

        assert (first.status_code, second.status_code) == (200, 200)
        seen = [job["id"] for page in (first, second) for job in page.json()["items"]]
        assert sorted(seen, reverse=True) == seen
        assert set(seen) == set(made)
        assert second.json()["next_cursor"] is None

    async def test_other_states_are_listed_by_name(
        self, client: httpx.AsyncClient, admin: Party, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("a.ready", queue="light", order_id="7")

        answer = await client.get("/v1/jobs?state=ready", headers=admin.headers)

        (job,) = answer.json()["items"]
        assert job["id"] == format_id("job", job_id)
        assert (job["actor"], job["queue"], job["state"]) == ("a.ready", "light", "ready")
        assert (job["args"], job["request_id"]) == ({"order_id": "7"}, "req_test")

    async def test_cursor_of_nobody_is_refused(
        self, client: httpx.AsyncClient, admin: Party
    ) -> None:
        answer = await client.get("/v1/jobs?cursor=abc", headers=admin.headers)

        assert (answer.status_code, answer.json()["code"]) == (422, "cursor.invalid")

    @pytest.mark.parametrize("role", ["reviewer", "finance"])
    async def test_other_staff_may_not_look(
        self, client: httpx.AsyncClient, work: OpenWork, role: str
    ) -> None:
        async with work() as unit:
            staff = await make_staff(unit, role)

        answer = await client.get("/v1/jobs", headers=staff.headers)

        assert answer.status_code == 403

    async def test_companies_may_not_look(self, client: httpx.AsyncClient, work: OpenWork) -> None:
        async with work() as unit:
            company = await make_party(unit)

        answer = await client.get("/v1/jobs", headers=company.headers)

        assert answer.status_code == 403


class TestReadJob:
    async def test_job_says_why_it_failed(
        self, client: httpx.AsyncClient, admin: Party, ledger: Ledger
    ) -> None:
        name = format_id("job", await ledger.add("a.dead"))
        await ledger.change(KILL)

        answer = await client.get(f"/v1/jobs/{name}", headers=admin.headers)

        assert answer.status_code == 200
        assert (answer.json()["last_error"], answer.json()["attempts"]) == ("OSError: away", 2)

    async def test_unknown_job_is_not_found(
        self, client: httpx.AsyncClient, admin: Party, work: OpenWork
    ) -> None:
        async with work() as unit:
            name = format_id("job", unit.new_id())

        answer = await client.get(f"/v1/jobs/{name}", headers=admin.headers)

        assert (answer.status_code, answer.json()["code"]) == (404, "job.unknown")


class TestResendJob:
    async def test_dead_letter_becomes_ready_and_the_audit_log_knows_who(
        self, client: httpx.AsyncClient, admin: Party, ledger: Ledger
    ) -> None:
        name = format_id("job", await ledger.add("a.dead"))
        await ledger.change(KILL)

        answer = await client.post(f"/v1/jobs/{name}/resend", headers=admin.headers)

        assert (answer.status_code, answer.json()["state"]) == (200, "ready")
        async with ledger.engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                "select subject, member_id from audit_log where action = 'job.resent'"
            )
            assert [tuple(row) for row in rows] == [(name, admin.member.id)]

    async def test_job_that_is_not_dead_conflicts(
        self, client: httpx.AsyncClient, admin: Party, ledger: Ledger
    ) -> None:
        name = format_id("job", await ledger.add("a.ready"))

        answer = await client.post(f"/v1/jobs/{name}/resend", headers=admin.headers)

        assert (answer.status_code, answer.json()["code"]) == (409, "job.not_dead")
