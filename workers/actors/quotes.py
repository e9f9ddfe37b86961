"""Quotes run out by the clock."""

from marketplace.infra.work import Work
from marketplace.quotes import service
from workers.registration import Limits, effect


@effect("quotes.expire_due", Limits(queue="light"))
async def expire_due(work: Work) -> None:
    """End the quotes whose time has come and give their units back."""
    await service.expire_due_quotes(work)
