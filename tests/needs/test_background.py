"""Needs from imports: three jobs with progress between them, cut off and run again, deleted, failed."""

import csv
import io
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text

from marketplace.imports.domain.batch import Kind
from marketplace.infra.storage import ContentStorage, memory_storage
from marketplace.kernel.ids import parse_id
from marketplace.needs import service
from marketplace.needs.domain.need import Failure
from tests.conftest import OpenWork
from tests.needs.conftest import DEVICE_PRICE, USER_PRICE
from tests.support.imports import send, statement
from tests.support.jobs import Drain
from tests.support.listings import Person
from tests.support.needs import calculate, chosen_of, star
from tests.support.quotes import open_trader, publish

JOBS = ["needs.read", "needs.solve", "needs.price"]
OFFICES = [[f"user-{i % 4_000}", f"desk-{i % 500}"] for i in range(20_000)]
"""20,000 rows, 4,000 different accesses: each user at one of 500 shared desks."""


def pairs_csv(rows: list[list[str]]) -> bytes:
    heading = ["user", "device", "host"][: len(rows[0])]
    return "\n".join(",".join(row) for row in [heading, *rows]).encode()


async def bring_in(
    client: httpx.AsyncClient,
    owner: Person,
    drain_jobs: Drain,
    data: bytes,
    kind: Kind = Kind.ACCESS_PAIRS,
    **changes: Any,
) -> str:
    """Import a file to its end; give the id of the import."""
    suffix = "xlsx" if data.startswith(b"PK") else "csv"
    given = {"file_name": f"file.{suffix}", "dry_run": False} | changes
    sent = await send(client, owner.headers, data, kind, **given)
    assert sent.status_code == 202, sent.text
    await drain_jobs()
    return str(sent.json()["id"])


