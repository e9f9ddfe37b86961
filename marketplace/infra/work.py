"""The unit of work: one request or task is one transaction, committed at the edge before the answer leaves.

Why not the framework's send hook: a popular one logs a failed COMMIT and still answers 201. Here the commit happens
inside the context manager that the request depends on, so a failed commit is an error answer and no row
(`tests/infra/test_work.py` proves it with a deferred constraint).
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from marketplace.infra.access import PUBLIC_PRINCIPAL, Principal
from marketplace.infra.jobs.ledger import NewJob
from marketplace.kernel.clock import Clock, Ids
from marketplace.kernel.events import Event

_ASSUME: Final = text(
    "SELECT set_config('cession.scope', :scope, true), set_config('cession.company', :company, true)"
)

# Goes to the driver as it is: it runs in nearly every request, and SQLAlchemy's building costs more than its running.
_FINISH: Final = """
SELECT finish_work(
    CAST($1::text AS jsonb), CAST($2::text AS jsonb), CAST($3::text AS jsonb), $4, $5, $6, $7, $8, $9, $10
)
"""

log = structlog.get_logger()


class Subscription(msgspec.Struct, frozen=True):
    """An actor that must run after a fact, and the queue (by weight) it runs in."""

    actor: str
    queue: str = "default"


class Doorbell(Protocol):
    """Tells waiting workers that rows were committed; a lost ring costs at most one poll."""

    def ring(self, queues: Collection[str] = ()) -> None:
        """Ring soon for these queues, or for all; cheap, never waits, never fails."""
        ...


class SilentDoorbell:
    """A doorbell nobody hears: for commands and tests that drain jobs themselves."""

    def ring(self, queues: Collection[str] = ()) -> None:
        """Do nothing."""


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The encoded answer of a request under its idempotency key; see `infra/http/idempotency.py`."""

    credential: str
    key: str
    fingerprint: bytes
    status: int
    etag: str | None
    body: bytes


