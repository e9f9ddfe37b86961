"""Rows of the job ledger as one transaction sees them: insert, finish, fail, resend, prune.

A row is `ready` until somebody hands it out (`sent`, for as long as its lease), and ends `done` or
`dead`. `outward` marks a job whose call to the outside world is under way with no transaction open.
The effect of a job and its `done` are written by the same transaction, so an effect happens once
however often the job is delivered. `delivery.py` holds the other half: handing rows out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    Text,
    TextClause,
    Uuid,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from marketplace.infra.db import newest_first
from marketplace.infra.jobs.tables import jobs
from marketplace.kernel.ids import uuid7
from marketplace.kernel.paging import Window

_ERROR_TEXT_MAX: Final = 2000


class JobState(IntEnum):
    """Where a job stands; the numbers are stored and stand in the indexes."""

    READY = 0
    SENT = 1
    DONE = 2
    DEAD = 3
    OUTWARD = 4


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """One row to insert.

    `args` holds ids only. `run_at` is the earliest start, `None` means at once. A second row with
    the same `dedup_key` is silently left out, also after the first has run (until it is pruned).
    """

    id: UUID
    actor: str
    args: Mapping[str, Any] = msgspec.field(default_factory=dict)
    queue: str = "default"
    run_at: datetime | None = None
    dedup_key: str | None = None
    event_id: UUID | None = None
    trace: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row as an operator sees it: `attempts` counts failed runs, `deliveries` hand-outs."""

    id: UUID
    queue: str
    actor: str
    args: dict[str, Any]
    state: JobState
    run_at: datetime
    attempts: int
    deliveries: int
    dedup_key: str | None
    event_id: UUID | None
    trace: str
    worker: str | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


class Taken(msgspec.Struct, frozen=True):
    """What a worker needs to run a job; `attempts` counts the runs that failed so far."""

    args: dict[str, Any]
    attempts: int
    trace: str
    event_id: UUID | None


def _typed(statement: str, **types: TypeEngine[Any] | type[TypeEngine[Any]]) -> TextClause:
    return text(statement).bindparams(
        *(bindparam(name, type_=kind) for name, kind in types.items())
    )


# One statement whatever the number of rows: an event with five subscribers costs one round trip.
_INSERT: Final = _typed(
    """
    insert into jobs (id, queue, actor, args, run_at, dedup_key, event_id, trace)
    select id, queue, actor, cast(args as jsonb), coalesce(run_at, now()), dedup_key, event_id,
      trace
    from unnest(:ids, :queues, :actors, :args, :run_ats, :dedup_keys, :event_ids, :traces)
      as new (id, queue, actor, args, run_at, dedup_key, event_id, trace)
    on conflict (dedup_key) do nothing
    """,
    ids=ARRAY(Uuid),
    queues=ARRAY(Text),
    actors=ARRAY(Text),
    args=ARRAY(Text),
    run_ats=ARRAY(DateTime(timezone=True)),
    dedup_keys=ARRAY(Text),
    event_ids=ARRAY(Uuid),
    traces=ARRAY(Text),
)

# SKIP LOCKED instead of waiting: a row that stays locked means that another worker is inside this
# very job, and a thread must not wait for it. But a lock may also be a passing one: a second worker's
# claim, which read the row before the first claim committed, locks it, sees that it is no longer
# ready, and lets go when its statement ends. So a locked row is tried again for a moment; without
# that, 15 of 600 single jobs waited for their lease when five workers shared a queue.
_TAKE: Final = """
    with mine as (select id from jobs where id = :id and state in (0, 1) for update skip locked)
    update jobs set {change}, worker = :worker from mine where jobs.id = mine.id
    returning jobs.args, jobs.attempts, jobs.trace, jobs.event_id,
      set_config('cession.scope', 'system', true)
"""
"""Taking a job also opens the system's scope for row security: a round trip less for every job."""
_STATE: Final = _typed("select state from jobs where id = :id", id=Uuid)
_LOCK_PAUSES_SECONDS: Final = (0.002, 0.01, 0.05, 0.2)
_TAKE_AND_FINISH: Final = _typed(
    _TAKE.format(change="state = 2, finished_at = clock_timestamp(), last_error = null"), id=Uuid
)
_TAKE_OUTWARD: Final = _typed(
    _TAKE.format(change="state = 4, lease_until = now() + make_interval(secs => :lease_seconds)"),
    id=Uuid,
    lease_seconds=Integer,
)
_FINISH_OUTWARD: Final = _typed(
    """
    update jobs set state = 2, finished_at = clock_timestamp(), last_error = null
    where id = :id and state in (0, 1, 4)
    returning id
    """,
    id=Uuid,
)
_FAIL: Final = _typed(
    """
    update jobs set attempts = :attempts + 1, last_error = :error, worker = :worker,
      lease_until = null,
      state = case when :dead then 3 else 0 end,
      finished_at = case when :dead then clock_timestamp() end,
      run_at = now() + make_interval(secs => :delay_seconds)
    where id = :id and state in (0, 1, 4) and attempts = :attempts
    returning state
    """,
    id=Uuid,
    attempts=Integer,
    delay_seconds=Integer,
)
_RELEASE: Final = _typed(
    """
    update jobs set state = 0, lease_until = null, deliveries = greatest(deliveries - 1, 0)
    where id = :id and (state = 1 or state = 4 and worker = :worker)
    """,
    id=Uuid,
)


