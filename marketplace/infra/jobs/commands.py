"""The job ledger on the command line: what an operator types when a job needs a person."""

from typing import Final

from marketplace.infra.jobs import service
from marketplace.infra.jobs.ledger import JobState
from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import InvalidId, format_id, parse_id
from marketplace.kernel.paging import LIMIT_MAX, Window

_ROW: Final = "{id:<32}{actor:<30}{attempts:>9}  {error}"
_ERROR_WIDTH: Final = 90


async def dead(work: Work) -> str:
    """Give the newest dead letters as a table (`cession jobs dead`)."""
    page = await service.list_jobs(work, JobState.DEAD, Window(LIMIT_MAX))
    if not page.items:
        return "No dead jobs."
    lines = [_ROW.format(id="JOB", actor="ACTOR", attempts="ATTEMPTS", error="LAST ERROR")]
    for job in page.items:
        error = (job.last_error or "").partition("\n")[0][:_ERROR_WIDTH]
        lines.append(
            _ROW.format(
                id=format_id("job", job.id), actor=job.actor, attempts=job.attempts, error=error
            )
        )
    if page.next_cursor:
        lines.append(f"... and more: these are the newest {LIMIT_MAX}.")
    lines.append("Mend the cause, then: cession jobs resend <job>")
    return "\n".join(lines)


async def resend(work: Work, job: str) -> str:
    """Send one dead letter again (`cession jobs resend <job>`).

    Raises:
        NotFound: `job.unknown`, also for a text that is no job id.
        Conflict: `job.not_dead`.
    """
    try:
        job_id = parse_id("job", job)
    except InvalidId as problem:
        raise NotFound("job.unknown", f"{job} is not the id of a job.") from problem
    ready = await service.resend_job(work, job_id)
    return f"{job} ({ready.actor}) is ready again."
