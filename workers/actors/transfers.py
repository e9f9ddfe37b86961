"""Transfers follow orders: prepared when one is placed, voided when one is cancelled."""

from uuid import UUID

from marketplace.infra.work import Work
from marketplace.transfers import service
from workers.registration import Limits, effect


@effect("transfers.prepare", Limits(queue="light"))
async def prepare(work: Work, order_id: UUID) -> None:
    """Ask every seller of an order for its declaration."""
    await service.prepare_transfers(work, order_id)


@effect("transfers.void", Limits(queue="light"))
async def void(work: Work, order_id: UUID) -> None:
    """End what was pending for a cancelled order."""
    await service.void_transfers(work, order_id)
