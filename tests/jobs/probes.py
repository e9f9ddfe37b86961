"""Actors for the tests of this room. Their effect is a row in the audit log: counted by subject."""

import asyncio
import time
from uuid import UUID

from marketplace.infra.settings import Settings
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, Unavailable
from workers.registration import Limits, Outward, Tools, effect

SLOW_SECONDS = 0.05


@effect("probe.count", Limits(queue="light"))
async def count(work: Work, n: str) -> None:
    work.audit("probe.ran", n)


@effect("probe.slow")
async def slow(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    await asyncio.sleep(SLOW_SECONDS)


@effect("probe.long")
async def long(work: Work, n: str) -> None:
    """Takes longer than a test's lease, shorter than its own limit."""
    work.audit("probe.ran", n)
    await asyncio.sleep(3)


@effect("probe.endless")
async def endless(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    await asyncio.sleep(3600)


@effect("probe.interruptible", Limits(interruptible=True))
async def interruptible(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    await asyncio.sleep(3600)


@effect("probe.stuck")
async def stuck(work: Work, n: str) -> None:
    """Blocks the event loop itself, as a defect would: nothing can be cancelled."""
    work.audit("probe.ran", n)
    time.sleep(3600)  # noqa: ASYNC251 (the point of this probe)


@effect("probe.overrun", Limits(time_limit_seconds=1))
async def overrun(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    await asyncio.sleep(3600)


@effect("probe.refused")
async def refused(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    raise Conflict("probe.refused", "It says no every time.")


@effect("probe.not_yet", Limits(retried=(Conflict,)))
async def not_yet(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    raise Conflict("probe.not_yet", "It may say yes later.")


@effect("probe.away", Limits(attempts_max=3))
async def away(work: Work, n: str) -> None:
    work.audit("probe.ran", n)
    raise Unavailable("probe.away", "The server is away.")


@effect("probe.follow")
async def follow(work: Work, n: str) -> None:
    """Causes two jobs and one effect, all in one transaction."""
    work.audit("probe.ran", n)
    work.enqueue("probe.count", {"n": f"{n}.1"}, queue="light")
    work.enqueue("probe.count", {"n": f"{n}.2"}, queue="light")


@effect("probe.by_id")
async def by_id(work: Work, company_id: UUID, note: str) -> None:
    work.audit("probe.ran", str(company_id), note)


@effect("probe.told")
async def told(work: Work, n: str, settings: Settings) -> None:
    work.audit("probe.ran", n, settings.public_url)


async def _load(work: Work, n: str) -> str | None:
    return None if n == "nothing" else f"page {n} for {work.trace}"


async def _call(tools: Tools, task: str, job_id: UUID) -> str:
    if "fail" in task:
        raise OSError("the renderer is away")
    if "slow" in task:
        await asyncio.sleep(0.3)
    return await tools.storage.put(f"{task} {job_id}".encode())


async def _record(work: Work, task: str, result: str) -> None:
    if "refuse" in task:
        raise Conflict("probe.refused", "The result is not wanted any more.")
    work.audit("probe.ran", task, result)


render = Outward(
    name="probe.render",
    limits=Limits(queue="heavy", time_limit_seconds=5),
    load=_load,
    call=_call,
    record=_record,
)
