"""Routes of orders, and the acceptance of a quote, which makes one."""

from datetime import timedelta
from typing import Annotated

from litestar import Controller, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from marketplace.infra.access import company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import Cursor, GivenSettings, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.orders import service
from marketplace.orders.domain import Order
from marketplace.orders.schemas import OrderOut, OrderPage

OrderId = Annotated[str, Parameter(pattern=pattern("ord"), description="Id of an order")]
QuoteId = Annotated[str, Parameter(pattern=pattern("qte"), description="Id of a quote")]


class OrderController(Controller):
    """The contract."""

    path = "/v1"
    tags = ("orders",)

    @post(
        "/quotes/{quote_id:str}/acceptance",
        operation_id="place_order",
        responses={
            200: ResponseSpec(OrderOut, description="It was accepted before; the same order")
        },
        opt={"access": company("quotes:write", verified=True), "refusals": (410,)},
    )
    async def place_order(
        self, work: GivenWork, settings: GivenSettings, quote_id: QuoteId
    ) -> Answer[OrderOut]:
        """Accept a quote: you get its one order, however often you ask; pay its total by `payment_due_at`."""
        term = timedelta(days=settings.payment_term_days)
        placed = await service.place_order(work, path_id("qte", quote_id), term)
        return _answer(placed.order, 201 if placed.is_new else 200)

    @get("/orders", operation_id="list_orders", opt={"access": company("orders:read")})
    async def list_orders(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> OrderPage:
        """List your orders, newest first."""
        page = await service.list_orders(work, window_of(limit, cursor))
        return OrderPage([OrderOut.of(order) for order in page.items], page.next_cursor)

    @get(
        "/orders/{order_id:str}",
        operation_id="load_order",
        opt={"access": company("orders:read")},
    )
    async def load_order(self, work: GivenWork, order_id: OrderId) -> Answer[OrderOut]:
        """Look at one order."""
        return _answer(await service.load_order(work, path_id("ord", order_id)), 200)


def _answer(order: Order, status: int) -> Answer[OrderOut]:
    tag = etag_of(order.id, order.version)
    return Answer(OrderOut.of(order), status_code=status, headers={"etag": tag})
