"""Rows in and out of the job ledger: insert, deliver, sweep, hand back, resend, prune."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.access import system_principal
from marketplace.infra.jobs import delivery, service
from marketplace.infra.jobs.delivery import Connection
from marketplace.infra.jobs.ledger import (
    JobState,
    NewJob,
    insert_jobs,
    list_jobs,
    prune_done,
)
from marketplace.infra.work import WorkSource
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.paging import Window
from tests.jobs.conftest import Ledger
from tests.support.clock import CountingIds
from tests.support.postgres import connect


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


class TestInsert:
    async def test_many_rows_are_one_statement(self, ledger: Ledger, ids: CountingIds) -> None:
        event_id = ids.uuid7()
        later = datetime.now(UTC) + timedelta(hours=1)
        first = NewJob(id=ids.uuid7(), actor="a.b", args={"x_id": "1"}, event_id=event_id)
        second = NewJob(
            id=ids.uuid7(), actor="c.d", queue="heavy", run_at=later, dedup_key="k", trace="t"
        )

        await ledger.add_rows(first, second)

        one, two = await ledger.job(first.id), await ledger.job(second.id)
        assert (one.actor, one.queue, one.args, one.event_id) == (
            "a.b",
            "default",
            {"x_id": "1"},
            event_id,
        )
        assert (two.queue, two.run_at, two.dedup_key, two.trace) == ("heavy", later, "k", "t")
        assert (one.state, one.attempts, one.deliveries) == (JobState.READY, 0, 0)

    async def test_known_key_is_left_out(self, ledger: Ledger, ids: CountingIds) -> None:
        rows = [NewJob(id=ids.uuid7(), actor="a.b", dedup_key="once") for _ in range(3)]
        await ledger.add_rows(*rows)
        await ledger.add_rows(NewJob(id=ids.uuid7(), actor="a.b", dedup_key="once"))

        assert await ledger.states() == {0: 1}

    async def test_rows_vanish_with_their_transaction(
        self, database: AsyncEngine, ledger: Ledger, ids: CountingIds
    ) -> None:
        async with database.connect() as connection:
            await insert_jobs(connection, [NewJob(id=ids.uuid7(), actor="a.b")])
            await connection.rollback()

        assert await ledger.states() == {}

    async def test_no_rows_is_no_statement(self, database: AsyncEngine) -> None:
        async with database.connect() as connection:
            await insert_jobs(connection, [])
            assert not connection.in_transaction()


class TestEnqueue:
    """`Work.enqueue` and `insert_jobs` are two ways to one row; both keep its promises."""

    async def test_row_is_as_asked_and_commits_with_the_work(
        self, ledger: Ledger, work_source: WorkSource
    ) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        async with work_source.begin("req_a", system_principal("tests")) as work:
            work.enqueue("a.b", {"x_id": "1"}, queue="light", run_at=later, dedup_key="once")
            work.enqueue("a.b", {"x_id": "2"}, dedup_key="once")
            work.enqueue("c.d", {})

        async with ledger.engine.connect() as connection:
            found = await list_jobs(connection, JobState.READY, Window())
        assert [(job.actor, job.queue, job.trace) for job in found] == [
            ("c.d", "default", "req_a"),
            ("a.b", "light", "req_a"),
        ]
        assert (found[1].args, found[1].run_at, found[1].dedup_key) == (
            {"x_id": "1"},
            later,
            "once",
        )

    async def test_job_of_a_failed_work_is_not_there(
        self, ledger: Ledger, work_source: WorkSource
    ) -> None:
        async def refused() -> None:
            async with work_source.begin("t", system_principal("tests")) as work:
                work.enqueue("a.b", {})
                raise NotFound("a.b", "No.")

        with pytest.raises(NotFound):
            await refused()

        assert await ledger.states() == {}


class TestDelivery:
    async def test_claim_takes_due_jobs_of_its_queue_oldest_first(
        self, ledger: Ledger, driver: Connection
    ) -> None:
        newer = await ledger.add("a.b")
        older = await ledger.add("a.b")
        future = await ledger.add("a.b")
        await ledger.add("a.b", queue="heavy")
        await ledger.change(
            "update jobs set run_at = now() - interval '9 s' where id = :i", i=older
        )
        await ledger.change(
            "update jobs set run_at = now() + interval '9 s' where id = :i", i=future
        )

        claimed, _ = await delivery.claim(driver, "default", 10, 60)

        assert {job.job_id for job in claimed} == {older, newer}
        assert (await ledger.job(older)).state == JobState.SENT
        assert (await ledger.job(older)).deliveries == 1
        assert (await ledger.job(future)).state == JobState.READY

    async def test_limit_leaves_the_younger_ones(self, ledger: Ledger, driver: Connection) -> None:
        for _ in range(3):
            await ledger.add("a.b")

        assert len((await delivery.claim(driver, "default", 2, 60))[0]) == 2
        assert len((await delivery.claim(driver, "default", 2, 60))[0]) == 1
        assert await delivery.claim(driver, "default", 2, 60) == ([], None)

    async def test_next_due_time_is_told(self, ledger: Ledger, driver: Connection) -> None:
        assert await delivery.claim(driver, "default", 1, 60) == ([], None)
        job_id = await ledger.add("a.b")
        await ledger.change(
            "update jobs set run_at = now() + interval '9 s' where id = :i", i=job_id
        )

        _, seconds = await delivery.claim(driver, "default", 1, 60)

        assert seconds is not None
        assert 7 < seconds < 9

    async def test_sweep_frees_only_what_outlived_its_lease(
        self, ledger: Ledger, driver: Connection
    ) -> None:
        lost, held = await ledger.add("a.b"), await ledger.add("a.b", queue="light")
        await delivery.claim(driver, "default", 1, 60)
        await delivery.claim(driver, "light", 1, 60)
        await ledger.change(
            "update jobs set lease_until = now() - interval '1 s' where id = :i", i=lost
        )

        assert await delivery.sweep(driver) == {"default"}
        assert await delivery.sweep(driver) == set()

        assert (await ledger.job(lost)).state == JobState.READY
        assert (await ledger.job(held)).state == JobState.SENT

    async def test_job_being_run_is_not_swept_though_its_lease_ran_out(
        self, ledger: Ledger, driver: Connection, database: AsyncEngine
    ) -> None:
        job_id = await ledger.add("a.b")
        await delivery.claim(driver, "default", 1, 60)
        await ledger.change("update jobs set lease_until = now() - interval '1 s'")

        async with database.begin() as running:
            await running.exec_driver_sql("select 1 from jobs for update")
            assert await delivery.sweep(driver) == set()

        assert (await ledger.job(job_id)).state == JobState.SENT

    @pytest.mark.parametrize(
        ("deliveries", "seconds"), [(1, 0), (3, 0), (4, 5), (5, 10), (9, 160), (40, 600)]
    )
    async def test_job_lost_again_and_again_waits_longer(
        self, ledger: Ledger, driver: Connection, deliveries: int, seconds: int
    ) -> None:
        await ledger.add("a.b")
        await ledger.change(
            "update jobs set state = 1, deliveries = :d, lease_until = now() - interval '1 s'",
            d=deliveries,
        )
        await delivery.sweep(driver)

        async with ledger.engine.connect() as connection:
            wait = await connection.exec_driver_sql(
                "select round(extract(epoch from run_at - now()))::int from jobs"
            )
            assert abs(wait.scalar_one() - seconds) <= 1

    async def test_handed_back_job_is_as_if_never_claimed(
        self, ledger: Ledger, driver: Connection
    ) -> None:
        job_id = await ledger.add("a.b")
        await delivery.claim(driver, "default", 1, 60)

        await delivery.hand_back(driver, [job_id])

        job = await ledger.job(job_id)
        assert (job.state, job.deliveries) == (JobState.READY, 0)

    async def test_done_job_cannot_be_handed_back(self, ledger: Ledger, driver: Connection) -> None:
        job_id = await ledger.add("a.b")
        await ledger.change("update jobs set state = 2")

        await delivery.hand_back(driver, [job_id])

        assert (await ledger.job(job_id)).state == JobState.DONE


class TestDeadLetters:
    async def kill(self, ledger: Ledger, job_id: UUID) -> None:
        await ledger.change(
            "update jobs set state = 3, attempts = 9, last_error = 'x', finished_at = now()"
            " where id = :i",
            i=job_id,
        )

    async def test_list_is_newest_first_and_continues(self, ledger: Ledger) -> None:
        made = [await ledger.add("a.b") for _ in range(3)]
        for job_id in made:
            await self.kill(ledger, job_id)
        await ledger.add("a.b")

        async with ledger.engine.connect() as connection:
            first = await list_jobs(connection, JobState.DEAD, Window(limit=2))
            rest = await list_jobs(connection, JobState.DEAD, Window(2, first[1].id))

        assert {job.id for job in first + rest} == set(made)
        assert (len(first), len(rest)) == (3, 1)  # the third only says that more follow
        assert first[0].id > first[1].id > rest[0].id

    async def test_resent_job_is_ready_with_all_its_attempts(
        self, ledger: Ledger, work_source: WorkSource
    ) -> None:
        job_id = await ledger.add("a.b")
        await self.kill(ledger, job_id)

        async with work_source.begin("t", system_principal("tests")) as work:
            await service.resend_job(work, job_id)

        job = await ledger.job(job_id)
        assert (job.state, job.attempts, job.finished_at) == (JobState.READY, 0, None)
        async with ledger.engine.connect() as connection:
            action = await connection.exec_driver_sql("select action from audit_log")
            assert action.scalar_one() == "job.resent"

    async def test_job_that_is_not_dead_is_not_resent(
        self, ledger: Ledger, work_source: WorkSource
    ) -> None:
        job_id = await ledger.add("a.b")

        async with work_source.begin("t", system_principal("tests")) as work:
            with pytest.raises(Conflict, match=r"job\.not_dead.*this one is ready"):
                await service.resend_job(work, job_id)

    async def test_unknown_job_is_not_found(
        self, work_source: WorkSource, ids: CountingIds
    ) -> None:
        async with work_source.begin("t", system_principal("tests")) as work:
            with pytest.raises(NotFound, match=r"job\.unknown"):
                await service.resend_job(work, ids.uuid7())


class TestPrune:
    async def test_only_old_done_jobs_go(self, ledger: Ledger, ids: CountingIds) -> None:
        now = datetime.now(UTC)
        old_done, old_dead, new_done = ids.uuid7(), ids.uuid7(), ids.uuid7()
        await ledger.add_rows(*(NewJob(id=i, actor="a.b") for i in (old_done, old_dead, new_done)))
        await ledger.change("update jobs set state = 2")
        await ledger.change("update jobs set state = 3 where id = :i", i=old_dead)

        async with ledger.engine.begin() as connection:
            none = await prune_done(connection, now, timedelta(days=7))
            limited = await prune_done(
                connection, now + timedelta(days=8), timedelta(days=7), limit=1
            )
            rest = await prune_done(connection, now + timedelta(days=8), timedelta(days=7))

        assert (none, limited, rest) == (0, 1, 1)
        assert await ledger.states() == {int(JobState.DEAD): 1}

    async def test_full_batch_asks_for_another_run(
        self, ledger: Ledger, work_source: WorkSource, ids: CountingIds
    ) -> None:
        old = datetime.now(UTC) - timedelta(days=30)
        rows = [
            NewJob(id=UUID(int=ids.uuid7().int - (30 * 86_400_000 << 80)), actor="a.b")
            for _ in range(service.PRUNE_BATCH)
        ]
        await ledger.add_rows(*rows)
        await ledger.change("update jobs set state = 2, created_at = :old", old=old)

        async with work_source.begin("t", system_principal("tests")) as work:
            await service.prune_jobs(work)

        assert await ledger.states() == {0: 1}
