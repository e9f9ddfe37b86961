"""The runtime on a real database: once-only effects, accounted failures, the two kinds of actors."""

import asyncio
from uuid import uuid4

import pytest

from marketplace.infra.clock import SystemClock
from marketplace.infra.db import make_engine
from marketplace.infra.jobs.ledger import JobState, find_job
from marketplace.infra.jobs.service import KEEP_DONE
from marketplace.infra.settings import Settings
from marketplace.infra.storage import ContentStorage
from marketplace.infra.work import SilentDoorbell, WorkSource
from tests.jobs.conftest import Ledger, NoRenderer
from tests.support.clock import CountingIds, FixedClock
from workers.actors import infra as housekeeping
from workers.registration import Actors, Tools, collect
from workers.runtime import LEASE_MARGIN_SECONDS, Outcome, Runtime


class TestEffect:
    async def test_effect_and_done_commit_together(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.count", n="1")

        outcome = await runtime.run("probe.count", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.DONE
        assert (job.state, job.worker, job.attempts) == (JobState.DONE, "test:1", 0)
        assert job.finished_at is not None
        assert await ledger.effects() == {"1": 1}

    async def test_second_delivery_does_nothing(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.count", n="1")

        first = await runtime.run("probe.count", job_id)
        second = await runtime.run("probe.count", job_id)

        assert (first, second) == (Outcome.DONE, Outcome.DUPLICATE)
        assert await ledger.effects() == {"1": 1}

    async def test_twenty_deliveries_at_once_make_one_effect(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.slow", n="1")

        outcomes = await asyncio.gather(*(runtime.run("probe.slow", job_id) for _ in range(20)))

        assert sorted(outcomes).count(Outcome.DONE) == 1
        assert set(outcomes) == {Outcome.DONE, Outcome.DUPLICATE}
        assert await ledger.effects() == {"1": 1}

    async def test_passing_lock_of_another_claim_does_not_lose_the_delivery(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.count", n="1")
        async with ledger.engine.connect() as claiming:
            await claiming.exec_driver_sql("select 1 from jobs for update")
            running = asyncio.create_task(runtime.run("probe.count", job_id))
            await asyncio.sleep(0.03)

            await claiming.rollback()

        assert await running == Outcome.DONE

    async def test_ids_arrive_with_their_types_and_extra_ones_are_left_out(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        company_id = uuid4()
        job_id = await ledger.add("probe.by_id", company_id=str(company_id), note="x", other="y")

        outcome = await runtime.run("probe.by_id", job_id)

        assert outcome == Outcome.DONE
        assert await ledger.effects() == {str(company_id): 1}

    async def test_actor_that_asks_for_settings_gets_them(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        outcome = await runtime.run("probe.told", await ledger.add("probe.told", n="1"))

        async with ledger.engine.connect() as connection:
            note = await connection.exec_driver_sql("select note from audit_log")
            assert note.scalar_one() == "http://127.0.0.1:8080"
        assert outcome == Outcome.DONE

    async def test_jobs_caused_by_a_job_carry_its_trace(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        await runtime.run("probe.follow", await ledger.add("probe.follow", n="a"))

        async with ledger.engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                "select args->>'n', trace from jobs where actor = 'probe.count' order by id"
            )
            assert [tuple(row) for row in rows] == [("a.1", "req_test"), ("a.2", "req_test")]

    async def test_cancelled_job_is_rolled_back_and_handed_back(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.endless", n="1")
        await ledger.change("update jobs set state = 1, deliveries = 1, lease_until = now()")
        task = asyncio.create_task(runtime.run("probe.endless", job_id))
        await asyncio.sleep(0.1)

        interrupted = runtime.interrupt()

        with pytest.raises(asyncio.CancelledError):
            await task
        await runtime.idle()
        job = await ledger.job(job_id)
        assert interrupted == 1
        assert (job.state, job.deliveries, job.attempts) == (JobState.READY, 0, 0)
        assert await ledger.effects() == {}


class TestFailure:
    async def test_refusal_is_a_dead_letter_at_once(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.refused", n="1")

        outcome = await runtime.run("probe.refused", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.DEAD
        assert (job.state, job.attempts) == (JobState.DEAD, 1)
        assert job.last_error == "Conflict: probe.refused: It says no every time."
        assert await ledger.effects() == {}

    async def test_refusal_marked_as_passing_is_retried(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.not_yet", n="1")

        outcome = await runtime.run("probe.not_yet", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.RETRIED
        assert (job.state, job.attempts) == (JobState.READY, 1)
        assert 3 < (job.run_at - job.created_at).total_seconds() < 8

    async def test_retries_end_in_a_dead_letter(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.away", n="1")

        outcomes = [await runtime.run("probe.away", job_id) for _ in range(4)]

        assert outcomes == [Outcome.RETRIED, Outcome.RETRIED, Outcome.DEAD, Outcome.DUPLICATE]
        assert (await ledger.job(job_id)).attempts == 3
        assert await ledger.effects() == {}

    async def test_missing_id_is_a_dead_letter_that_says_which(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.by_id", note="x")

        outcome = await runtime.run("probe.by_id", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.DEAD
        assert job.last_error == "UnusableArguments: probe.by_id needs company_id: UUID"

    async def test_unknown_actor_is_tried_again_later(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.tomorrow")

        outcome = await runtime.run("probe.tomorrow", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.RETRIED
        assert job.last_error == "LookupError: no actor is called probe.tomorrow"

    async def test_unknown_job_is_a_duplicate(self, runtime: Runtime, ledger: Ledger) -> None:
        del ledger

        assert await runtime.run("probe.tomorrow", uuid4()) == Outcome.DUPLICATE
        assert await runtime.run("probe.count", uuid4()) == Outcome.DUPLICATE

    async def test_overrun_is_stopped_rolled_back_and_retried(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.overrun", n="1")

        outcome = await runtime.run("probe.overrun", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.RETRIED
        assert job.last_error == "TimeoutError: ran longer than its limit of 1 s"
        assert await ledger.effects() == {}


class TestHousekeeping:
    @pytest.fixture
    def actors(self) -> Actors:
        return collect([housekeeping])

    async def test_old_jobs_and_kept_answers_go(
        self, runtime: Runtime, ledger: Ledger, clock: FixedClock
    ) -> None:
        await ledger.change(
            "insert into idempotency_keys (credential, key, fingerprint, status, body, created_at)"
            " select 'c', age::text, '', 200, '', now() - make_interval(hours => age)"
            " from unnest(array[1, 47, 49]) as age"
        )
        done = await ledger.add("a.b")
        await ledger.change("update jobs set state = 2 where id = :i", i=done)

        kept = await runtime.run(
            "infra.prune_replays", await ledger.add("infra.prune_replays", "light")
        )
        clock.advance(KEEP_DONE * 2)
        pruned = await runtime.run("infra.prune_jobs", await ledger.add("infra.prune_jobs"))

        async with ledger.engine.connect() as connection:
            keys = await connection.exec_driver_sql("select key from idempotency_keys order by 1")
            assert [row.key for row in keys] == ["1", "47"]
        assert (kept, pruned) == (Outcome.DONE, Outcome.DONE)
        async with ledger.engine.connect() as connection:
            assert await find_job(connection, done) is None


class TestDatabaseAway:
    async def test_job_that_could_not_start_is_left_to_its_lease(
        self, actors: Actors, settings: Settings, storage: ContentStorage, ids: CountingIds
    ) -> None:
        nowhere = make_engine("postgresql://nobody@/nowhere?host=/nonexistent", 1)
        source = WorkSource(nowhere, SystemClock(), ids, {}, SilentDoorbell())
        tools = Tools(settings=settings, storage=storage, renderer=NoRenderer())
        runtime = Runtime(source, actors, tools, "test:1")

        outcome = await runtime.run("probe.count", ids.uuid7())

        await nowhere.dispose()
        assert outcome == Outcome.UNRECORDED


class TestOutward:
    async def test_result_and_done_commit_together(
        self, runtime: Runtime, ledger: Ledger, storage: ContentStorage
    ) -> None:
        job_id = await ledger.add("probe.render", n="1")

        outcome = await runtime.run("probe.render", job_id)

        async with ledger.engine.connect() as connection:
            sha256 = (await connection.exec_driver_sql("select note from audit_log")).scalar_one()
        assert outcome == Outcome.DONE
        assert await storage.get(sha256) == f"page 1 for req_test {job_id}".encode()
        assert (await ledger.job(job_id)).state == JobState.DONE

    async def test_nothing_left_to_do_is_done_without_a_call(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.render", n="nothing")

        outcome = await runtime.run("probe.render", job_id)

        assert outcome == Outcome.DONE
        assert (await ledger.job(job_id)).state == JobState.DONE
        assert await ledger.effects() == {}

    async def test_no_transaction_is_open_during_the_call(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.render", n="slow")
        task = asyncio.create_task(runtime.run("probe.render", job_id))
        await asyncio.sleep(0.15)

        job = await ledger.job(job_id)
        async with ledger.engine.connect() as connection:
            waiting = await connection.exec_driver_sql(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and state like 'idle in transaction%'"
            )
            assert waiting.scalar_one() == 0
        assert job.state == JobState.OUTWARD
        assert await task == Outcome.DONE

    async def test_delivery_during_the_call_is_a_duplicate(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.render", n="slow")
        first = asyncio.create_task(runtime.run("probe.render", job_id))
        await asyncio.sleep(0.15)

        second = await runtime.run("probe.render", job_id)

        assert (await first, second) == (Outcome.DONE, Outcome.DUPLICATE)

    async def test_lease_outlasts_the_time_limit(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.render", n="slow")
        task = asyncio.create_task(runtime.run("probe.render", job_id))
        await asyncio.sleep(0.15)

        async with ledger.engine.connect() as connection:
            lease = await connection.exec_driver_sql(
                "select extract(epoch from lease_until - now())::int from jobs"
            )
            assert lease.scalar_one() > 5 + LEASE_MARGIN_SECONDS - 2
        await task

    async def test_slower_run_of_two_records_nothing(
        self, runtime: Runtime, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("probe.render", n="slow")
        slower = asyncio.create_task(runtime.run("probe.render", job_id))
        await asyncio.sleep(0.1)
        # What the sweep does when a lease runs out while its worker still calls.
        await ledger.change("update jobs set state = 2")

        assert await slower == Outcome.DUPLICATE
        assert await ledger.effects() == {}

    async def test_failed_call_is_retried(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.render", n="fail")

        outcome = await runtime.run("probe.render", job_id)

        job = await ledger.job(job_id)
        assert outcome == Outcome.RETRIED
        assert (job.state, job.attempts) == (JobState.READY, 1)
        assert job.last_error == "OSError: the renderer is away"

    async def test_refused_record_is_a_dead_letter(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.render", n="refuse")

        assert await runtime.run("probe.render", job_id) == Outcome.DEAD
        assert await ledger.effects() == {}

    async def test_cancelled_call_is_handed_back(self, runtime: Runtime, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.render", n="slow")
        task = asyncio.create_task(runtime.run("probe.render", job_id))
        await asyncio.sleep(0.15)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ledger.job(job_id)).state == JobState.READY
