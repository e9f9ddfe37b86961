"""Jobs of imports: whatever happens between two steps, nothing is lost and nothing is doubled."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from marketplace.imports import service
from marketplace.imports.domain.accesses import AccessFileDamaged, read_accesses
from marketplace.imports.domain.batch import Import, Kind, Outcome, Refusal, State
from marketplace.imports.domain.lines import CHUNK_LINES
from marketplace.infra.storage import ContentStorage, StoredFileMissing
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import parse_id
from marketplace.kernel.paging import Window
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.imports import send
from tests.support.jobs import Drain
from tests.support.listings import Person

LINES: Final = CHUNK_LINES * 2 + 10
LONG: Final = b"Product,Quantity\n" + b"RDS 2022 User CAL,5\n" * LINES


async def received(client: httpx.AsyncClient, company: Person, data: bytes = LONG) -> UUID:
    sent = await send(client, company.headers, data)
    assert sent.status_code == 202, sent.text
    return parse_id("imp", sent.json()["id"])


async def loaded(work: OpenWork, import_id: UUID) -> Import:
    async with work() as unit:
        return await service.load_import(unit, import_id)


async def count_lines(work: OpenWork) -> int:
    async with work() as unit:
        return int(await unit.connection.scalar(text("SELECT count(*) FROM import_lines")) or 0)


async def read_once(work: OpenWork, storage: ContentStorage, import_id: UUID) -> None:
    """Read a file as its job does."""
    async with work() as unit:
        task = await service.begin_reading(unit, import_id)
    assert task is not None
    found = service.read_original(await storage.get(task.batch.sha256), task.batch)
    normal = "" if isinstance(found, Refusal) else await storage.put(found.data)
    async with work() as unit:
        await service.record_reading(unit, task, found, normal)


async def begin_chunk(work: OpenWork, import_id: UUID, chunk: int) -> service.ChunkTask | None:
    async with work() as unit:
        return await service.begin_chunk(unit, import_id, str(chunk))


class TestProgress:
    async def test_each_chunk_commits_by_itself(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        await read_once(work, storage, import_id)
        assert (await loaded(work, import_id)).total == LINES
        for chunk, done in enumerate((CHUNK_LINES, 2 * CHUNK_LINES, LINES)):
            task = await begin_chunk(work, import_id, chunk)
            assert task is not None
            checked = service.judge_chunk(await storage.get(task.batch.normal_sha256), task)
            async with work() as unit:
                await service.record_chunk(unit, task, checked)
            assert (await loaded(work, import_id)).done == done == await count_lines(work)
        assert (await loaded(work, import_id)).state is State.CHECKED

    async def test_jobs_do_it_all(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, drain_jobs: Drain
    ) -> None:
        import_id = await received(client, company)
        ran = await drain_jobs()
        assert ran == ["imports.read", *["imports.check"] * 3]
        batch = await loaded(work, import_id)
        assert (batch.state, batch.counts.held) == (State.CHECKED, LINES)


class TestTwice:
    async def test_step_that_was_done_has_nothing_left_to_do(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        await read_once(work, storage, import_id)
        async with work() as unit:
            assert await service.begin_reading(unit, import_id) is None
        assert await begin_chunk(work, import_id, 1) is None

    async def test_chunk_recorded_twice_counts_once(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        await read_once(work, storage, import_id)
        task = await begin_chunk(work, import_id, 0)
        assert task is not None
        checked = service.judge_chunk(await storage.get(task.batch.normal_sha256), task)
        for _ in range(2):
            async with work() as unit:
                await service.record_chunk(unit, task, checked)
        assert (await loaded(work, import_id)).done == CHUNK_LINES == await count_lines(work)

    async def test_killed_while_reading_it_is_read_again(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, drain_jobs: Drain
    ) -> None:
        import_id = await received(client, company)
        async with work() as unit:
            # The process dies after this: the job's lease ends and brings it back.
            assert await service.begin_reading(unit, import_id) is not None
        assert (await loaded(work, import_id)).state is State.READING
        await drain_jobs()
        assert (await loaded(work, import_id)).counts.held == LINES

    async def test_failure_while_recording_leaves_nothing(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        await read_once(work, storage, import_id)
        task = await begin_chunk(work, import_id, 0)
        assert task is not None
        checked = service.judge_chunk(await storage.get(task.batch.normal_sha256), task)
        with pytest.raises(ZeroDivisionError):
            await record_and_fail(work, task, checked)
        assert await count_lines(work) == 0
        assert (await loaded(work, import_id)).next_chunk == 0


async def record_and_fail(work: OpenWork, task: service.ChunkTask, checked: Any) -> None:
    async with work() as unit:
        await service.record_chunk(unit, task, checked)
        raise ZeroDivisionError


class TestDeletedMeanwhile:
    async def test_what_was_read_of_a_deleted_import_goes_too(
        self,
        client: httpx.AsyncClient,
        company: Person,
        work: OpenWork,
        storage: ContentStorage,
        drain_jobs: Drain,
    ) -> None:
        import_id = await received(client, company)
        async with work() as unit:
            task = await service.begin_reading(unit, import_id)
        assert task is not None
        found = service.read_original(await storage.get(task.batch.sha256), task.batch)
        assert not isinstance(found, Refusal)
        normal = await storage.put(found.data)
        async with work() as unit:
            await service.delete_import(unit, import_id)
        async with work() as unit:
            await service.record_reading(unit, task, found, normal)
        await drain_jobs()
        for sha256 in (normal, task.batch.sha256):
            with pytest.raises(StoredFileMissing):
                await storage.get(sha256)

    async def test_chunk_of_a_deleted_import_is_dropped(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        await read_once(work, storage, import_id)
        task = await begin_chunk(work, import_id, 0)
        assert task is not None
        async with work() as unit:
            await service.delete_import(unit, import_id)
        async with work() as unit:
            await service.record_chunk(unit, task, ())
        assert await count_lines(work) == 0

    async def test_equal_file_waits_until_the_removal_is_done(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, storage: ContentStorage
    ) -> None:
        import_id = await received(client, company)
        sha256 = (await loaded(work, import_id)).sha256
        async with work() as unit:
            await service.delete_import(unit, import_id)
        async with work() as unit:
            assert await service.begin_removal(unit, sha256) == sha256
        refused = await send(client, company.headers, LONG)
        assert (refused.status_code, refused.json()["code"]) == (503, "import.file_busy")
        await storage.delete(sha256)
        async with work() as unit:
            await service.record_removal(unit, sha256)
            assert await service.begin_removal(unit, sha256) is None
        assert (await send(client, company.headers, LONG)).status_code == 202
        assert await storage.get(sha256) == LONG


class TestClock:
    async def test_what_never_ends_is_given_up(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, clock: FixedClock
    ) -> None:
        import_id = await received(client, company)
        await in_time(work, service.give_up_unfinished)
        assert (await loaded(work, import_id)).state is State.RECEIVED
        clock.advance(timedelta(hours=25))
        await in_time(work, service.give_up_unfinished)
        batch = await loaded(work, import_id)
        assert (batch.state, batch.refusal) == (State.REFUSED, Refusal("unfinished"))

    async def test_what_nobody_accepted_is_deleted(
        self,
        client: httpx.AsyncClient,
        company: Person,
        work: OpenWork,
        clock: FixedClock,
        drain_jobs: Drain,
    ) -> None:
        first = await received(client, company, b"Product,Quantity\nRDS 2022 User CAL,5\n")
        second = await received(client, company, b"Product,Quantity\nRDS 2022 User CAL,6\n")
        await drain_jobs()
        async with work(company.principal) as unit:
            await service.accept_import(unit, second)
        clock.advance(timedelta(days=31))
        await in_time(work, service.forget_old)
        async with work() as unit:
            page = await service.list_imports(unit, Window(5))
        assert [row.id for row in page.items] == [second]
        assert first != second


async def in_time(work: OpenWork, sweep: Any) -> None:
    async with work() as unit:
        await sweep(unit)


class TestUsing:
    async def accepted(
        self,
        client: httpx.AsyncClient,
        company: Person,
        drain_jobs: Drain,
        kind: Kind,
        data: bytes,
    ) -> UUID:
        sent = await send(client, company.headers, data, kind=kind, dry_run="false")
        await drain_jobs()
        return parse_id("imp", sent.json()["id"])

    async def test_owned_licences_are_given_with_their_lines(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, drain_jobs: Drain
    ) -> None:
        data = b"Product,Quantity\nRDS 2022 User CAL,5\nx,1\nWindows Server 2019 User CAL,7\n"
        import_id = await self.accepted(client, company, drain_jobs, Kind.LICENCE_LIST, data)
        async with work(company.principal) as unit:
            owned = await service.owned_positions(unit, import_id)
        assert [(line, position.product.key, count) for line, position, count in owned] == [
            (2, "rds_cal-2022-user", 5),
            (4, "ws_cal-2019-user", 7),
        ]

    async def test_usage_says_who_holds_what(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, drain_jobs: Drain
    ) -> None:
        data = (
            b"User,Computer,Version,CAL Type,Status\n"
            b"anna,,2019,User,2\nanna,,2022,User,2\n,PC1,2019,Device,2\n,PC2,2019,Device,1\n"
        )
        import_id = await self.accepted(client, company, drain_jobs, Kind.RDS_USAGE, data)
        async with work(company.principal) as unit:
            usage = await service.usage(unit, import_id)
        assert (usage.users, usage.devices) == ({"anna": "2022"}, {"PC1": "2019"})

    async def test_accesses_are_one_file_and_only_wrong_lines_are_rows(
        self,
        client: httpx.AsyncClient,
        company: Person,
        work: OpenWork,
        drain_jobs: Drain,
        storage: ContentStorage,
    ) -> None:
        data = b"user,device,host\nanna,PC1,H1\nAnna ,PC1,h1\nben,PC1,\n,PC2,H1\n=1,PC3,H1\n"
        import_id = await self.accepted(client, company, drain_jobs, Kind.ACCESS_PAIRS, data)
        async with work(company.principal) as unit:
            file = await service.access_file(unit, import_id)
            _, page = await service.list_lines(unit, import_id, [Outcome.BAD], 0, 10)
        assert (file.users, file.devices, file.hosts, file.pairs) == (2, 1, 1, 2)
        assert [line.problems[0].code for line in page.items] == ["user_missing", "formula"]
        accesses = read_accesses(await storage.get(file.sha256))
        assert accesses.users == ["anna", "ben"]
        assert accesses.pairs.tolist() == [[0, 0, 0], [1, 0, -1]]

    async def test_only_accepted_imports_of_the_right_kind_are_used(
        self, client: httpx.AsyncClient, company: Person, work: OpenWork, drain_jobs: Drain
    ) -> None:
        sent = await received(client, company, b"Product,Quantity\nRDS 2022 User CAL,5\n")
        await drain_jobs()
        for use, code in (
            (service.owned_positions, "import.not_accepted"),
            (service.access_file, "import.wrong_kind"),
            (service.usage, "import.wrong_kind"),
        ):
            async with work(company.principal) as unit:
                await refused_with(unit, use, sent, code)


async def refused_with(unit: Work, use: Any, import_id: UUID, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        await use(unit, import_id)
    assert refused.value.code == code


class TestAccessFile:
    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip at all"])
    def test_other_bytes_are_no_access_file(self, data: bytes) -> None:
        with pytest.raises(AccessFileDamaged):
            read_accesses(data)
