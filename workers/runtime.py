"""Runs one job: its row and its effect in one transaction, and an account of every failure.

The first statement of an effect's transaction marks the job done; the effect and that mark commit
together or not at all. So however often a broker delivers a job, its effect happens once.
"""

import asyncio
import random
import time
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog

from marketplace.infra.access import system_principal
from marketplace.infra.jobs import ledger
from marketplace.infra.jobs.backoff import wait_seconds
from marketplace.infra.work import Work, WorkSource
from workers.registration import Actor, Actors, Effect, Limits, Outward, Tools, arguments_for

LEASE_MARGIN_SECONDS: Final = 30
"""An outward call's lease outlasts its time limit by this, so that two never run side by side."""

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a delivery ended."""

    DONE = "done"
    DUPLICATE = "duplicate"
    RETRIED = "retried"
    DEAD = "dead"
    UNRECORDED = "unrecorded"
    """The database was away; the lease brings the job back."""


class _Overtaken(Exception):
    """Another run of the same outward job recorded its result first."""


class _Run:
    """What is known so far about the delivery in progress; the failure path needs it."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self.taken: ledger.Taken | None = None


class Runtime:
    """Runs jobs on one event loop. `worker` names the process in the job's row and in the logs."""

    def __init__(self, source: WorkSource, actors: Actors, tools: Tools, worker: str) -> None:
        self._source = source
        self._actors = actors
        self._tools = tools
        self._worker = worker
        self._running: dict[asyncio.Task[Any], str] = {}
        self.deliveries_run = 0

    async def run(self, actor_name: str, job_id: UUID) -> Outcome:
        """Run a delivered job to its end and say how it ended.

        Raises only `CancelledError`, at a shutdown; the job has then been handed back.
        """
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a job runs in a task")
        self._running[task] = actor_name
        started = time.perf_counter()
        try:
            with structlog.contextvars.bound_contextvars(
                process="worker", worker=self._worker, job_id=str(job_id), actor=actor_name
            ):
                outcome = await self._run(actor_name, _Run(job_id))
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log.info("job.ended", outcome=str(outcome), milliseconds=milliseconds)
                return outcome
        finally:
            self.deliveries_run += 1
            del self._running[task]
            structlog.contextvars.unbind_contextvars("request_id")

    def interrupt(self) -> int:
        """Cancel what is running, at a shutdown that cannot wait; give how many jobs that were."""
        for task in self._running:
            task.cancel()
        return len(self._running)

    def interrupt_interruptible(self) -> None:
        """Cancel those running jobs whose actors said that a shutdown need not wait for them."""
        for task, actor_name in self._running.items():
            actor = self._actors.get(actor_name)
            if actor is not None and actor.limits.interruptible:
                task.cancel()

    async def idle(self) -> None:
        """Wait until nothing is running."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _run(self, actor_name: str, run: _Run) -> Outcome:
        actor = self._actors.get(actor_name)
        if actor is None:
            return await self.refuse_unknown(actor_name, run.job_id)
        try:
            async with asyncio.timeout(actor.limits.time_limit):
                if isinstance(actor, Outward):
                    return await self._outward(actor, run)
                return await self._effect(actor, run)
        except asyncio.CancelledError:
            await self._hand_back(run)
            raise
        except _Overtaken:
            return Outcome.DUPLICATE
        except TimeoutError:
            limit = actor.limits.time_limit
            error = TimeoutError(f"ran longer than its limit of {limit} s")
            return await self._account(run, actor.limits, error)
        except Exception as error:  # noqa: BLE001 (every failure is accounted for in the job's row)
            return await self._account(run, actor.limits, error)

    def _begin(self, actor: Actor, run: _Run, work: Work, taken: ledger.Taken) -> None:
        run.taken = taken
        work.trace = taken.trace
        structlog.contextvars.bind_contextvars(request_id=taken.trace)
        work.principal = system_principal(actor.name)  # its scope came with the row

    async def _effect(self, actor: Effect, run: _Run) -> Outcome:
        async with self._source.begin("") as work:
            taken = await ledger.take_and_finish(work.connection, run.job_id, self._worker)
            if taken is None:
                return Outcome.DUPLICATE
            self._begin(actor, run, work, taken)
            ids = arguments_for(actor, taken.args)
            if actor.wants_settings():
                await actor.function(work, settings=self._tools.settings, **ids)
            else:
                await actor.function(work, **ids)
        return Outcome.DONE

    async def _outward(self, actor: Outward, run: _Run) -> Outcome:
        lease_seconds = actor.limits.time_limit + LEASE_MARGIN_SECONDS
        async with self._source.begin("") as work:
            taken = await ledger.take_outward(
                work.connection, run.job_id, self._worker, lease_seconds
            )
            if taken is None:
                return Outcome.DUPLICATE
            self._begin(actor, run, work, taken)
            task = await actor.load(work, **arguments_for(actor, taken.args))
            if task is None:
                await ledger.finish_outward(work.connection, run.job_id)
                return Outcome.DONE
        result = await actor.call(self._tools, task, run.job_id)
        async with self._source.begin(taken.trace, system_principal(actor.name)) as work:
            if not await ledger.finish_outward(work.connection, run.job_id):
                raise _Overtaken
            await actor.record(work, task, result)
        return Outcome.DONE

    async def refuse_unknown(self, actor_name: str, job_id: UUID) -> Outcome:
        """Put back a job whose actor this release does not know; a newer worker may know it."""
        run = _Run(job_id)
        async with self._source.engine.connect() as connection:
            job = await ledger.find_job(connection, job_id)
        if job is None:
            return Outcome.DUPLICATE
        run.taken = ledger.Taken(job.args, job.attempts, job.trace, job.event_id)
        return await self._account(run, Limits(), LookupError(f"no actor is called {actor_name}"))

    async def _account(self, run: _Run, limits: Limits, error: Exception) -> Outcome:
        """Write a failure into the job's row, in a transaction of its own."""
        attempts = run.taken.attempts if run.taken else None
        if attempts is None:
            log.error("job.not_started", exc_info=error)
            return Outcome.UNRECORDED
        failed_runs = attempts + 1
        dead = limits.gives_up(error, failed_runs)
        chance = random.random()  # noqa: S311 (spreads retries, guards nothing)
        failure = ledger.Failure(
            job_id=run.job_id,
            attempts=attempts,
            error=f"{type(error).__name__}: {error}",
            worker=self._worker,
            retry_in_seconds=None if dead else wait_seconds(failed_runs, chance),
        )
        try:
            async with self._source.engine.begin() as connection:
                state = await ledger.record_failure(connection, failure)
        except Exception:
            log.exception("job.failure_unrecorded", failed_runs=failed_runs)
            return Outcome.UNRECORDED
        if state is None:
            return Outcome.DUPLICATE
        log.error("job.failed", failed_runs=failed_runs, dead=dead, exc_info=error)
        return Outcome.DEAD if dead else Outcome.RETRIED

    async def _hand_back(self, run: _Run) -> None:
        try:
            async with self._source.engine.begin() as connection:
                await ledger.release(connection, run.job_id, self._worker)
        except Exception:
            log.exception("job.not_handed_back")
        else:
            log.info("job.handed_back")
