"""How a job looks from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from marketplace.infra.jobs.ledger import Job, JobState
from marketplace.kernel.ids import format_id, pattern

JobId = Annotated[
    str,
    Meta(
        description="Id of a job",
        pattern=pattern("job"),
        examples=["job_01kaxg5r3te9xv1f2n6b8q0m4z"],
    ),
]
StateName = Literal["ready", "sent", "done", "dead", "outward"]


class JobRead(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the job ledger: something that must happen, happens or has happened."""

    id: JobId
    actor: Annotated[
        str, Meta(description="What runs", examples=["certificates.render"], max_length=200)
    ]
    queue: Annotated[str, Meta(description="Queue by weight", examples=["heavy"])]
    state: Annotated[
        StateName,
        Meta(description="`sent` = handed to a worker, `outward` = its outside call is under way"),
    ]
    args: Annotated[dict[str, Any], Meta(description="Ids the actor gets")]
    run_at: Annotated[datetime, Meta(description="Not before this time (UTC)")]
    attempts: Annotated[int, Meta(description="Runs that failed", ge=0)]
    deliveries: Annotated[int, Meta(description="Times it was handed out", ge=0)]
    last_error: Annotated[str | None, Meta(description="Why the last run failed")]
    event_id: Annotated[str | None, Meta(description="The fact it follows from")]
    request_id: Annotated[str, Meta(description="The request that caused it, as in the logs")]
    worker: Annotated[str | None, Meta(description="Process that ran it last")]
    created_at: datetime
    finished_at: datetime | None


def state_named(name: StateName) -> JobState:
    """Give the state of a name."""
    return JobState[name.upper()]


def job_read(job: Job) -> JobRead:
    """Show a job."""
    return JobRead(
        id=format_id("job", job.id),
        actor=job.actor,
        queue=job.queue,
        state=_NAMES[job.state],
        args=job.args,
        run_at=job.run_at,
        attempts=job.attempts,
        deliveries=job.deliveries,
        last_error=job.last_error,
        event_id=format_id("evt", job.event_id) if job.event_id else None,
        request_id=job.trace,
        worker=job.worker,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


_NAMES: dict[JobState, StateName] = {
    JobState.READY: "ready",
    JobState.SENT: "sent",
    JobState.DONE: "done",
    JobState.DEAD: "dead",
    JobState.OUTWARD: "outward",
}
