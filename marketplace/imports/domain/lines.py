"""Lines of a file: as they were read, and as they were judged. And the compact file between the two steps.

Reading a file takes one long step, judging its lines many short ones. Between them the lines stand
in one normalised file: a header, then compressed chunks of lines, so that a step reads its own only.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Final

import msgspec

from marketplace.imports.domain.batch import FormatFacts, Outcome
from marketplace.licensing.eligibility.positions import SourcePosition

CHUNK_LINES: Final = 2_000
TEXT_MAX: Final = 200
"""Characters of a cell that are kept."""
_MAGIC: Final = b"CESSION-LINES-1\n"
_LENGTH: Final = 4

Value = str | int | float
"""A cell: text, or a number where the workbook stores one. Dates are ISO texts."""


class RawLine(msgspec.Struct, frozen=True, array_like=True):
    """A line with its number in the file (from 1) and the cells we need, by field."""

    number: int
    cells: dict[str, Value]


class LineProblem(msgspec.Struct, frozen=True):
    """What is wrong on a line and in which column; its sentence is `import.line.<code>`.

    `column` is our field name. `candidates` are product keys the line may mean.
    """

    code: str
    column: str = ""
    params: dict[str, str | int] = {}
    candidates: tuple[str, ...] = ()


class CheckedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on a line. `verdict` is the outcome of the conditions, empty where they were not asked.

    `holder` is the user or device that a usage report names.
    """

    number: int
    outcome: Outcome
    read: dict[str, Value]
    product: str | None = None
    quantity: int | None = None
    position: SourcePosition | None = None
    holder: str = ""
    verdict: str = ""
    problems: tuple[LineProblem, ...] = ()
    notes: tuple[str, ...] = ()


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the lines. `import_id` makes the file of each import its own."""

    import_id: str
    facts: FormatFacts
    lines: int
    chunks: tuple[int, ...] = ()


class Context(msgspec.Struct, frozen=True):
    """What a line is judged by beside itself: the file's facts and the day."""

    facts: FormatFacts
    on: date


_LINES: Final = msgspec.json.Decoder(list[RawLine])


def pack_chunks(lines: Iterable[RawLine]) -> Iterator[tuple[int, bytes]]:
    """Cut lines into compressed chunks; each comes with its number of lines."""
    rest = iter(lines)
    while chunk := list(islice(rest, CHUNK_LINES)):
        yield len(chunk), zlib.compress(msgspec.json.encode(chunk), 6)


def pack_file(import_id: str, facts: FormatFacts, chunks: list[tuple[int, bytes]]) -> bytes:
    """Build the normalised file."""
    header = Header(
        import_id=import_id,
        facts=facts,
        lines=sum(count for count, _ in chunks),
        chunks=tuple(len(blob) for _, blob in chunks),
    )
    told = msgspec.json.encode(header)
    blobs = (blob for _, blob in chunks)
    return b"".join((_MAGIC, len(told).to_bytes(_LENGTH, "big"), told, *blobs))


def read_header(data: bytes) -> Header:
    """Read the header of a file that `pack_file` built."""
    start = len(_MAGIC) + _LENGTH
    return msgspec.json.decode(data[start : start + _header_length(data)], type=Header)


def read_chunk(data: bytes, header: Header, number: int) -> list[RawLine]:
    """Read one chunk of lines, counted from 0."""
    start = len(_MAGIC) + _LENGTH + _header_length(data) + sum(header.chunks[:number])
    return _LINES.decode(zlib.decompress(data[start : start + header.chunks[number]]))


def _header_length(data: bytes) -> int:
    return int.from_bytes(data[len(_MAGIC) : len(_MAGIC) + _LENGTH], "big")
