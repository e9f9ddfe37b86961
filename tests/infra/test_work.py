"""The unit of work: one transaction a request, committed before the answer leaves, or nothing at all."""

from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from marketplace.app import create_app
from marketplace.infra.access import PUBLIC_PRINCIPAL, Principal, system_principal
from marketplace.infra.db import make_engine
from marketplace.infra.settings import Settings
from marketplace.infra.storage import ContentStorage
from marketplace.infra.work import SilentDoorbell, Subscription, WorkSource
from marketplace.kernel.errors import Gone
from marketplace.kernel.events import Event
from tests.conftest import OpenWork
from tests.support.app import make_ports, open_client
from tests.support.clock import CountingIds, FixedClock
from tests.support.edge import DEFERRED_TABLES, INSERT_ORPHAN, EdgeController
from tests.support.parties import make_party
from tests.support.postgres import Cluster, execute
from tests.support.rows import CountRows

A_COMPANY = UUID(int=7)
SEEN = text("SELECT cession_scope(), cession_company()")


class SomethingHappened(Event, frozen=True):
    name: ClassVar[str] = "something.happened.v1"
    thing_id: UUID


class CountingDoorbell:
    """Remembers how often it was rung."""

    def __init__(self) -> None:
        self.rings = 0

    def ring(self, queues: Collection[str] = ()) -> None:
        del queues
        self.rings += 1


class TestFailedCommit:
    """Rule 1, tried with a constraint that PostgreSQL checks only at COMMIT."""

    @pytest.fixture
    async def engine(self, cluster: Cluster, spare_database: str) -> AsyncIterator[AsyncEngine]:
        await execute(cluster.owner_url(spare_database), DEFERRED_TABLES)
        engine = make_engine(cluster.url(spare_database), 4)
        yield engine
        await engine.dispose()

    @pytest.fixture
    def deferred_app(
        self,
        settings: Settings,
        engine: AsyncEngine,
        clock: FixedClock,
        ids: CountingIds,
        storage: ContentStorage,
    ) -> Litestar:
        return create_app(settings, make_ports(engine, clock, ids, storage), [EdgeController])

    @staticmethod
    async def rows(engine: AsyncEngine) -> list[int]:
        tables = ("deferred_children", "audit_log", "events", "jobs", "idempotency_keys")
        async with engine.connect() as connection:
            return [
                int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())
                for table in tables
            ]

    async def test_gives_an_error_answer_and_no_row(
        self, deferred_app: Litestar, engine: AsyncEngine
    ) -> None:
        async with open_client(deferred_app) as client:
            answer = await client.post("/edge/orphans")
        assert (answer.status_code, answer.json()["code"]) == (409, "state.conflict")
        assert answer.headers["content-type"] == "application/problem+json"
        assert await self.rows(engine) == [0, 0, 0, 0, 0]

    async def test_gives_the_same_answer_when_the_route_is_given_more_than_the_work(
        self, deferred_app: Litestar, engine: AsyncEngine
    ) -> None:
        async with open_client(deferred_app) as client:
            answer = await client.post("/edge/many-orphans")
        assert (answer.status_code, answer.json()["code"]) == (409, "state.conflict")
        assert await self.rows(engine) == [0, 0, 0, 0, 0]

    async def test_keeps_no_answer_for_a_replay(
        self, deferred_app: Litestar, engine: AsyncEngine
    ) -> None:
        key = {"Idempotency-Key": "tried"}
        async with open_client(deferred_app) as client:
            first = await client.post("/edge/orphans", headers=key)
            assert first.status_code == 409
            assert await self.rows(engine) == [0, 0, 0, 0, 0]
            async with engine.begin() as connection:
                await connection.execute(text("INSERT INTO deferred_parents (id) VALUES (99)"))
            second = await client.post("/edge/orphans", headers=key)
        assert second.status_code == 201
        assert "idempotency-replayed" not in second.headers
        assert await self.rows(engine) == [1, 1, 0, 0, 1]

    async def test_rings_no_bell_and_raises_to_a_command(
        self, engine: AsyncEngine, clock: FixedClock, ids: CountingIds
    ) -> None:
        doorbell = CountingDoorbell()
        source = WorkSource(engine, clock, ids, {}, doorbell)

        async def add_orphan() -> None:
            async with source.begin("test", system_principal("test")) as work:
                await work.connection.execute(INSERT_ORPHAN)
                work.enqueue("something.do", {})

        with pytest.raises(IntegrityError):
            await add_orphan()
        assert doorbell.rings == 0
        assert await self.rows(engine) == [0, 0, 0, 0, 0]


