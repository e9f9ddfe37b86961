"""Reading the data files of this room: TOML in, checked frozen structs out, or no start at all.

The files are part of the package, so a wrong one is a defect of the release: a misspelt field or an
unknown value raises `msgspec.ValidationError` when the process first needs the room, not when a
customer meets the row.
"""

import tomllib
from importlib import resources
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every fact carries: where it was read, and whether a source really states it."""

    sources: tuple[str, ...]
    confirmed: bool
    note: str = ""


def read_data(file: str, into: type[T]) -> T:
    """Return `data/<file>` as `into`; unknown fields are refused by the structs."""
    content = resources.files("marketplace.licensing").joinpath("data", file).read_text("utf-8")
    return msgspec.convert(tomllib.loads(content), into)
