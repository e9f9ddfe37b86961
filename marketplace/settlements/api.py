"""Routes of settlements."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import company, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.parameters import GivenWork, path_id
from marketplace.kernel.ids import pattern
from marketplace.settlements import service
from marketplace.settlements.schemas import PaymentList, PaymentOut, PaymentRequest

OrderId = Annotated[str, Parameter(pattern=pattern("ord"), description="Id of an order")]


class SettlementController(Controller):
    """Money received."""

    path = "/v1/orders/{order_id:str}/payments"
    tags = ("settlements",)

    @post(
        operation_id="confirm_payment",
        responses={
            200: ResponseSpec(PaymentOut, description="It was recorded before; the same payment")
        },
        opt={"access": staff("finance"), "refusals": (410,)},
    )
    async def confirm_payment(
        self, work: GivenWork, order_id: OrderId, data: JSONBody[PaymentRequest]
    ) -> Answer[PaymentOut]:
        """Confirm that an order's exact total came in."""
        confirmed = await service.confirm_payment(
            work, path_id("ord", order_id), data.to_evidence()
        )
        status = 201 if confirmed.is_new else 200
        return Answer(PaymentOut.of(confirmed.payment), status_code=status)

    @get(operation_id="list_payments", opt={"access": company("orders:read")})
    async def list_payments(self, work: GivenWork, order_id: OrderId) -> PaymentList:
        """List the payments of an order."""
        found = await service.list_payments(work, path_id("ord", order_id))
        return PaymentList([PaymentOut.of(payment) for payment in found])
