"""Routes of valuations: ask (202), look, and the public nightly values."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter
from litestar.status_codes import HTTP_202_ACCEPTED

from marketplace.infra.access import PUBLIC, company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.parameters import Cursor, GivenView, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT
from marketplace.valuations import service
from marketplace.valuations.schemas import (
    ProductValueOut,
    ProductValues,
    ValuationOut,
    ValuationPage,
    ValuationRequest,
    ValueOut,
)

ValuationId = Annotated[str, Parameter(description="Valuation", pattern=pattern("val"))]


class ValuationController(Controller):
    """What licences are worth."""

    path = "/v1"
    tags = ["valuations"]

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
        body = ValuationOut.of(await service.request_valuation(work, data.product, data.quantity))
        return Answer(body, headers={"Location": f"/v1/valuations/{body.id}"})

    @get("/valuations", operation_id="list_valuations", opt={"access": company("valuations:read")})
    async def list_valuations(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> ValuationPage:
        """List your valuations, newest first."""
        page = await service.list_valuations(work, cursor, limit)
        return ValuationPage([ValuationOut.of(item) for item in page.items], page.next_cursor)

    @get(
        "/valuations/{valuation_id:str}",
        operation_id="load_valuation",
        opt={"access": company("valuations:read")},
    )
    async def load_valuation(self, work: GivenWork, valuation_id: ValuationId) -> ValuationOut:
        """Look at one valuation: its range, grade, method, inputs and day."""
        return ValuationOut.of(await service.load_valuation(work, path_id("val", valuation_id)))

    @get("/product-values", operation_id="list_product_values", opt={"access": PUBLIC})
    async def list_product_values(self, view: GivenView) -> ProductValues:
        """Look at the newest nightly value of every product."""
        values = await service.list_product_values(view)
        return ProductValues(
            [ProductValueOut(product, ValueOut.of(value)) for product, value in values]
        )
