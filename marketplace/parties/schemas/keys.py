"""What the routes of API keys take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.text import ShortText
from marketplace.parties.domain import ApiKey, KeyState
from marketplace.parties.service import IssuedKey

ScopeName = Literal[
    "company:read",
    "company:write",
    "listings:read",
    "listings:write",
    "quotes:read",
    "quotes:write",
    "orders:read",
    "transfers:read",
    "transfers:sign",
    "certificates:read",
    "valuations:read",
    "valuations:write",
    "needs:read",
    "needs:write",
    "imports:read",
    "imports:write",
]
"""The names of `infra.access.COMPANY_SCOPES`, spelled out for the OpenAPI document; a test keeps them equal."""
Moment = Annotated[
    datetime, Meta(tz=True, description="RFC 3339 with offset", examples=["2027-06-30T12:00:00Z"])
]


class KeyIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A key to make; it can carry only scopes that the caller has."""

    name: Annotated[ShortText, Meta(description="To tell keys apart", examples=["SAM tool"])]
    scopes: Annotated[
        list[ScopeName],
        Meta(min_length=1, max_length=20, examples=[["listings:read", "listings:write"]]),
    ]
    expires_at: Annotated[
        Moment | None, Meta(description="At most five years ahead; without it the key stays")
    ] = None


class RotationIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How a key gives way to its successor."""

    old_valid_until: Annotated[
        Moment | None,
        Meta(description="Until when the old key works too: from now to 30 days; else 24 hours"),
    ] = None
    expires_at: Annotated[
        Moment | None, Meta(description="When the new key ends; at most five years ahead")
    ] = None


class KeyOut(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: Annotated[str, Meta(pattern=pattern("key"))]
    name: str
    hint: Annotated[str, Meta(description="How its secret begins", examples=["ckey_kq0c"])]
    scopes: list[ScopeName]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: Annotated[
        Annotated[str, Meta(pattern=pattern("key"))] | None,
        Meta(description="The successor, after a rotation"),
    ]
    last_used_at: Annotated[
        datetime | None,
        Meta(description="Last request that succeeded, exact to a minute"),
    ]

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> Self:
        """Write a key as it is at a moment."""
        return cls(
            id=format_id("key", key.id),
            name=key.name,
            hint=key.hint,
            scopes=msgspec.convert(sorted(key.scopes), list[ScopeName]),
            state=key.state(now),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            replaced_by=format_id("key", key.replaced_by) if key.replaced_by else None,
            last_used_at=key.last_used_at,
        )


class IssuedKeyOut(msgspec.Struct, frozen=True):
    """A new key and its secret, which is shown here and never again."""

    key: KeyOut
    secret: Annotated[
        str,
        Meta(
            description="Send it as `Authorization: Bearer <secret>`",
            examples=["ckey_kq0cS8yrbkSgVYg2xwR1QmTnXk3oUKDHJCw6XeI6u7E"],
        ),
    ]

    @classmethod
    def of(cls, issued: IssuedKey, now: datetime) -> Self:
        """Write a new key."""
        return cls(KeyOut.of(issued.key, now), issued.secret)


class KeyPage(msgspec.Struct, frozen=True):
    """One page of keys."""

    items: list[KeyOut]
    next_cursor: str | None = None