class TestRequest:
    async def test_row_is_there_when_the_answer_is(
        self, edge: httpx.AsyncClient, count_rows: CountRows
    ) -> None:
        answer = await edge.post("/edge/notes", json={"text": "a"})
        assert answer.status_code == 201
        assert await count_rows("audit_log") == 1

    @pytest.mark.parametrize("kind", ["gone", "unavailable", "bug", "away", "SELECT 1/0"])
    async def test_failed_handler_leaves_nothing(
        self, edge: httpx.AsyncClient, count_rows: CountRows, kind: str
    ) -> None:
        answer = await edge.post(f"/edge/failures/{kind.replace('/', '%2F')}")
        assert answer.status_code >= 400
        assert await count_rows("audit_log") == 0

    async def test_refused_requests_give_their_connections_back(
        self, edge: httpx.AsyncClient, database: AsyncEngine
    ) -> None:
        for _ in range(20):
            assert (await edge.get("/edge/many-parts")).status_code == 401
            assert (await edge.get("/edge/list?limit=0")).status_code == 422
            assert (await edge.delete("/edge/notes/x")).status_code in (404, 422)
        pool = database.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        assert pool.checkedout() == 0

    async def test_connection_goes_back_to_the_pool_without_its_scope(
        self, edge: httpx.AsyncClient, work: OpenWork, database: AsyncEngine
    ) -> None:
        async with work() as opened:
            party = await make_party(opened)
        await edge.get("/edge/company", headers=party.headers)
        for _ in range(20):
            async with database.connect() as connection:
                assert (await connection.execute(SEEN)).one() == ("public", None)


class TestScope:
    async def test_stranger_is_public_and_elevation_ends(self, edge: httpx.AsyncClient) -> None:
        answer = await edge.get("/edge/scope")
        assert answer.json() == {
            "before": "public none",
            "lifted": "system none",
            "after": "public none",
        }

    async def test_company_is_itself_again_after_elevation(
        self, edge: httpx.AsyncClient, work: OpenWork
    ) -> None:
        async with work() as opened:
            party = await make_party(opened)
        answer = await edge.get("/edge/scope", headers=party.headers)
        itself = f"company {party.company.id}"
        assert answer.json() == {"before": itself, "lifted": "system none", "after": itself}

    async def test_elevations_may_be_nested(self, work: OpenWork) -> None:
        caller = Principal(scope="company", credential="test", company_id=A_COMPANY)
        async with work(caller) as opened:
            async with opened.elevated("outer"):
                async with opened.elevated("inner"):
                    pass
                assert (await opened.connection.execute(SEEN)).one() == ("system", None)
            assert (await opened.connection.execute(SEEN)).one() == ("company", A_COMPANY)

    async def test_principal_that_was_only_set_is_public_for_the_database(
        self, work_source: WorkSource
    ) -> None:
        async with work_source.begin("test") as opened:
            assert opened.principal == PUBLIC_PRINCIPAL
            assert (await opened.connection.execute(SEEN)).one() == ("public", None)

    async def test_refusal_ends_the_elevation_for_whoever_goes_on(self, work: OpenWork) -> None:
        caller = Principal(scope="company", credential="test", company_id=A_COMPANY)
        async with work(caller) as opened:
            with pytest.raises(Gone):
                async with opened.elevated("test"):
                    raise Gone("thing.gone", "It ended.")
            assert (await opened.connection.execute(SEEN)).one() == ("company", A_COMPANY)

    async def test_savepoint_ends_the_elevation_after_an_sql_error(self, work: OpenWork) -> None:
        caller = Principal(scope="company", credential="test", company_id=A_COMPANY)
        async with work(caller) as opened:
            with pytest.raises(DBAPIError):
                async with opened.connection.begin_nested(), opened.elevated("test"):
                    await opened.connection.execute(text("SELECT 1/0"))
            assert (await opened.connection.execute(SEEN)).one() == ("company", A_COMPANY)
            async with opened.elevated("again"):
                assert (await opened.connection.execute(SEEN)).one() == ("system", None)

    async def test_error_inside_elevation_is_the_error_that_is_raised(self, work: OpenWork) -> None:
        with pytest.raises(ZeroDivisionError):
            async with work() as opened, opened.elevated("test"):
                raise ZeroDivisionError