class Work:
    """What a service receives: the open transaction, the moment, the caller, and what must happen next."""

    def __init__(self, connection: AsyncConnection, source: "WorkSource", trace: str) -> None:
        self.connection = connection
        self.now: datetime = source.clock.now()
        self.trace = trace
        self.principal: Principal = PUBLIC_PRINCIPAL
        self._source = source
        self._is_elevated = False
        self._events: list[dict[str, Any]] = []
        self._jobs: list[NewJob] = []
        self._audit: list[dict[str, Any]] = []
        self._answer: KeptAnswer | None = None

    def new_id(self) -> UUID:
        """Give a fresh UUIDv7."""
        return self._source.ids.uuid7()

    def token(self, size: int) -> bytes:
        """Give `size` unpredictable bytes for secrets and salts."""
        return self._source.ids.token(size)

    async def assume(self, principal: Principal) -> None:
        """Act as `principal`: row level security sees its scope and company from here on."""
        self.principal = principal
        await self._set_scope(principal.scope, principal.company_id)

    @asynccontextmanager
    async def elevated(self, reason: str) -> AsyncIterator[None]:
        """Lift row level security for a few statements that must touch another company's rows.

        The service that does this answers for what it reads; the reason stands in the log. Inside another elevation
        it costs nothing. A refusal that leaves the block ends the elevation too: somebody may catch it and go on.
        """
        if self._is_elevated or self.principal.scope == "system":
            yield
            return
        log.debug("work.elevated", reason=reason)
        await self._set_scope("system", None)
        self._is_elevated = True
        try:
            yield
        except DBAPIError:
            # No statement can run any more; a rollback, also to a savepoint, takes the scope back as well.
            raise
        except Exception:
            # It may be the typed form of a database error, after which there is no scope to take back.
            with suppress(DBAPIError):
                await self._resume()
            raise
        else:
            await self._resume()
        finally:
            self._is_elevated = False

    def announce(self, event: Event) -> None:
        """Record a fact; its row and the jobs of its subscribers commit together with the change."""
        event_id = self.new_id()
        ids = event.ids()
        self._events.append({"id": event_id, "name": event.name, "ids": ids, "trace": self.trace})
        for subscription in self._source.subscriptions.get(event.name, ()):
            self._add_job(subscription, ids, event_id=event_id)

    def enqueue(
        self,
        actor: str,
        args: Mapping[str, str],
        *,
        queue: str = "default",
        run_at: datetime | None = None,
        dedup_key: str | None = None,
    ) -> None:
        """Write a job that runs after the commit; `args` are ids as text. A known `dedup_key` is ignored."""
        self._add_job(Subscription(actor, queue), args, run_at=run_at, dedup_key=dedup_key)

    def audit(self, action: str, subject: str, note: str = "") -> None:
        """Record who did what to which thing (text id); never values that may have to be erased."""
        self._audit.append(
            {
                "id": self.new_id(),
                "action": action,
                "subject": subject,
                "credential": self.principal.credential,
                "company_id": self.principal.company_id,
                "member_id": self.principal.member_id,
                "note": note,
                "trace": self.trace,
            }
        )

    def keep_answer(self, answer: KeptAnswer) -> None:
        """Keep the encoded answer of this request for a repetition of it."""
        self._answer = answer

    async def flush(self) -> frozenset[str]:
        """Write what was announced, enqueued, audited and kept, in one round trip; give the queues that got jobs.

        Called once, at the edge.
        """
        if not (self._events or self._jobs or self._audit or self._answer):
            return frozenset()
        kept: tuple[Any, ...] = (None,) * 6
        if self._answer is not None:
            kept = msgspec.structs.astuple(self._answer)
        rows = (self._events, self._jobs, self._audit)
        values = (*(_json_or_null(one) for one in rows), *kept, self.now)
        await self.connection.exec_driver_sql(_FINISH, values)
        return frozenset(job.queue for job in self._jobs)

    def _add_job(
        self,
        subscription: Subscription,
        args: Mapping[str, str],
        *,
        event_id: UUID | None = None,
        run_at: datetime | None = None,
        dedup_key: str | None = None,
    ) -> None:
        self._jobs.append(
            NewJob(
                id=self.new_id(),
                actor=subscription.actor,
                queue=subscription.queue,
                args=dict(args),
                run_at=run_at,
                dedup_key=dedup_key,
                event_id=event_id,
                trace=self.trace,
            )
        )

    async def _resume(self) -> None:
        await self._set_scope(self.principal.scope, self.principal.company_id)

    async def _set_scope(self, scope: str, company_id: UUID | None) -> None:
        await self.connection.execute(
            _ASSUME, {"scope": scope, "company": str(company_id) if company_id else ""}
        )


class View:
    """What a public read receives: a connection without a transaction, seeing only public rows."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now


class WorkSource:
    """Opens units of work; one per process and event loop."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        ids: Ids,
        subscriptions: Mapping[str, Sequence[Subscription]],
        doorbell: Doorbell,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.ids = ids
        self.subscriptions = subscriptions
        self._doorbell = doorbell
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self, trace: str, principal: Principal | None = None) -> AsyncIterator[Work]:
        """Open a transaction; commit when the block ends well, roll back on any error.

        Without a principal the work starts as the public one, which row level security treats like nobody.
        """
        async with self.engine.connect() as connection, connection.begin():
            work = Work(connection, self, trace)
            if principal is not None:
                await work.assume(principal)
            yield work
            queues = await work.flush()
        if queues:
            self._doorbell.ring(queues)

    @asynccontextmanager
    async def view(self) -> AsyncIterator[View]:
        """Open a cheap public read: one statement is one round trip."""
        async with self._reading.connect() as connection:
            yield View(connection, self.clock.now())


def _json_or_null(rows: Sequence[Any]) -> str | None:
    return msgspec.json.encode(rows).decode() if rows else None
