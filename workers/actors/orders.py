"""Orders that are not paid end by the clock."""

from marketplace.infra.work import Work
from marketplace.orders import service
from workers.registration import Limits, effect


@effect("orders.cancel_unpaid", Limits(queue="light"))
async def cancel_unpaid(work: Work) -> None:
    """Cancel the orders that were not paid in time and give their units back."""
    await service.cancel_unpaid_orders(work)
