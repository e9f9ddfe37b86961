"""Lists are read with an opaque cursor: the sort key of the last row seen, so pages never skip or repeat."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page; `next_cursor` is None on the last one."""

    items: list[Item]
    next_cursor: str | None = None


class Window(msgspec.Struct, frozen=True):
    """Which part of a list, newest first, is asked for: at most `limit` rows with ids below `before`."""

    limit: int = LIMIT_DEFAULT
    before: UUID | None = None


def encode_cursor(*key: str | int) -> str:
    """Pack a sort key into a URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode_cursor(text: str, shape: type[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Unpack a cursor of the given tuple type; raise `Malformed("cursor.invalid")` for anything else."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key: tuple[Any, ...] = msgspec.json.decode(packed, type=shape)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as problem:
        raise Malformed(
            "cursor.invalid",
            "The cursor is not one this list gave out; start again without it.",
            FieldProblem("/query/cursor", "unknown cursor"),
        ) from problem
    return key


def page_of(
    rows: Sequence[Item], limit: int, key: Callable[[Item], tuple[str | int, ...]]
) -> Page[Item]:
    """Cut `limit + 1` fetched rows down to a page; the extra row only proves that more follow."""
    if len(rows) <= limit:
        return Page(items=list(rows))
    kept = list(rows[:limit])
    return Page(items=kept, next_cursor=encode_cursor(*key(kept[-1])))


def window_of(limit: int, cursor: str | None) -> Window:
    """Read the window of a list that is sorted by id only, newest first."""
    if cursor is None:
        return Window(limit)
    return Window(limit, decode_cursor(cursor, tuple[UUID])[0])
