"""Routes of API keys."""

from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import company
from marketplace.infra.http.parameters import Cursor, GivenWork, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.parties import service
from marketplace.parties.schemas.keys import IssuedKeyOut, KeyIn, KeyOut, KeyPage, RotationIn

KeyPath = Annotated[str, Parameter(description="API key", pattern=pattern("key"))]


class KeyController(Controller):
    """Credentials for machines."""

    path = "/v1/keys"
    tags = ("companies",)

    @post(
        operation_id="create_key",
        opt={"access": company("company:write"), "shown_once": True},
    )
    async def create_key(self, work: GivenWork, data: JSONBody[KeyIn]) -> IssuedKeyOut:
        """Make a key; its secret is in this answer and nowhere else."""
        issued = await service.create_key(work, data.name, frozenset(data.scopes), data.expires_at)
        return IssuedKeyOut.of(issued, work.now)

    @get(operation_id="list_keys", opt={"access": company("company:read")})
    async def list_keys(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> KeyPage:
        """List your company's keys, also those that ended, newest first."""
        page = await service.list_keys(work, window_of(limit, cursor))
        return KeyPage([KeyOut.of(item, work.now) for item in page.items], page.next_cursor)

    @get("/{key_id:str}", operation_id="load_key", opt={"access": company("company:read")})
    async def load_key(self, work: GivenWork, key_id: KeyPath) -> KeyOut:
        """Look at one key: its scopes, state and last use."""
        return KeyOut.of(await service.load_key(work, path_id("key", key_id)), work.now)

    @post(
        "/{key_id:str}/rotation",
        operation_id="rotate_key",
        opt={"access": company("company:write"), "shown_once": True},
    )
    async def rotate_key(
        self, work: GivenWork, key_id: KeyPath, data: JSONBody[RotationIn]
    ) -> IssuedKeyOut:
        """Make a successor with the same name and scopes; the old key goes on working for a while."""
        issued = await service.rotate_key(
            work, path_id("key", key_id), data.old_valid_until, data.expires_at
        )
        return IssuedKeyOut.of(issued, work.now)

    @delete("/{key_id:str}", operation_id="revoke_key", opt={"access": company("company:write")})
    async def revoke_key(self, work: GivenWork, key_id: KeyPath) -> None:
        """End a key now. No If-Match: a leaked key must end whatever else happened to it."""
        await service.revoke_key(work, path_id("key", key_id))
