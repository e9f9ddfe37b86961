"""Routes over the job ledger for the operator's administrators."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import PathParameter, QueryParameter

from marketplace.infra.access import staff
from marketplace.infra.http.parameters import Cursor, GivenWork, Limit, path_id
from marketplace.infra.jobs import service
from marketplace.infra.jobs.schemas import JobRead, StateName, job_read, state_named
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, Page, window_of

JobPath = Annotated[str, PathParameter(description="Job", pattern=pattern("job"))]


class JobController(Controller):
    """Jobs: what must happen next, and the dead letters that need a person."""

    path = "/v1/jobs"
    tags = ("operations",)

    @get("/", operation_id="list_jobs", opt={"access": staff("admin")})
    async def list_jobs(
        self,
        work: GivenWork,
        in_state: Annotated[
            StateName, QueryParameter(name="state", description="Which jobs")
        ] = "dead",
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> Page[JobRead]:
        """List jobs of one state, newest first."""
        page = await service.list_jobs(work, state_named(in_state), window_of(limit, cursor))
        return Page([job_read(job) for job in page.items], page.next_cursor)

    @get("/{job_id:str}", operation_id="read_job", opt={"access": staff("admin")})
    async def read_job(self, work: GivenWork, job_id: JobPath) -> JobRead:
        """Show one job."""
        return job_read(await service.read_job(work, path_id("job", job_id)))

    @post(
        "/{job_id:str}/resend",
        operation_id="resend_job",
        opt={"access": staff("admin")},
        status_code=200,
    )
    async def resend_job(self, work: GivenWork, job_id: JobPath) -> JobRead:
        """Run a dead job again, with all its attempts; needed once its cause is mended."""
        return job_read(await service.resend_job(work, path_id("job", job_id)))
