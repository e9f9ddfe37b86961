"""The clock's jobs: slots, catching up, and several schedulers at once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.clock import SystemIds
from marketplace.infra.jobs.ledger import NewJob
from marketplace.infra.work import SilentDoorbell, WorkSource
from tests.jobs.conftest import Ledger
from tests.jobs.processes import Watch, end_impatiently, environment, running
from tests.support.clock import FixedClock
from tests.support.postgres import Cluster
from workers.registration import QUEUES, load_actors
from workers.schedule import SCHEDULE, Entry, Scheduler, key_of, last_slot, slots

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOURLY = Entry(name="probe.hourly", cron="0 * * * *", actor="probe.count")
EVERY_SLOT = Entry(name="probe.every", cron="*/10 * * * *", actor="probe.count", missed="all")


class TestSlots:
    def test_slot_of_this_moment_is_included_and_the_one_before_not(self) -> None:
        assert slots(HOURLY, NOON - timedelta(hours=1), NOON) == [NOON]

    def test_nothing_is_due_between_slots(self) -> None:
        assert slots(HOURLY, NOON, NOON + timedelta(minutes=59)) == []

    def test_last_missed_only_gives_the_newest(self) -> None:
        assert slots(HOURLY, NOON - timedelta(hours=5), NOON) == [NOON]

    def test_all_gives_every_missed_slot(self) -> None:
        missed = slots(EVERY_SLOT, NOON - timedelta(hours=1), NOON)

        assert missed == [NOON - timedelta(minutes=minutes) for minutes in (50, 40, 30, 20, 10, 0)]

    def test_slots_older_than_the_catch_up_are_let_go(self) -> None:
        missed = slots(EVERY_SLOT, NOON - timedelta(days=30), NOON)

        assert len(missed) == 24 * 6
        assert missed[-1] == NOON

    def test_key_names_entry_and_slot(self) -> None:
        assert key_of(HOURLY, NOON) == "cron:probe.hourly:2026-11-25T12:00:00Z"


class TestSchedule:
    def test_names_are_unique(self) -> None:
        assert len({entry.name for entry in SCHEDULE}) == len(SCHEDULE)

    @pytest.mark.parametrize("entry", SCHEDULE, ids=lambda entry: entry.name)
    def test_actor_exists_takes_no_ids_and_queue_fits(self, entry: Entry) -> None:
        actor = load_actors()[entry.actor]

        assert dict(actor.takes()) == {}
        assert entry.queue == actor.limits.queue
        assert entry.queue in QUEUES

    @pytest.mark.parametrize("entry", SCHEDULE, ids=lambda entry: entry.name)
    def test_cron_text_is_valid_and_runs_at_least_daily(self, entry: Entry) -> None:
        assert slots(entry, NOON - timedelta(days=1), NOON)


class TestTick:
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(NOON)

    def scheduler(self, source: WorkSource, entries: Sequence[Entry]) -> Scheduler:
        return Scheduler(source, SilentDoorbell(), entries)

    async def test_new_installation_starts_with_the_next_slot(
        self, work_source: WorkSource, clock: FixedClock, ledger: Ledger
    ) -> None:
        scheduler = self.scheduler(work_source, [HOURLY])

        first = await scheduler.tick()
        clock.advance(timedelta(hours=1))
        second = await scheduler.tick()

        assert (first, second) == (0, 1)
        assert await ledger.states() == {0: 1}

    async def test_row_carries_slot_queue_and_trace(
        self, work_source: WorkSource, clock: FixedClock, ledger: Ledger
    ) -> None:
        scheduler = self.scheduler(work_source, [HOURLY])
        await scheduler.tick()
        clock.advance(timedelta(minutes=61))
        await scheduler.tick()

        async with ledger.engine.connect() as connection:
            rows = await connection.exec_driver_sql("select id from jobs")
            job = await ledger.job(rows.scalar_one())
        assert (job.actor, job.queue, job.trace) == ("probe.count", "light", "cron_probe.hourly")
        assert job.run_at == NOON + timedelta(hours=1)

    async def test_pause_is_caught_up_by_a_new_scheduler(
        self, work_source: WorkSource, clock: FixedClock, ledger: Ledger
    ) -> None:
        before = self.scheduler(work_source, [EVERY_SLOT, HOURLY])
        await before.tick()
        clock.advance(timedelta(minutes=60))
        await before.tick()
        clock.advance(timedelta(hours=3))

        written = await self.scheduler(work_source, [EVERY_SLOT, HOURLY]).tick()

        assert written == 18 + 1
        assert await ledger.states() == {0: 6 + 1 + 18 + 1}

    async def test_last_slot_is_that_of_the_entry_itself(
        self, database: AsyncEngine, ledger: Ledger
    ) -> None:
        longer = Entry(name="probe.hourly2", cron="0 * * * *", actor="probe.count")
        await ledger.add_rows(
            NewJob(id=SystemIds().uuid7(), actor="a.b", dedup_key=key_of(HOURLY, NOON)),
            NewJob(
                id=SystemIds().uuid7(),
                actor="a.b",
                dedup_key=key_of(longer, NOON + timedelta(hours=9)),
            ),
        )

        async with database.connect() as connection:
            assert await last_slot(connection, HOURLY) == NOON
            assert await last_slot(connection, EVERY_SLOT) is None

    async def test_four_racing_schedulers_write_each_slot_once(
        self, work_source: WorkSource, clock: FixedClock, ledger: Ledger
    ) -> None:
        racing = [self.scheduler(work_source, [EVERY_SLOT, HOURLY]) for _ in range(4)]
        await asyncio.gather(*(scheduler.tick() for scheduler in racing))
        for _ in range(12):
            clock.advance(timedelta(minutes=10))
            await asyncio.gather(*(scheduler.tick() for scheduler in racing))

        assert await ledger.states() == {0: 12 + 2}


class TestSchedulerProcess:
    def test_starts_ticks_and_ends_in_order(
        self, cluster: Cluster, spare_database: str, tmp_path: Path
    ) -> None:
        env = environment(cluster.url(spare_database), tmp_path)
        log = tmp_path / "log"
        watch = Watch(cluster.url(spare_database))
        # As if a scheduler had stopped an hour ago: the first tick of the process has work.
        entry = SCHEDULE[0]
        an_hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        watch.rows(
            "insert into jobs (id, actor, state, dedup_key)"
            " values (gen_random_uuid(), 'a.b', 2, $1)",
            key_of(entry, an_hour_ago),
        )
        with running("-m", "workers.main", "scheduler", env=env, log=log) as process:
            watch.until(f"select exists (select from jobs where actor = '{entry.actor}')")
            code, seconds = end_impatiently(process)
        watch.close()

        assert code == 0
        assert seconds < 5