class TestAnnounce:
    @pytest.fixture
    def doorbell(self) -> CountingDoorbell:
        return CountingDoorbell()

    @pytest.fixture
    def source(
        self,
        database: AsyncEngine,
        clock: FixedClock,
        ids: CountingIds,
        doorbell: CountingDoorbell,
    ) -> WorkSource:
        followers = {
            SomethingHappened.name: [Subscription("a.follow"), Subscription("b.follow", "slow")]
        }
        return WorkSource(database, clock, ids, followers, doorbell)

    async def test_event_and_its_jobs_commit_together(
        self, source: WorkSource, doorbell: CountingDoorbell, owner_engine: AsyncEngine
    ) -> None:
        async with source.begin("trace-1", system_principal("test")) as work:
            work.announce(SomethingHappened(thing_id=A_COMPANY))
            assert doorbell.rings == 0
        assert doorbell.rings == 1
        async with owner_engine.connect() as connection:
            event = (await connection.execute(text("SELECT * FROM events"))).one()
            jobs = (await connection.execute(text("SELECT * FROM jobs ORDER BY actor"))).all()
        assert (event.name, event.trace) == (SomethingHappened.name, "trace-1")
        assert event.ids == {"thing_id": str(A_COMPANY)}
        assert [(job.actor, job.queue, job.event_id, job.trace) for job in jobs] == [
            ("a.follow", "default", event.id, "trace-1"),
            ("b.follow", "slow", event.id, "trace-1"),
        ]

    async def test_nobody_is_rung_for_an_event_without_followers(
        self,
        database: AsyncEngine,
        clock: FixedClock,
        ids: CountingIds,
        doorbell: CountingDoorbell,
        count_rows: CountRows,
    ) -> None:
        source = WorkSource(database, clock, ids, {}, doorbell)
        async with source.begin("trace", system_principal("test")) as work:
            work.announce(SomethingHappened(thing_id=A_COMPANY))
        assert doorbell.rings == 0
        assert await count_rows("events") == 1

    async def test_job_may_be_put_off_and_is_written_once_per_key(
        self, source: WorkSource, owner_engine: AsyncEngine, clock: FixedClock
    ) -> None:
        run_at = clock.now() + timedelta(hours=1)
        for _ in range(2):
            async with source.begin("trace", system_principal("test")) as work:
                work.enqueue("c.do", {"id": "1"}, queue="slow", run_at=run_at, dedup_key="k")
        async with owner_engine.connect() as connection:
            job = (await connection.execute(text("SELECT * FROM jobs"))).one()
        assert (job.actor, job.queue, job.run_at, job.args) == ("c.do", "slow", run_at, {"id": "1"})

    async def test_silent_bell_can_be_rung(self) -> None:
        SilentDoorbell().ring()


class TestAudit:
    async def test_says_who_did_what(
        self, work: OpenWork, owner_engine: AsyncEngine, clock: FixedClock
    ) -> None:
        caller = Principal(
            scope="staff", credential="ses_1", company_id=A_COMPANY, member_id=UUID(int=8)
        )
        async with work(caller, "trace-9") as opened:
            opened.audit("thing.done", "lot_1", "a note")
        async with owner_engine.connect() as connection:
            row = (await connection.execute(text("SELECT * FROM audit_log"))).one()
        assert tuple(row)[1:] == (
            "thing.done",
            "lot_1",
            "ses_1",
            A_COMPANY,
            UUID(int=8),
            "a note",
            "trace-9",
            clock.now(),
        )

    @pytest.mark.parametrize("statement", ["UPDATE audit_log SET note = ''", "DELETE FROM events"])
    async def test_only_grows(self, database: AsyncEngine, statement: str) -> None:
        async with database.connect() as connection:
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text(statement))

    @pytest.mark.parametrize("table", ["audit_log", "events"])
    async def test_only_grows_even_for_the_owner(
        self, work: OpenWork, owner_engine: AsyncEngine, table: str
    ) -> None:
        async with work() as opened:
            opened.audit("a", "b")
            opened.announce(SomethingHappened(thing_id=A_COMPANY))
        async with owner_engine.connect() as connection:
            with pytest.raises(Exception, match="only grow"):
                await connection.execute(text(f"DELETE FROM {table}"))


class TestView:
    async def test_is_public_and_has_no_transaction(
        self, edge: httpx.AsyncClient, clock: FixedClock
    ) -> None:
        answer = (await edge.get("/edge/view")).json()
        assert answer["scope"] == "public"
        assert answer["read_only"] is True
        assert answer["now"].startswith(clock.now().strftime("%Y-%m-%dT%H:%M:%S"))


class TestPrincipal:
    def test_without_a_company_has_none_to_give(self) -> None:
        with pytest.raises(AssertionError):
            _ = PUBLIC_PRINCIPAL.company
        assert Principal(scope="company", credential="x", company_id=A_COMPANY).company == A_COMPANY
