"""Routes that show how the HTTP edge behaves, without a stage behind them."""

import asyncio
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import text

from marketplace.infra.access import PUBLIC, SIGNED_IN, company, member, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of, require_match
from marketplace.infra.http.parameters import (
    Cursor,
    GivenSettings,
    GivenStorage,
    GivenView,
    GivenWork,
    IfMatch,
    Limit,
)
from marketplace.kernel.errors import Gone, Unavailable
from marketplace.kernel.ids import format_id

EDGE_ID: Final = UUID(int=0x0123456789ABCDEF0123456789ABCDEF)
"""The id behind the ETags of `load_note`."""
INSERT_ORPHAN: Final = text("INSERT INTO deferred_children (id, parent_id) VALUES (1, 99)")
DEFERRED_TABLES: Final = """
CREATE TABLE deferred_parents (id int PRIMARY KEY);
CREATE TABLE deferred_children (
    id int PRIMARY KEY,
    parent_id int NOT NULL REFERENCES deferred_parents DEFERRABLE INITIALLY DEFERRED
);
GRANT SELECT, INSERT ON deferred_parents, deferred_children TO cession_app;
"""


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    text: Annotated[str, Meta(min_length=1, max_length=50)]
    number: Annotated[int, Meta(ge=0)] = 0
    tags: list[Annotated[str, Meta(max_length=3)]] = []


class Stored(msgspec.Struct):
    """An answer."""

    id: str
    text: str


class EdgeController(Controller):
    """One route for each thing the edge does."""

    path = "/edge"

    @post("/orphans", opt={"access": PUBLIC})
    async def add_orphan(self, work: GivenWork) -> dict[str, str]:
        """Break a deferred foreign key: nothing is wrong before the commit."""
        work.audit("edge.orphan", "edge")
        await work.connection.execute(INSERT_ORPHAN)
        return {"stored": "yes"}

    @post("/notes", opt={"access": PUBLIC})
    async def add_note(self, work: GivenWork, data: JSONBody[Note]) -> Answer[Stored]:
        """Store a note as an audit row and answer with an ETag."""
        note_id = work.new_id()
        work.audit("edge.note", format_id("evt", note_id))
        stored = Stored(format_id("evt", note_id), data.text)
        return Answer(stored, headers={"etag": etag_of(note_id, 1)})

    @post("/company-notes", opt={"access": company("listings:write")})
    async def add_company_note(self, work: GivenWork, data: JSONBody[Note]) -> Stored:
        """Store a note for a company."""
        work.audit("edge.note", data.text)
        return Stored(format_id("evt", work.new_id()), data.text)

    @post("/slow-notes", opt={"access": PUBLIC})
    async def add_slow_note(self, work: GivenWork, request: Request[Any, Any, Any]) -> Stored:
        """Store a note when the test allows it."""
        work.audit("edge.note", "slow")
        started: asyncio.Event = request.app.state["started"]
        go_on: asyncio.Event = request.app.state["go_on"]
        started.set()
        await go_on.wait()
        return Stored(format_id("evt", work.new_id()), "slow")

    @post("/secrets", opt={"access": PUBLIC, "shown_once": True})
    async def add_secret(self, work: GivenWork) -> dict[str, str]:
        """Answer with something that must not be stored."""
        work.audit("edge.secret", "edge")
        return {"secret": work.token(16).hex()}

    @post("/failures/{kind:str}", opt={"access": PUBLIC})
    async def fail(self, work: GivenWork, kind: FromPath[str]) -> None:
        """Write something, then fail in one of many ways."""
        work.audit("edge.failure", kind)
        match kind:
            case "gone":
                raise Gone("note.gone", "It ended.")
            case "unavailable":
                raise Unavailable("note.unavailable", "Come back.")
            case "bug":
                raise RuntimeError("a defect with a secret inside")
            case "away":
                raise ConnectionRefusedError("no database")
            case _:
                await work.connection.execute(text(kind))

    @get("/notes/{version:int}", opt={"access": PUBLIC})
    async def load_note(self, work: GivenWork, version: FromPath[int]) -> Answer[Stored]:
        """Answer with an ETag of a version."""
        del work
        return Answer(Stored("evt", "text"), headers={"etag": etag_of(EDGE_ID, version)})

    @delete("/notes/{version:int}", opt={"access": PUBLIC})
    async def remove_note(
        self, work: GivenWork, version: FromPath[int], if_match: IfMatch = None
    ) -> None:
        """Demand the ETag of a version."""
        require_match(if_match, EDGE_ID, version)
        work.audit("edge.removed", "edge")

    @get("/scope", opt={"access": PUBLIC})
    async def show_scope(self, work: GivenWork) -> dict[str, Any]:
        """Show what row security sees before, while and after it is lifted."""
        seen = text("SELECT cession_scope() || ' ' || coalesce(cession_company()::text, 'none')")
        before = (await work.connection.execute(seen)).scalar()
        async with work.elevated("shown to a test"):
            lifted = (await work.connection.execute(seen)).scalar()
        after = (await work.connection.execute(seen)).scalar()
        return {"before": before, "lifted": lifted, "after": after}

    @get("/view", opt={"access": PUBLIC})
    async def show_view(self, view: GivenView) -> dict[str, Any]:
        """Show that a view has no transaction and sees as the public."""
        seen = text("SELECT cession_scope(), pg_current_xact_id_if_assigned() IS NULL")
        row = (await view.connection.execute(seen)).one()
        return {"scope": row[0], "read_only": row[1], "now": view.now}

    @get("/list", opt={"access": PUBLIC})
    async def show_list(
        self,
        colour: Annotated[str | None, QueryParameter(max_length=5)] = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> dict[str, Any]:
        """Show what the parameters became."""
        return {"cursor": cursor, "limit": limit, "colour": colour}

    @get("/signed-in", opt={"access": SIGNED_IN})
    async def for_signed_in(self, work: GivenWork) -> str:
        """Let anybody known in."""
        return work.principal.credential

    @get("/many-parts", opt={"access": company("listings:read"), "unlimited": True})
    async def for_many_parts(
        self, work: GivenWork, settings: GivenSettings, storage: GivenStorage
    ) -> str:
        """Be given everything that goes together."""
        del storage
        return f"{work.principal.scope} {settings.currency}"

    @post("/many-orphans", opt={"access": PUBLIC})
    async def add_many_orphans(
        self, work: GivenWork, settings: GivenSettings, storage: GivenStorage
    ) -> None:
        """Break a deferred foreign key in a handler that is given more than the work."""
        del settings, storage
        await work.connection.execute(INSERT_ORPHAN)

    @get("/company", opt={"access": company("listings:read")})
    async def for_readers(self, work: GivenWork) -> str:
        """Let companies that may read in, and staff."""
        return work.principal.scope

    @get("/trade", opt={"access": company("listings:write", verified=True)})
    async def for_traders(self, work: GivenWork) -> str:
        """Let verified companies that may write in."""
        return work.principal.scope

    @get("/members", opt={"access": member()})
    async def for_members(self, work: GivenWork) -> str:
        """Let persons in."""
        return work.principal.scope

    @get("/owners", opt={"access": member("owner", "admin")})
    async def for_owners(self, work: GivenWork) -> str:
        """Let owners and admins in."""
        return work.principal.scope

    @get("/finance", opt={"access": staff("finance")})
    async def for_finance(self, work: GivenWork) -> str:
        """Let finance staff in."""
        return work.principal.scope