async def insert_jobs(connection: AsyncConnection, rows: Sequence[NewJob]) -> None:
    """Write rows in the caller's transaction, in one statement; known keys are left out."""
    if not rows:
        return
    await connection.execute(
        _INSERT,
        {
            "ids": [row.id for row in rows],
            "queues": [row.queue for row in rows],
            "actors": [row.actor for row in rows],
            "args": [msgspec.json.encode(row.args).decode() for row in rows],
            "run_ats": [row.run_at for row in rows],
            "dedup_keys": [row.dedup_key for row in rows],
            "event_ids": [row.event_id for row in rows],
            "traces": [row.trace for row in rows],
        },
    )


async def take_and_finish(connection: AsyncConnection, job_id: UUID, worker: str) -> Taken | None:
    """Mark the job done as the first statement of its effect's transaction.

    `None` means a duplicate delivery: it is done already, dead, or being run at this moment.
    """
    return await _take(connection, _TAKE_AND_FINISH, {"id": job_id, "worker": worker})


async def take_outward(
    connection: AsyncConnection, job_id: UUID, worker: str, lease_seconds: int
) -> Taken | None:
    """Mark the start of an outward call; the lease must outlast the call's time limit.

    `None` as in `take_and_finish`, and while another worker's call is under way.
    """
    parameters = {"id": job_id, "worker": worker, "lease_seconds": lease_seconds}
    return await _take(connection, _TAKE_OUTWARD, parameters)


async def _take(
    connection: AsyncConnection, statement: TextClause, parameters: dict[str, Any]
) -> Taken | None:
    row = (await connection.execute(statement, parameters)).first()
    for pause_seconds in _LOCK_PAUSES_SECONDS:
        if row is not None or await _is_over(connection, parameters["id"]):
            break
        await asyncio.sleep(pause_seconds)
        row = (await connection.execute(statement, parameters)).first()
    if row is None:
        return None
    # A text() result carries no column type, so JSON may arrive as text.
    args = msgspec.json.decode(row.args) if isinstance(row.args, str) else row.args
    return Taken(args, row.attempts, row.trace, row.event_id)


async def _is_over(connection: AsyncConnection, job_id: UUID) -> bool:
    """Tell whether the job cannot be taken any more, so that a lock is not why it was not taken."""
    state = await connection.scalar(_STATE, {"id": job_id})
    return state not in (JobState.READY, JobState.SENT)


async def finish_outward(connection: AsyncConnection, job_id: UUID) -> bool:
    """Mark an outward job done in the transaction that records its result.

    `False` when another run of the same job recorded first: the caller must roll back.
    """
    return (await connection.execute(_FINISH_OUTWARD, {"id": job_id})).first() is not None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A failed run: `attempts` as the run read them, so that a late report cannot count twice."""

    job_id: UUID
    attempts: int
    error: str
    worker: str
    retry_in_seconds: int | None
    """`None` makes the job a dead letter."""


async def record_failure(connection: AsyncConnection, failure: Failure) -> JobState | None:
    """Put a failed job back with a delay or make it dead; `None` when it ended meanwhile."""
    row = (
        await connection.execute(
            _FAIL,
            {
                "id": failure.job_id,
                "attempts": failure.attempts,
                "error": failure.error[:_ERROR_TEXT_MAX],
                "worker": failure.worker,
                "dead": failure.retry_in_seconds is None,
                "delay_seconds": failure.retry_in_seconds or 0,
            },
        )
    ).first()
    return None if row is None else JobState(row.state)


async def release(connection: AsyncConnection, job_id: UUID, worker: str) -> None:
    """Hand a job back that was interrupted by a shutdown; it does not count as an attempt."""
    await connection.execute(_RELEASE, {"id": job_id, "worker": worker})


_COLUMNS: Final = tuple(jobs.c[name] for name in Job.__struct_fields__)


def _as_job(row: RowMapping) -> Job:
    return Job(**{**row, "state": JobState(row["state"])})


async def list_jobs(connection: AsyncConnection, state: JobState, window: Window) -> list[Job]:
    """List jobs of one state, newest first; one more than the window's limit when more follow."""
    query = select(*_COLUMNS).where(jobs.c.state == int(state))
    rows = await connection.execute(newest_first(query, jobs.c.id, window))
    return [_as_job(row) for row in rows.mappings()]


async def find_job(connection: AsyncConnection, job_id: UUID) -> Job | None:
    """Read one row, or `None`."""
    row = (
        (await connection.execute(select(*_COLUMNS).where(jobs.c.id == job_id))).mappings().first()
    )
    return None if row is None else _as_job(row)


async def resend_dead(connection: AsyncConnection, job_id: UUID) -> bool:
    """Make a dead letter ready with all its attempts; `False` when it is not a dead letter."""
    changed = await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == int(JobState.DEAD))
        .values(state=int(JobState.READY), run_at=text("now()"), attempts=0, finished_at=None)
        .returning(jobs.c.id)
    )
    return changed.first() is not None


async def prune_done(
    connection: AsyncConnection, now: datetime, keep: timedelta, *, limit: int = 5000
) -> int:
    """Delete done jobs created before `now - keep`, at most `limit`; give the number deleted.

    Ids are time-ordered, so the primary key finds the old rows and no further index is kept. Dead
    letters stay until an operator deals with them.
    """
    boundary = uuid7(now - keep, bytes(10))
    oldest = (
        select(jobs.c.id)
        .where(jobs.c.id < boundary, jobs.c.state == int(JobState.DONE))
        .order_by(jobs.c.id)
        .limit(limit)
    )
    return (await connection.execute(delete(jobs).where(jobs.c.id.in_(oldest)))).rowcount
