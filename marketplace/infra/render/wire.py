"""What travels between a process and its printing child: an order, a reply, and their frames.

A frame is one tag byte, the length as four bytes (big-endian) and that many bytes.
"""

import struct
from typing import BinaryIO, Final

import msgspec

from marketplace.kernel.errors import DomainError, FieldProblem, Malformed, NotFound

HEADER: Final = struct.Struct(">cI")

ORDER: Final = b"O"
READY: Final = b"R"
PAPER: Final = b"P"
REFUSAL: Final = b"M"
FAILURE: Final = b"F"

REFUSALS: Final = {refusal.kind: refusal for refusal in (Malformed, NotFound)}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One paper to print: which template, in which language, with which facts (a JSON object)."""

    kind: str
    version: int
    language: str
    view: msgspec.Raw

    @property
    def folder(self) -> str:
        """Give the template's folder below `templates/documents`."""
        return f"{self.kind}/v{self.version}"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A `DomainError` on its way to the parent, where it is raised again."""

    kind: str
    code: str
    detail: str
    fields: tuple[FieldProblem, ...] = ()

    @staticmethod
    def of(error: DomainError) -> "Refusal":
        """Write down an error."""
        return Refusal(kind=error.kind, code=error.code, detail=error.detail, fields=error.fields)

    def error(self) -> DomainError:
        """Make the error again, of the same class."""
        return REFUSALS.get(self.kind, DomainError)(self.code, self.detail, *self.fields)


def frame(tag: bytes, body: bytes = b"") -> bytes:
    """Pack one frame."""
    return HEADER.pack(tag, len(body)) + body


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Read one frame, or nothing at the end of the stream."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    tag, length = HEADER.unpack(header)
    body = stream.read(length)
    return (tag, body) if len(body) == length else None
