"""Reads the cells of one sheet as a stream: a row is held no longer than it takes to pass it on.

openpyxl builds several objects per cell, which takes three times as long; it still reads the frame of
a workbook for us (sheets, shared texts, which styles are dates). `containers` has walked the same
bytes before, so the shape of the XML is known to be harmless here.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import IO, Final
from xml.parsers import expat

import msgspec
from openpyxl.utils.datetime import from_excel

from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.tables import Cell, Rows
from marketplace.imports.domain.values import plain_value

TEXT_MAX: Final = 40_000
"""Characters of a cell that are kept; the file format allows fewer."""
_PIECE: Final = 100_000
_LETTERS_MAX: Final = 3
_ALPHABET: Final = 26
_TEXT_ELEMENTS: Final = frozenset({"v", "t", "f"})


class Frame(msgspec.Struct, frozen=True):
    """What cells refer to: shared texts, the styles that show a number as a date, and day zero."""

    texts: Sequence[str]
    date_styles: Collection[int]
    epoch: datetime


def read_rows(stream: IO[bytes], frame: Frame, columns: int) -> Rows:
    """Give the rows of a sheet with their numbers, at most `columns` cells of each.

    Raises:
        FileRefused: `damaged`.
    """
    try:
        yield from _stream(stream, _Sheet(frame, columns))
    except (expat.ExpatError, ValueError, IndexError, OverflowError, EOFError, OSError) as problem:
        raise FileRefused("damaged") from problem


def _stream(stream: IO[bytes], sheet: "_Sheet") -> Iterator[tuple[int, list[Cell]]]:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = sheet.start
    parser.EndElementHandler = sheet.end
    parser.CharacterDataHandler = sheet.text
    while piece := stream.read(_PIECE):
        parser.Parse(piece)
        yield from sheet.finished()
    parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by place only
    yield from sheet.finished()


class _Sheet:
    def __init__(self, frame: Frame, columns: int) -> None:
        self._frame = frame
        self._columns = columns
        self._rows: list[tuple[int, list[Cell]]] = []
        self._number = 0
        self._cells: list[Cell] = []
        self._column = -1
        self._kind = ""
        self._style = 0
        self._collects = ""
        self._is_phonetic = False
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._length = 0

    def finished(self) -> list[tuple[int, list[Cell]]]:
        """Give the rows that are complete by now."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a row, a cell, or a text in it."""
        element = name.rpartition(":")[2]
        if element == "c":
            place = attributes.get("r")
            self._column = self._column + 1 if place is None else _column_of(place)
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", "0"))
            self._value, self._formula, self._length = [], None, 0
        elif element in _TEXT_ELEMENTS:
            self._collects = element
            if element == "f":
                self._formula = []
        elif element == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._cells, self._column = [], -1
        elif element == "rPh":
            self._is_phonetic = True

    def text(self, data: str) -> None:
        """Take in a piece of text."""
        if not self._collects or self._is_phonetic or self._length > TEXT_MAX:
            return
        self._length += len(data)
        if self._collects == "f" and self._formula is not None:
            self._formula.append(data)
        else:
            self._value.append(data)

    def end(self, name: str) -> None:
        """End a row, a cell, or a text in it."""
        element = name.rpartition(":")[2]
        if element in _TEXT_ELEMENTS:
            self._collects = ""
        elif element == "c":
            self._keep_cell()
        elif element == "row":
            self._rows.append((self._number, self._cells))
        elif element == "rPh":
            self._is_phonetic = False

    def _keep_cell(self) -> None:
        if self._column >= self._columns:
            return
        value = self._content()
        if value == "":
            return
        cells = self._cells
        if self._column < len(cells):
            cells[self._column] = value
            return
        cells.extend([""] * (self._column - len(cells)))
        cells.append(value)

    def _content(self) -> Cell:
        if self._formula is not None:
            # Never computed, and the result that stands beside it is not believed either.
            return f"={''.join(self._formula)}"
        text = "".join(self._value)
        if not text:
            return ""
        if self._kind == "s":
            return plain_value(self._frame.texts[_not_negative(int(text))])
        if self._kind == "b":
            return str(text == "1")
        return self._number_of(text) if self._kind == "n" else plain_value(text)

    def _number_of(self, text: str) -> Cell:
        number = float(text)
        if self._style in self._frame.date_styles:
            return _day(number, self._frame.epoch)
        return plain_value(int(number) if number.is_integer() else number)


def _day(number: float, epoch: datetime) -> Cell:
    try:
        return plain_value(from_excel(number, epoch))
    except (ValueError, OverflowError):
        return plain_value(number)


@lru_cache(maxsize=4_096)
def _letters_to_column(letters: str) -> int:
    if not (letters.isascii() and letters.isupper() and 0 < len(letters) <= _LETTERS_MAX):
        raise ValueError(letters)
    column = 0
    for letter in letters:
        column = column * _ALPHABET + ord(letter) - ord("A") + 1
    return column - 1


def _column_of(place: str) -> int:
    return _letters_to_column(place.rstrip("0123456789"))


def _not_negative(index: int) -> int:
    if index < 0:
        raise IndexError(index)
    return index
