"""What log-in takes and gives, and who is calling."""

from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import PRINTABLE, EmailText
from marketplace.parties.schemas.companies import CompanyOut
from marketplace.parties.schemas.keys import KeyOut
from marketplace.parties.schemas.people import MemberOut
from marketplace.parties.service import Caller, IssuedSession, LoggedIn, Registered


class LoginIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A person logs in."""

    email: EmailText
    password: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            pattern=PRINTABLE,
            examples=["correct horse battery staple"],
        ),
    ]


class SessionOut(msgspec.Struct, frozen=True, kw_only=True):
    """An open session; `token` is shown here and never again."""

    id: Annotated[str, Meta(pattern=pattern("ses"))]
    token: Annotated[
        str,
        Meta(
            description="Send it as `Authorization: Bearer <token>`",
            examples=["cses_kq0cS8yrbkSgVYg2xwR1QmTnXk3oUKDHJCw6XeI6u7E"],
        ),
    ]
    expires_at: datetime

    @classmethod
    def of(cls, issued: IssuedSession) -> Self:
        """Write a new session."""
        return cls(
            id=format_id("ses", issued.session.id),
            token=issued.token,
            expires_at=issued.session.expires_at,
        )


class LoggedInOut(msgspec.Struct, frozen=True):
    """Who logged in, and the session to go on with."""

    session: SessionOut
    member: MemberOut
    company: CompanyOut

    @classmethod
    def of(cls, opened: LoggedIn | Registered) -> Self:
        """Write what a log-in or a registration gave."""
        return cls(
            session=SessionOut.of(opened.session),
            member=MemberOut.of(opened.member),
            company=CompanyOut.of(opened.company),
        )


class CallerOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who is behind the credential of this request: a member with a session, or a key."""

    credential: Literal["session", "key"]
    staff: Annotated[bool, Meta(description="Works for the operator and sees every company")]
    company: CompanyOut
    member: MemberOut | None
    key: KeyOut | None
    scopes: Annotated[list[str], Meta(description="What company routes this credential opens")]

    @classmethod
    def of(cls, caller: Caller) -> Self:
        """Write the caller."""
        return cls(
            credential="session" if caller.key is None else "key",
            staff=caller.is_staff,
            company=CompanyOut.of(caller.company),
            member=MemberOut.of(caller.member) if caller.member else None,
            key=KeyOut.of(caller.key, caller.now) if caller.key else None,
            scopes=sorted(caller.scopes),
        )
