"""Housekeeping of the parties."""

from datetime import timedelta
from typing import Final

from marketplace.infra.work import Work
from marketplace.parties import service
from workers.registration import Limits, effect

KEEP_SESSIONS: Final = timedelta(days=30)
"""Who was logged in when can still be told for a month."""


@effect("parties.forget_sessions", Limits(queue="light"))
async def forget_sessions(work: Work) -> None:
    """Forget sessions that ended long ago."""
    await service.forget_old_sessions(work, KEEP_SESSIONS)
