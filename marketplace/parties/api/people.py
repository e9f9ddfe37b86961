"""Routes of members, of sessions, and of the caller."""

from typing import Annotated

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import PUBLIC, SIGNED_IN, company, member
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.limits import Attempts, provide_attempts
from marketplace.infra.http.parameters import Cursor, GivenWork, IfMatch, Limit, path_id
from marketplace.kernel.ids import pattern
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.parties import service
from marketplace.parties.domain import Member, normal_email
from marketplace.parties.schemas.people import (
    MemberChangeIn,
    MemberIn,
    MemberOut,
    MemberPage,
    PasswordIn,
)
from marketplace.parties.schemas.sessions import CallerOut, LoggedInOut, LoginIn

MemberPath = Annotated[str, Parameter(description="Member", pattern=pattern("mem"))]
KEEPER = member("owner", "admin")
"""Who manages members: a company's owners, the operator's admins."""


class MemberController(Controller):
    """People who act for your company."""

    path = "/v1/members"
    tags = ("companies",)

    @get(operation_id="list_members", opt={"access": company("company:read")})
    async def list_members(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> MemberPage:
        """List the people of your company, newest first."""
        page = await service.list_members(work, window_of(limit, cursor))
        return MemberPage([MemberOut.of(item) for item in page.items], page.next_cursor)

    @post(operation_id="add_member", opt={"access": KEEPER})
    async def add_member(self, work: GivenWork, data: JSONBody[MemberIn]) -> Answer[MemberOut]:
        """Add a person with a first password."""
        return _answer(await service.add_member(work, data.new_member()))

    @get("/{member_id:str}", operation_id="load_member", opt={"access": company("company:read")})
    async def load_member(self, work: GivenWork, member_id: MemberPath) -> Answer[MemberOut]:
        """Look at one person of your company."""
        return _answer(await service.load_member(work, path_id("mem", member_id)))

    @put("/{member_id:str}", operation_id="change_member", opt={"access": KEEPER})
    async def change_member(
        self,
        work: GivenWork,
        member_id: MemberPath,
        data: JSONBody[MemberChangeIn],
        if_match: IfMatch = None,
    ) -> Answer[MemberOut]:
        """Replace a person's name and roles; they hold from that person's next request on."""
        changed = await service.change_member(
            work, path_id("mem", member_id), data.name, frozenset(data.roles), if_match
        )
        return _answer(changed)

    @delete("/{member_id:str}", operation_id="remove_member", opt={"access": KEEPER})
    async def remove_member(
        self, work: GivenWork, member_id: MemberPath, if_match: IfMatch = None
    ) -> None:
        """Remove a person: all sessions end at once."""
        await service.remove_member(work, path_id("mem", member_id), if_match)


class SessionController(Controller):
    """Log in, log out, and who am I."""

    path = "/v1"
    tags = ("companies",)

    @post(
        "/sessions",
        operation_id="log_in",
        dependencies={"attempts": Provide(provide_attempts, sync_to_thread=False)},
        opt={"access": PUBLIC, "guessable": True, "shown_once": True},
    )
    async def log_in(
        self, work: GivenWork, attempts: NamedDependency[Attempts], data: JSONBody[LoginIn]
    ) -> LoggedInOut:
        """Log in with e-mail address and password; the token opens the other routes for 12 hours."""
        attempts.count(normal_email(data.email))
        return LoggedInOut.of(await service.log_in(work, data.email, data.password))

    @delete("/sessions/current", operation_id="log_out", opt={"access": member()})
    async def log_out(self, work: GivenWork) -> None:
        """End the session that calls."""
        await service.log_out(work)

    @get("/me", operation_id="who_am_i", opt={"access": SIGNED_IN})
    async def who_am_i(self, work: GivenWork) -> CallerOut:
        """See whose credential this is and what it opens."""
        return CallerOut.of(await service.who_am_i(work))

    @put(
        "/me/password",
        operation_id="change_password",
        opt={"access": member(), "guessable": True},
        status_code=204,
    )
    async def change_password(self, work: GivenWork, data: JSONBody[PasswordIn]) -> None:
        """Change your password; your other sessions end."""
        await service.change_password(work, data.present_password, data.new_password)


def _answer(found: Member) -> Answer[MemberOut]:
    return Answer(MemberOut.of(found), headers={"etag": etag_of(found.id, found.version)})
