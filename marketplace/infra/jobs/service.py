"""What an operator and the clock do with the ledger: read it, send dead letters again, prune it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from marketplace.infra.jobs import ledger
from marketplace.infra.jobs.ledger import Job, JobState
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of

KEEP_DONE: Final = timedelta(days=7)
"""Done jobs stay this long, to explain what happened; it must exceed every schedule's `catch_up`."""
PRUNE_BATCH: Final = 5000

log = structlog.get_logger(__name__)


async def list_jobs(work: Work, state: JobState, window: Window) -> Page[Job]:
    """List jobs of one state, newest first."""
    found = await ledger.list_jobs(work.connection, state, window)
    return page_of(found, window.limit, lambda job: (str(job.id),))


async def read_job(work: Work, job_id: UUID) -> Job:
    """Give one job.

    Raises:
        NotFound: `job.unknown`, also for a job pruned long after it was done.
    """
    job = await ledger.find_job(work.connection, job_id)
    if job is None:
        raise NotFound("job.unknown", "There is no such job; done jobs are kept for a week.")
    return job


async def resend_job(work: Work, job_id: UUID) -> Job:
    """Make a dead letter ready again, with all its attempts, and write who did it.

    Raises:
        NotFound: `job.unknown`.
        Conflict: `job.not_dead`, it runs by itself or has run.
    """
    if not await ledger.resend_dead(work.connection, job_id):
        job = await read_job(work, job_id)
        raise Conflict(
            "job.not_dead",
            f"Only dead jobs can be sent again; this one is {job.state.name.lower()}.",
        )
    work.audit("job.resent", format_id("job", job_id))
    log.info("job.resent", job_id=str(job_id))
    return await read_job(work, job_id)


async def prune_jobs(work: Work) -> None:
    """Delete jobs that were done long ago; a full batch asks for another run."""
    deleted = await ledger.prune_done(work.connection, work.now, KEEP_DONE, limit=PRUNE_BATCH)
    if deleted == PRUNE_BATCH:
        work.enqueue("infra.prune_jobs", {}, queue="light")
    log.info("jobs.pruned", deleted=deleted)
