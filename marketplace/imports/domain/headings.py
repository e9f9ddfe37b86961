"""Finds the row of headings of a table and says which column holds what.

Headings are data (`data/<kind>.toml`): a language or a new spelling is a row there. They are compared
without case, accents and punctuation. A table is recognised where every question it must answer has
a column; the row may stand below a preamble.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import msgspec

from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.tables import Cell

ROWS_SEARCHED: Final = 60
_NO_WORD: Final = re.compile(r"[\W_]+")
_HEADING_MAX: Final = 120


class Name(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A spelling of a heading. `confirmed`: it was read in a public text or a real file."""

    text: str
    language: str
    confirmed: bool = False
    seen: str = ""


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column we know, by our name for it."""

    field: str
    names: tuple[Name, ...]


class TableForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table we know. Of each row in `needs` at least one field must be there."""

    id: str
    needs: tuple[tuple[str, ...], ...]
    column: tuple[Column, ...]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What a row of headings says: the place and the spelling of each field, and the language."""

    columns: dict[str, int]
    headings: dict[str, str]
    language: str
    missing: tuple[tuple[str, ...], ...]
    duplicates: tuple[str, ...]


class _FormFile(msgspec.Struct, forbid_unknown_fields=True):
    table: tuple[TableForm, ...]


@cache
def load_forms(kind: str) -> tuple[TableForm, ...]:
    """Return the tables of a kind of file, the most telling first."""
    file = resources.files("marketplace.imports.domain").joinpath("data", f"{kind}.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _FormFile).table


@lru_cache(maxsize=8_192)
def fold(text: str) -> str:
    """Return a text without case, accents, punctuation and repeated spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _NO_WORD.sub(" ", letters).strip()


def match(row: Sequence[Cell], form: TableForm) -> Match:
    """Compare a row with the headings of a table."""
    known = _known(form)
    columns: dict[str, int] = {}
    headings: dict[str, str] = {}
    languages: dict[str, int] = {}
    duplicates: list[str] = []
    for place, cell in enumerate(row):
        if not isinstance(cell, str) or len(cell) > _HEADING_MAX:
            continue
        found = known.get(fold(cell))
        if found is None:
            continue
        field, spoken = found
        if field in columns:
            duplicates.append(cell)
            continue
        columns[field], headings[field] = place, cell.strip()
        for language in spoken:
            languages[language] = languages.get(language, 0) + 1
    return Match(
        columns=columns,
        headings=headings,
        language=max(languages, key=lambda name: languages[name], default=""),
        missing=tuple(group for group in form.needs if not columns.keys() & set(group)),
        duplicates=tuple(duplicates),
    )


def require_clear(found: Match) -> None:
    """Refuse headings of which two say the same.

    Raises:
        FileRefused: `duplicate_heading`.
    """
    if found.duplicates:
        raise FileRefused("duplicate_heading", heading=found.duplicates[0])


def examples(form: TableForm, field: str) -> str:
    """Return the spelling to show to a person who has to name a column."""
    return next(column.names[0].text for column in form.column if column.field == field)


@cache
def _known(form: TableForm) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for column in form.column:
        for name in column.names:
            key = fold(name.text)
            field, spoken = found.get(key, (column.field, ()))
            if field != column.field:
                raise AssertionError(f"{name.text!r} stands for {field} and for {column.field}")
            found[key] = (field, tuple(dict.fromkeys((*spoken, name.language))))
    return found
