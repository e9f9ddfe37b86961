"""Routes of products and valuations: what can be valued, ask (202), look, and the public nightly values."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter
from litestar.status_codes import HTTP_202_ACCEPTED

from marketplace.infra.access import PUBLIC, company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import Cursor, GivenView, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.valuations import service
from marketplace.valuations.domain import State, Valuation
from marketplace.valuations.schemas import (
    ProductOut,
    Products,
    ProductValueOut,
    ProductValues,
    ValuationOut,
    ValuationPage,
    ValuationRequest,
    ValueOut,
)

ValuationId = Annotated[str, Parameter(description="Valuation", pattern=pattern("val"))]
_RETRY_SECONDS = "1"


class ProductController(Controller):
    """What can be traded, and what it is worth tonight."""

    path = "/v1"
    tags = ("products",)

    @get("/products", operation_id="list_products", opt={"access": PUBLIC}, sync_to_thread=False)
    def list_products(self) -> Products:
        """Read every product that can be traded, with its dates and part numbers as far as sources confirm them."""
        return Products([ProductOut.of(facts) for facts in service.list_products()])

    @get("/product-values", operation_id="list_product_values", opt={"access": PUBLIC})
    async def list_product_values(self, view: GivenView) -> ProductValues:
        """Look at the newest nightly value of every product."""
        values = await service.list_product_values(view)
        return ProductValues(
            [ProductValueOut(product, ValueOut.of(value)) for product, value in values]
        )


class ValuationController(Controller):
    """What licences are worth."""

    path = "/v1"
    tags = ("valuations",)

    @post(
        "/valuations",
        operation_id="request_valuation",
        status_code=HTTP_202_ACCEPTED,
        opt={"access": company("valuations:write")},
    )
    async def request_valuation(
        self, work: GivenWork, data: JSONBody[ValuationRequest]
    ) -> Answer[ValuationOut]:
        """Ask what licences are worth; poll the resource at `Location` until its state is not `pending`."""
        asked = await service.request_valuation(work, data.product, data.quantity)
        answer = _answer(asked)
        answer.headers["Location"] = f"/v1/valuations/{answer.content.id}"
        return answer

    @get("/valuations", operation_id="list_valuations", opt={"access": company("valuations:read")})
    async def list_valuations(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> ValuationPage:
        """List your valuations, newest first."""
        page = await service.list_valuations(work, window_of(limit, cursor))
        return ValuationPage([ValuationOut.of(item) for item in page.items], page.next_cursor)

    @get(
        "/valuations/{valuation_id:str}",
        operation_id="load_valuation",
        opt={"access": company("valuations:read")},
    )
    async def load_valuation(
        self, work: GivenWork, valuation_id: ValuationId
    ) -> Answer[ValuationOut]:
        """Look at one valuation: its range, grade, method, inputs and day."""
        return _answer(await service.load_valuation(work, path_id("val", valuation_id)))


def _answer(valuation: Valuation) -> Answer[ValuationOut]:
    headers = {"etag": etag_of(valuation.id, valuation.version)}
    if valuation.state is State.PENDING:
        headers["Retry-After"] = _RETRY_SECONDS
    return Answer(ValuationOut.of(valuation), headers=headers)
