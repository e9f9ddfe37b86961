"""Routes of grants to partners."""

from typing import Annotated, Literal

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import company
from marketplace.infra.http.parameters import Cursor, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.parties import service
from marketplace.parties.schemas.grants import GrantIn, GrantOut, GrantPage

GrantPath = Annotated[str, Parameter(description="Grant", pattern=pattern("grt"))]
Direction = Annotated[
    Literal["given", "received"],
    Parameter(description="Grants you gave, or, as a partner, those you received"),
]


class GrantController(Controller):
    """Let partners see certificates."""

    path = "/v1/grants"
    tags = ("companies",)

    @post(operation_id="give_grant", opt={"access": company("company:write")})
    async def give_grant(self, work: GivenWork, data: JSONBody[GrantIn]) -> GrantOut:
        """Let a verified partner see your certificates, all or some, until a day."""
        grant = await service.give_grant(
            work, data.partner_id(), data.certificate_ids(), data.expires_at
        )
        return GrantOut.of(grant, work.now)

    @get(operation_id="list_grants", opt={"access": company("company:read")})
    async def list_grants(
        self,
        work: GivenWork,
        direction: Direction = "given",
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> GrantPage:
        """List grants, also those that ended, newest first."""
        page = await service.list_grants(
            work, window_of(limit, cursor), received=direction == "received"
        )
        return GrantPage([GrantOut.of(item, work.now) for item in page.items], page.next_cursor)

    @get("/{grant_id:str}", operation_id="load_grant", opt={"access": company("company:read")})
    async def load_grant(self, work: GivenWork, grant_id: GrantPath) -> GrantOut:
        """Look at one grant that you gave or received."""
        return GrantOut.of(await service.load_grant(work, path_id("grt", grant_id)), work.now)

    @delete(
        "/{grant_id:str}", operation_id="revoke_grant", opt={"access": company("company:write")}
    )
    async def revoke_grant(self, work: GivenWork, grant_id: GrantPath) -> None:
        """End a grant you gave; the partner sees nothing through it from now on."""
        await service.revoke_grant(work, path_id("grt", grant_id))
