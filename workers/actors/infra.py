"""Housekeeping by the clock."""

from datetime import timedelta
from typing import Final

from marketplace.infra.http import idempotency
from marketplace.infra.jobs import service as jobs
from marketplace.infra.work import Work
from workers.registration import Limits, effect

KEEP_REPLAYS: Final = timedelta(hours=48)
"""The API promises 24 hours; twice that covers a client that was down over a day."""


@effect("infra.prune_jobs", Limits(queue="light"))
async def prune_jobs(work: Work) -> None:
    """Forget jobs done long ago."""
    await jobs.prune_jobs(work)


@effect("infra.prune_replays", Limits(queue="light"))
async def prune_replays(work: Work) -> None:
    """Forget answers kept for idempotency keys that have run out."""
    await idempotency.prune(work, work.now - KEEP_REPLAYS)
