"""Text files: which encoding, which delimiter, and rows one by one.

Only what is certainly text is read: strict UTF-8, UTF-16 with its mark, or Windows-1252 where every
byte has a meaning and nothing is a control character.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.tables import COLUMNS_MAX, Rows, Table

LINE_MAX: Final = 100_000
"""Characters of one line of text."""
DELIMITERS: Final = (",", ";", "\t", "|")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PIECE: Final = 1_000_000
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class TextDocument:
    """A text file, cut into cells in four ways; the headings decide which is right."""

    file_type = "csv"

    def __init__(self, data: bytes) -> None:
        """Recognise the encoding and check every byte.

        Raises:
            FileRefused: `binary`, `encoding_unknown`, `line_too_long`.
        """
        self.encoding = _encoding_of(data)
        self.notes = ("windows_1252",) if self.encoding == "windows-1252" else ()
        self.tables = tuple(
            Table(name="", delimiter=_NAMES[mark], rows=_Reader(data, self.encoding, mark))
            for mark in DELIMITERS
        )


class _Reader:
    def __init__(self, data: bytes, encoding: str, delimiter: str) -> None:
        self._data = data
        self._encoding = encoding
        self._delimiter = delimiter

    def __call__(self, columns: int) -> Rows:
        lines = _lines(self._data, self._encoding)
        reader = csv.reader(lines, delimiter=self._delimiter)
        first = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as problem:
                raise FileRefused("quote_open", line=first) from problem
            if len(cells) > COLUMNS_MAX:
                raise FileRefused("too_wide", columns=len(cells), most=COLUMNS_MAX)
            yield first, cells[:columns]
            first = reader.line_num + 1


def _encoding_of(data: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            if not _is_text(data, name):
                raise FileRefused("encoding_unknown")
            return name
    if b"\x00" in data:
        raise FileRefused("binary")
    for name in ("utf-8", "windows-1252"):
        if _is_text(data, name):
            return name
    raise FileRefused("encoding_unknown")


def _is_text(data: bytes, encoding: str) -> bool:
    """Decode everything piece by piece, also measuring lines: a file is refused before any of it is cut."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    open_length = 0
    for start in range(0, len(data), _PIECE):
        try:
            text = decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))
        except UnicodeDecodeError:
            return False
        if _CONTROL.search(text):
            raise FileRefused("binary")
        open_length = _measure(text, open_length)
    return True


def _measure(text: str, open_length: int) -> int:
    """Refuse a line that is too long; give the length of the line that is still open at the end."""
    first, *more = re.split(r"[\r\n]", text)
    lengths = [open_length + len(first), *(len(line) for line in more)]
    if max(lengths) > LINE_MAX:
        raise FileRefused("line_too_long", most=LINE_MAX)
    return lengths[-1]


def _lines(data: bytes, encoding: str) -> Iterator[str]:
    # Line ends are kept as they are: a quoted cell may hold one.
    yield from io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