async def look(client: httpx.AsyncClient, asker: Person, place: str) -> dict[str, Any]:
    answer = await client.get(place, headers=asker.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def read(work: OpenWork, storage: ContentStorage, need_id: UUID) -> None:
    """Make the first step as its actor does."""
    async with work() as unit:
        task = await service.load_reading(unit, need_id)
    if task is not None:
        result = await service.read(storage, task)
        async with work() as unit:
            await service.record_reading(unit, need_id, result)


async def solve(work: OpenWork, storage: ContentStorage, need_id: UUID) -> None:
    """Make the second step as its actor does."""
    del storage  # the first step took what it needs from there
    async with work() as unit:
        task = await service.load_solving(unit, need_id)
    if task is not None:
        result = await service.solve(task)
        async with work() as unit:
            await service.record_solving(unit, need_id, result)


STEPS: Final = (read, solve)


class Bench(msgspec.Struct, frozen=True):
    """What makes the steps of a need by hand."""

    work: OpenWork
    storage: ContentStorage
    drain_jobs: Drain


@pytest.fixture
def bench(work: OpenWork, storage: ContentStorage, drain_jobs: Drain) -> Bench:
    return Bench(work, storage, drain_jobs)


@pytest.fixture
async def star_import(client: httpx.AsyncClient, asker: Person, drain_jobs: Drain) -> str:
    return await bring_in(client, asker, drain_jobs, pairs_csv(star(20, 30)))


@pytest.fixture
async def need_id(
    client: httpx.AsyncClient, asker: Person, seller: Person, star_import: str
) -> UUID:
    """Give a need that waits for its jobs."""
    del seller
    asked = await calculate(client, asker, servers=["2019"], accesses_import_id=star_import)
    assert asked.status_code == 202, asked.text
    return parse_id("ned", asked.json()["id"])


@pytest.mark.usefixtures("seller")
class TestWholeRun:
    async def test_twenty_thousand_rows(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        import_id = await bring_in(client, asker, drain_jobs, pairs_csv(OFFICES))
        asked = await calculate(client, asker, servers=["2019"], accesses_import_id=import_id)
        assert asked.status_code == 202, asked.text
        assert asked.headers["retry-after"] == "2"
        place = asked.headers["location"]
        assert asked.json()["progress"] == {"step": 0, "steps": 3, "done": 0, "total": 0}
        assert await drain_jobs() == JOBS
        body = await look(client, asker, place)
        assert body["state"] == "done"
        assert body["progress"] == {"step": 3, "steps": 3, "done": 4_000, "total": 4_000}
        assert chosen_of(body["answer"])["cost"]["amount_minor"] == 500 * DEVICE_PRICE
        proof = body["answer"]["accesses"]["proof"]
        assert proof["flow"] == proof["cost"] == 500 * DEVICE_PRICE
        listed = await client.get(f"{place}/assignment", headers=asker.headers)
        rows = list(csv.DictReader(io.StringIO(listed.content.decode("utf-8-sig"))))
        assert {row["name"] for row in rows} == {f"desk-{i}" for i in range(500)}

    async def test_answer_is_that_of_accesses_sent_along(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain, star_import: str
    ) -> None:
        asked = await calculate(client, asker, servers=["2019"], accesses_import_id=star_import)
        await drain_jobs()
        later = (await look(client, asker, asked.headers["location"]))["answer"]
        now = (await calculate(client, asker, servers=["2019"], accesses=star(20, 30))).json()
        for name in ("options", "advice", "follow_ups", "recommended"):
            assert later[name] == now["answer"][name]
        assert chosen_of(later)["cost"]["amount_minor"] == USER_PRICE + DEVICE_PRICE

    async def test_named_holders_are_remembered_until_the_end(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        drain_jobs: Drain,
        star_import: str,
        work: OpenWork,
    ) -> None:
        asked = await calculate(
            client,
            asker,
            servers=["2019"],
            accesses_import_id=star_import,
            owned_names=[{"product": "ws_cal-2019-user", "user": "anna"}],
        )
        await drain_jobs()
        body = await look(client, asker, asked.headers["location"])
        assert chosen_of(body["answer"])["cost"]["amount_minor"] == DEVICE_PRICE
        async with work() as unit:
            kinds = await unit.connection.scalars(text("SELECT kind FROM need_files"))
            assert list(kinds) == ["assignment"]


class TestImportsOfLicences:
    @pytest.mark.usefixtures("seller")
    async def test_surplus_of_a_statement_is_listed_from_its_line(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        """120 device CALs of 2019 are owned by the statement, 70 are needed, 50 are offered: one click."""
        owned = await bring_in(client, asker, drain_jobs, statement(), Kind.LICENCE_STATEMENT)
        answer = await calculate(
            client, asker, servers=["2019"], counts={"devices": 70}, owned_import_id=owned
        )
        assert answer.status_code == 201, answer.text
        (listing,) = [
            row for row in answer.json()["answer"]["follow_ups"] if row["kind"] == "post_listing"
        ]
        position = listing["body"]["position"]
        assert (position["product"], position["offered"]) == ("ws_cal-2019-device", 50)
        assert (position["acquired"], position["retained"]) == (120, 70)
        assert position["agreement_number"] == "61234567"
        assert position["programme"] == "open_license"
        assert listing["import_line"] is not None
        sent = await client.post("/v1/listings", json=listing["body"], headers=asker.headers)
        assert sent.status_code == 201, sent.text

    async def test_usage_report_names_holders_of_rds_licences(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        opened = await open_trader(work)
        for family in ("ws_cal", "rds_cal"):
            await publish(work, opened, product=f"{family}-2022-user", price=3000)
            await publish(work, opened, product=f"{family}-2022-device", price=9000)
        report = (
            b"Issued To User,CAL Version,CAL Type\n"
            b"ada,Windows Server 2022,Per User\n"
            b"zoe,Windows Server 2022,Per User\n"
        )
        usage = await bring_in(client, asker, drain_jobs, report, Kind.RDS_USAGE)
        answer = await calculate(
            client,
            asker,
            servers=["2022"],
            session_hosts=["2022"],
            accesses=[["ada", "d1", "h"], ["bob", "d2", "h"]],
            usage_import_id=usage,
        )
        assert answer.status_code == 201, answer.text
        body = answer.json()["answer"]
        assert chosen_of(body)["cost"]["amount_minor"] == 3 * 3000
        assert any(row["rule"] == "R12" and "1 \u00d7 RDS" in row["text"] for row in body["notes"])


class TestSteps:
    async def test_progress_is_seen_between_them(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        work: OpenWork,
        need_id: UUID,
        storage: ContentStorage,
    ) -> None:
        await read(work, storage, need_id)
        listed = await client.get("/v1/needs", headers=asker.headers)
        place = f"/v1/needs/{listed.json()['items'][0]['id']}"
        body = await look(client, asker, place)
        assert (body["state"], body["progress"]) == (
            "running",
            {"step": 1, "steps": 3, "done": 0, "total": 50},
        )
        early = await client.get(f"{place}/assignment", headers=asker.headers)
        assert (early.status_code, early.json()["code"]) == (409, "need.not_done")
        await solve(work, storage, need_id)
        body = await look(client, asker, place)
        assert body["progress"] == {"step": 2, "steps": 3, "done": 50, "total": 50}

    async def test_each_run_twice_changes_nothing(
        self, work: OpenWork, need_id: UUID, storage: ContentStorage
    ) -> None:
        for _ in range(2):
            await read(work, storage, need_id)
        for _ in range(2):
            await solve(work, storage, need_id)
        for _ in range(2):
            async with work() as unit:
                await service.price(unit, need_id)
        async with work() as unit:
            need = await service.load_need(unit, need_id)
            assert need.state == "done"
            assert need.version == 4
            jobs = text("SELECT actor, count(*) FROM jobs WHERE actor LIKE 'needs.%' GROUP BY 1")
            counted = {row[0]: row[1] for row in await unit.connection.execute(jobs)}
            assert counted == dict.fromkeys(JOBS, 1)
            events = text("SELECT count(*) FROM events WHERE name = 'need.answered.v1'")
            assert await unit.connection.scalar(events) == 1

    async def test_two_at_once_record_one(
        self, work: OpenWork, need_id: UUID, storage: ContentStorage
    ) -> None:
        """Both have computed before either records, as after a lease that ran out."""
        async with work() as unit:
            task = await service.load_reading(unit, need_id)
        assert task is not None
        results = [await service.read(storage, task) for _ in range(2)]
        for result in results:
            async with work() as unit:
                await service.record_reading(unit, need_id, result)
        async with work() as unit:
            assert (await service.load_need(unit, need_id)).version == 2

    async def test_cut_off_before_recording_is_made_again(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        work: OpenWork,
        need_id: UUID,
        storage: ContentStorage,
        drain_jobs: Drain,
    ) -> None:
        async with work() as unit:
            task = await service.load_reading(unit, need_id)
        assert task is not None
        await service.read(storage, task)
        assert await drain_jobs() == JOBS
        listed = await client.get("/v1/needs", headers=asker.headers)
        assert listed.json()["items"][0]["cost"]["amount_minor"] == USER_PRICE + DEVICE_PRICE

    @pytest.mark.parametrize("steps", [0, 1, 2])
    async def test_deleted_meanwhile_ends_without_a_trace(
        self,
        work: OpenWork,
        need_id: UUID,
        storage: ContentStorage,
        drain_jobs: Drain,
        steps: int,
    ) -> None:
        for make in STEPS[:steps]:
            await make(work, storage, need_id)
        async with work() as unit:
            await service.delete_need(unit, need_id)
        await drain_jobs()
        async with work() as unit:
            for table in ("needs", "need_files"):
                left = await unit.connection.scalar(text(f"SELECT count(*) FROM {table}"))
                assert left == 0

    async def test_deleted_between_call_and_record(
        self, work: OpenWork, need_id: UUID, storage: ContentStorage
    ) -> None:
        async with work() as unit:
            task = await service.load_reading(unit, need_id)
        assert task is not None
        result = await service.read(storage, task)
        async with work() as unit:
            await service.delete_need(unit, need_id)
        async with work() as unit:
            await service.record_reading(unit, need_id, result)
            assert await service.load_solving(unit, need_id) is None
            await service.record_solving(unit, need_id, Failure("need.x", "never seen"))
            await service.price(unit, need_id)


class TestFailure:
    async def test_by_the_domain_ends_the_need_and_not_the_job(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        rows = [["anna", "desk", "host-1"]]
        import_id = await bring_in(client, asker, drain_jobs, pairs_csv(rows))
        asked = await calculate(client, asker, servers=["2022"], accesses_import_id=import_id)
        assert await drain_jobs() == ["needs.read", "needs.solve"]
        body = await look(client, asker, asked.headers["location"])
        assert (body["state"], body["answer"]) == ("failed", None)
        assert body["failure"]["code"] == "need.session_hosts_missing"
        assert "session hosts" in body["failure"]["detail"]
        listed = await client.get(f"{asked.headers['location']}/assignment", headers=asker.headers)
        assert listed.status_code == 404
        async with work() as unit:
            states = await unit.connection.scalars(text("SELECT DISTINCT state FROM jobs"))
            assert list(states) == [2]
            assert await unit.connection.scalar(text("SELECT count(*) FROM need_files")) == 0

    @pytest.mark.usefixtures("seller")
    @pytest.mark.parametrize("steps", [0, 2])
    async def test_import_deleted_meanwhile(
        self,
        client: httpx.AsyncClient,
        asker: Person,
        bench: Bench,
        star_import: str,
        steps: int,
    ) -> None:
        owned = await bring_in(client, asker, bench.drain_jobs, statement(), Kind.LICENCE_STATEMENT)
        asked = await calculate(
            client,
            asker,
            servers=["2019"],
            accesses_import_id=star_import,
            owned_import_id=owned,
        )
        for make in STEPS[:steps]:
            await make(bench.work, bench.storage, parse_id("ned", asked.json()["id"]))
        await client.delete(f"/v1/imports/{owned}", headers=asker.headers)
        assert [name for name in await bench.drain_jobs() if name == JOBS[steps]]
        body = await look(client, asker, asked.headers["location"])
        assert body["state"] == "failed"
        assert body["failure"]["code"] in {"need.import_unknown", "import.unknown"}

    async def test_file_lost(self, work: OpenWork, need_id: UUID) -> None:
        async with work() as unit:
            task = await service.load_reading(unit, need_id)
        assert task is not None
        result = await service.read(memory_storage(), task)
        assert isinstance(result, Failure)
        assert result.code == "need.accesses_lost"


class TestRefusals:
    async def test_import_of_another_kind(
        self, client: httpx.AsyncClient, asker: Person, star_import: str
    ) -> None:
        answer = await calculate(
            client, asker, servers=["2019"], counts={"users": 1}, owned_import_id=star_import
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "import.wrong_kind")
        assert answer.json()["errors"][0]["pointer"] == "/owned_import_id"

    async def test_import_that_was_only_tried(
        self, client: httpx.AsyncClient, asker: Person, drain_jobs: Drain
    ) -> None:
        tried = await bring_in(client, asker, drain_jobs, pairs_csv(star(2, 2)), dry_run=True)
        answer = await calculate(client, asker, servers=["2019"], accesses_import_id=tried)
        assert (answer.status_code, answer.json()["code"]) == (409, "import.not_accepted")

    async def test_import_of_another_company(
        self, client: httpx.AsyncClient, work: OpenWork, star_import: str
    ) -> None:
        stranger = await open_trader(work)
        answer = await calculate(client, stranger, servers=["2019"], accesses_import_id=star_import)
        assert (answer.status_code, answer.json()["code"]) == (409, "need.import_unknown")
