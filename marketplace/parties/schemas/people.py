"""What the routes of members, sessions and `/v1/me` take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import PRINTABLE, EmailText, ShortText
from marketplace.parties.domain import PASSWORD_LENGTHS, Member, NewMember

RoleName = Literal["owner", "trader", "signatory", "viewer", "reviewer", "finance", "admin"]

Password = Annotated[
    str,
    Meta(
        min_length=PASSWORD_LENGTHS[0],
        max_length=PASSWORD_LENGTHS[-1],
        pattern=PRINTABLE,
        description="12 to 128 characters; a sentence is easier to keep than a riddle",
        examples=["correct horse battery staple"],
    ),
]


class MemberIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A person to add, with a first password to hand over; the person changes it at `/v1/me/password`."""

    name: Annotated[ShortText, Meta(examples=["Jan Petersen"])]
    email: EmailText
    password: Password
    roles: Annotated[
        list[RoleName],
        Meta(
            min_length=1,
            max_length=7,
            description="In a company: owner, trader, signatory, viewer; operator's staff: the others",
            examples=[["trader", "signatory"]],
        ),
    ]

    def new_member(self) -> NewMember:
        """Give the value the service takes."""
        return NewMember(
            name=self.name,
            email=self.email,
            password=self.password,
            roles=frozenset(self.roles),
        )


class MemberChangeIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A member's name and roles; a PUT replaces both."""

    name: Annotated[ShortText, Meta(examples=["Jan Petersen"])]
    roles: Annotated[list[RoleName], Meta(min_length=1, max_length=7, examples=[["viewer"]])]


class MemberOut(msgspec.Struct, frozen=True, kw_only=True):
    """A person who acts for a company."""

    id: Annotated[str, Meta(pattern=pattern("mem"))]
    name: str
    email: str
    roles: list[RoleName]
    version: int
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> Self:
        """Write a member."""
        return cls(
            id=format_id("mem", member.id),
            name=member.name,
            email=member.email,
            roles=msgspec.convert(sorted(member.roles), list[RoleName]),
            version=member.version,
            created_at=member.created_at,
        )


class MemberPage(msgspec.Struct, frozen=True):
    """One page of members."""

    items: list[MemberOut]
    next_cursor: str | None = None


class PasswordIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A new password, allowed by the present one."""

    present_password: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            pattern=PRINTABLE,
            examples=["the one I was given at the start"],
        ),
    ]
    new_password: Password
