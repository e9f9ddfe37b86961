"""Valuations are computed in the background."""

from uuid import UUID

from marketplace.infra.work import Work
from marketplace.valuations import service
from workers.registration import Limits, effect


@effect("valuations.compute")
async def compute(work: Work, valuation_id: UUID) -> None:
    """Answer a request for a value."""
    await service.compute_valuation(work, valuation_id)


@effect("valuations.revalue_products", Limits(queue="default"))
async def revalue_products(work: Work) -> None:
    """Value every product for today."""
    await service.revalue_products(work)
