"""The broker on the job table: its link to the database and its consumers."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from dramatiq.broker import MessageProxy

from marketplace.infra.jobs.delivery import Delivery
from marketplace.infra.jobs.doorbell import PostgresDoorbell
from marketplace.infra.jobs.ledger import JobState
from tests.jobs.conftest import Ledger
from tests.support.postgres import Cluster, execute
from workers.broker import LedgerBroker, LedgerConsumer, LedgerLink, message_for

LEASE_SECONDS = 60
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cession-jobs'"
)


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[LedgerLink]:
    opened = LedgerLink(database_url, LEASE_SECONDS)
    await opened.open()
    yield opened
    await opened.close()


class TestLink:
    async def test_without_due_jobs_it_says_when_the_next_is_due(
        self, link: LedgerLink, ledger: Ledger
    ) -> None:
        assert await link.claim("default", 10) == ([], None)
        await ledger.add("a.b")
        await ledger.change("update jobs set run_at = now() + interval '20 s'")

        claimed, due_seconds = await link.claim("default", 10)

        assert claimed == []
        assert due_seconds is not None
        assert 15 < due_seconds < 20

    async def test_claimed_jobs_can_be_handed_back(self, link: LedgerLink, ledger: Ledger) -> None:
        job_id = await ledger.add("a.b")
        claimed, _ = await link.claim("default", 10)

        await link.hand_back([job.job_id for job in claimed])

        assert [job.job_id for job in claimed] == [job_id]
        assert (await ledger.job(job_id)).state == JobState.READY

    async def test_doorbell_wakes_listeners_until_they_leave(
        self, link: LedgerLink, database_url: str
    ) -> None:
        woken = asyncio.Event()
        link.add_listener(woken.set)
        bell = PostgresDoorbell(database_url)
        bell.ring()
        await asyncio.wait_for(woken.wait(), 5)

        link.remove_listener(woken.set)
        woken.clear()
        bell.ring()
        await asyncio.sleep(0.1)
        await bell.close()

        assert not woken.is_set()

    async def test_sweep_wakes_listeners_for_what_it_freed(
        self, link: LedgerLink, ledger: Ledger
    ) -> None:
        await ledger.add("a.b")
        await link.claim("default", 10)
        await ledger.change("update jobs set lease_until = now() - interval '1 s'")
        woken = asyncio.Event()
        link.add_listener(woken.set)

        # The link sweeps by itself, once a second.
        await asyncio.wait_for(woken.wait(), 10)

        assert await ledger.states() == {0: 1}

    async def test_lost_connection_costs_at_most_one_answer(
        self, link: LedgerLink, ledger: Ledger, cluster: Cluster
    ) -> None:
        job_id = await ledger.add("a.b")
        await execute(cluster.superuser_url(), CUT)

        first, _ = await link.claim("default", 10)
        second, _ = await link.claim("default", 10)

        assert [job.job_id for job in first + second] == [job_id]

    async def test_database_that_is_away_is_answered_with_nothing(self) -> None:
        link = LedgerLink("postgresql://nobody@/nowhere?host=/nonexistent", LEASE_SECONDS)

        await link.sweep()
        await link.hand_back([UUID(int=1)])

        assert await link.claim("default", 10) == ([], None)
        await link.close()

    async def test_start_without_a_database_fails(self) -> None:
        link = LedgerLink("postgresql://nobody@/nowhere?host=/nonexistent", LEASE_SECONDS)

        with pytest.raises(OSError, match="No such file"):
            await link.open()


class TestConsumer:
    """Called from threads, as dramatiq does; the test's loop is the process's."""

    @pytest.fixture
    async def broker(self, link: LedgerLink) -> LedgerBroker:
        return LedgerBroker(link, asyncio.get_running_loop(), [])

    @staticmethod
    def taken(consumer: LedgerConsumer, most: int) -> list[MessageProxy]:
        messages = (next(consumer) for _ in range(most))
        return [message for message in messages if message is not None]

    async def test_message_is_actor_and_row_and_nothing_else(
        self, broker: LedgerBroker, ledger: Ledger
    ) -> None:
        job_id = await ledger.add("a.b", secret_id="7")
        consumer = LedgerConsumer(broker, "default", prefetch=4, timeout=50)

        (message,) = await asyncio.to_thread(self.taken, consumer, 1)

        assert (message.actor_name, message.args, message.kwargs) == ("a.b", (str(job_id),), {})
        await asyncio.to_thread(consumer.close)

    async def test_no_more_than_the_prefetch_is_in_hand(
        self, broker: LedgerBroker, ledger: Ledger
    ) -> None:
        for _ in range(10):
            await ledger.add("a.b")
        consumer = LedgerConsumer(broker, "default", prefetch=4, timeout=50)

        first = await asyncio.to_thread(self.taken, consumer, 8)
        for message in first[:2]:
            consumer.ack(message)
        second = await asyncio.to_thread(self.taken, consumer, 8)

        assert (len(first), len(second)) == (4, 2)
        await asyncio.to_thread(consumer.close)

    async def test_unstarted_jobs_are_handed_back_at_the_end(
        self, broker: LedgerBroker, ledger: Ledger
    ) -> None:
        for _ in range(6):
            await ledger.add("a.b")
        consumer = LedgerConsumer(broker, "default", prefetch=6, timeout=50)
        started, waiting = await asyncio.to_thread(self.taken, consumer, 2)

        consumer.ack(started)
        await asyncio.to_thread(consumer.requeue, [waiting])
        await asyncio.to_thread(consumer.close)

        assert await ledger.states() == {0: 5, 1: 1}

    async def test_stopping_broker_claims_nothing(
        self, broker: LedgerBroker, ledger: Ledger
    ) -> None:
        await ledger.add("a.b")
        broker.stopping = True
        consumer = LedgerConsumer(broker, "default", prefetch=4, timeout=50)

        assert await asyncio.to_thread(self.taken, consumer, 3) == []
        await asyncio.to_thread(consumer.close)

    async def test_enqueue_is_refused(self, broker: LedgerBroker, ledger: Ledger) -> None:
        del ledger
        message = message_for(Delivery(UUID(int=1), "a.b"), "default")

        with pytest.raises(AssertionError, match=r"a\.b: jobs are enqueued by Work\.enqueue"):
            broker.enqueue(message)
