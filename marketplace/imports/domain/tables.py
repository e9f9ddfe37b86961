"""A table of cells, wherever it was read from."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

COLUMNS_MAX: Final = 300
"""Columns that are looked at. No export of licences has more."""

Cell = str | int | float
Rows = Iterator[tuple[int, Sequence[Cell]]]
"""Row numbers as a person sees them in the program the file came from, and the cells."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet, or one way to cut a text file into cells.

    `rows(columns)` starts again at the top each time and gives at most so many cells of a row.
    """

    name: str
    rows: Callable[[int], Rows]
    delimiter: str = ""


class Document(Protocol):
    """An opened file."""

    @property
    def file_type(self) -> str:
        """`csv` or `xlsx`."""
        ...

    @property
    def encoding(self) -> str:
        """The encoding of a text file."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about the file."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its sheets, or the ways to cut it into cells."""
        ...
