"""Routes of transfers: see them, and sign the declaration that lets them happen."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import PUBLIC, company, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import Cursor, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.transfers import service
from marketplace.transfers.domain import STATEMENT_TEXTS, Transfer
from marketplace.transfers.schemas import (
    DeclarationIn,
    StatementText,
    StatementTexts,
    TitleOut,
    TransferOut,
    TransferPage,
)

LotId = Annotated[str, Parameter(description="Lot", pattern=pattern("lot"))]
TransferId = Annotated[str, Parameter(description="Transfer", pattern=pattern("trf"))]


class TransferController(Controller):
    """The licences move."""

    path = "/v1"
    tags = ("transfers",)

    @get("/transfers", operation_id="list_transfers", opt={"access": company("transfers:read")})
    async def list_transfers(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> TransferPage:
        """List the transfers in which your company sells or buys, newest first."""
        page = await service.list_transfers(work, window_of(limit, cursor))
        reader = work.principal.company_id
        return TransferPage([TransferOut.of(item, reader) for item in page.items], page.next_cursor)

    @get(
        "/transfers/{transfer_id:str}",
        operation_id="load_transfer",
        opt={"access": company("transfers:read")},
    )
    async def load_transfer(self, work: GivenWork, transfer_id: TransferId) -> Answer[TransferOut]:
        """Look at one transfer."""
        return _answer(work, await service.load_transfer(work, path_id("trf", transfer_id)))

    @post(
        "/transfers/{transfer_id:str}/declaration",
        operation_id="sign_declaration",
        opt={"access": company("transfers:sign", verified=True), "refusals": (410, 423)},
    )
    async def sign_declaration(
        self, work: GivenWork, transfer_id: TransferId, data: JSONBody[DeclarationIn]
    ) -> Answer[TransferOut]:
        """Declare as the seller that use has ended; once the order is paid, the licences move."""
        signed = await service.sign_declaration(work, path_id("trf", transfer_id), data.signing())
        return _answer(work, signed)

    @get("/lots/{lot_id:str}", operation_id="view_title", opt={"access": staff()})
    async def view_title(self, work: GivenWork, lot_id: LotId) -> TitleOut:
        """Look at the register's view of a lot: who holds which units."""
        return TitleOut.of(*await service.view_title(work, path_id("lot", lot_id)))

    @get(
        "/declaration-statements",
        operation_id="list_declaration_statements",
        opt={"access": PUBLIC},
        sync_to_thread=False,
    )
    def list_statements(self) -> StatementTexts:
        """Read what each statement of a declaration says."""
        return StatementTexts(
            [StatementText(statement, text) for statement, text in STATEMENT_TEXTS.items()]
        )


def _answer(work: GivenWork, transfer: Transfer) -> Answer[TransferOut]:
    body = TransferOut.of(transfer, work.principal.company_id)
    return Answer(body, headers={"etag": etag_of(transfer.id, transfer.version)})
