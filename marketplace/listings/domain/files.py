"""Recognise an uploaded paper by its bytes, and refuse what is not wholly what it seems.

A name and a header are claims of the sender; the bytes decide. A file must be one document from its
first byte to its last: something before or after it (a polyglot), a missing end or a wrong checksum
(a broken upload) is refused. This is no virus scan and does not look at what a document contains;
it makes sure that reviewers get files their viewers can open and that no file can be served back as
another type.
"""

import re
import zlib
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed, TooLarge, UnsupportedMedia

SIZE_MAX: Final = 20_000_000
"""Bytes of the largest file that is accepted."""

_PDF_START: Final = re.compile(rb"%PDF-(1\.[0-7]|2\.0)[\r\n ]")
_PDF_END: Final = re.compile(rb"startxref[\r\n ]+\d{1,10}[\r\n ]+%%EOF[\r\n ]*\Z")
_PDF_END_REACH: Final = 128
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_LENGTH: Final = 13
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_MARK: Final = 0xFF
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class FileType(msgspec.Struct, frozen=True):
    """A type we accept: its media type and the endings its name may have."""

    media_type: str
    endings: tuple[str, ...]


PDF: Final = FileType("application/pdf", ("pdf",))
PNG: Final = FileType("image/png", ("png",))
JPEG: Final = FileType("image/jpeg", ("jpg", "jpeg"))
ACCEPTED: Final = (PDF, PNG, JPEG)
STATEMENT_TYPES: Final = (
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
)
"""Types of papers that do not come in here: an import checked and stored them before."""


def recognise(data: bytes) -> FileType:
    """Give the type of a whole file by its content.

    Raises:
        Malformed: `evidence.empty`, `evidence.damaged` (starts as a known type, but is not whole or
        not only that).
        TooLarge: `evidence.too_large`.
        UnsupportedMedia: `evidence.type_unknown`.
    """
    if not data:
        raise Malformed("evidence.empty", "The file is empty; send its bytes as the request body.")
    if len(data) > SIZE_MAX:
        raise TooLarge("evidence.too_large", "The file is larger than 20 MB; send a smaller scan.")
    for file_type, start, is_whole in _CHECKS:
        if data.startswith(start):
            if not is_whole(data):
                raise Malformed(
                    "evidence.damaged",
                    "The file starts well but is cut off, damaged or has something else attached; "
                    "save it again with your PDF or image program and upload that.",
                )
            return file_type
    raise UnsupportedMedia(
        "evidence.type_unknown",
        "Only PDF, PNG and JPEG files are accepted, judged by their content.",
    )


def require_agreement(found: FileType, file_name: str, declared: str) -> None:
    """Refuse a file whose name or declared media type says something else than its content.

    `declared` is the request's Content-Type, parameters included; empty or
    `application/octet-stream` claims nothing.

    Raises:
        UnsupportedMedia: `evidence.type_mismatch`.
    """
    ending = file_name.rpartition(".")[2].lower()
    if "." not in file_name or ending not in found.endings:
        raise UnsupportedMedia(
            "evidence.type_mismatch",
            f"The file is {found.media_type} by its content; its name must end in .{found.endings[0]}.",
            FieldProblem("/query/file_name", f"must end in .{found.endings[0]}"),
        )
    claimed = declared.partition(";")[0].strip().lower()
    if claimed not in ("", "application/octet-stream", found.media_type):
        raise UnsupportedMedia(
            "evidence.type_mismatch",
            f"The file is {found.media_type} by its content; send that as Content-Type.",
            FieldProblem("/header/Content-Type", f"must be {found.media_type}"),
        )


def _is_whole_pdf(data: bytes) -> bool:
    return bool(_PDF_START.match(data) and _PDF_END.search(data[-_PDF_END_REACH:]))


def _is_whole_png(data: bytes) -> bool:
    """Walk the chunks: each with its checksum, the header first, the end mark last and at the end."""
    at = len(_PNG_START)
    first = True
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data) or first != (kind == b"IHDR"):
            return False
        checksum = zlib.crc32(memoryview(data)[at + 4 : end - 4])
        if checksum != int.from_bytes(data[end - 4 : end], "big"):
            return False
        if first and (length != _PNG_HEADER_LENGTH or not any(data[at + 8 : at + 16])):
            return False
        if kind == b"IEND":
            return end == len(data)
        first, at = False, end
    return False


def _is_whole_jpeg(data: bytes) -> bool:
    """Walk the segments to the end mark. A camera may put further pictures behind the first (CIPA DC-007)."""
    at = 0
    while at < len(data):
        after = _end_of_picture(data, at)
        if after is None:
            return False
        at = after
        while at < len(data) and data[at] == 0:
            at += 1
    return True


def _end_of_picture(data: bytes, start: int) -> int | None:
    """Give the place behind the end mark of the picture that starts at `start`, or None if it is not whole."""
    if not data.startswith(_JPEG_START, start):
        return None
    at, has_frame = start + 2, False
    while at + 4 <= len(data) and data[at] == _JPEG_MARK:
        marker = data[at + 1]
        if marker == _JPEG_MARK:
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        has_frame = has_frame or marker in _JPEG_FRAMES
        if marker == _JPEG_SCAN:
            mark = _JPEG_IN_SCAN.search(data, at)
            if mark is None or not has_frame:
                return None
            at = mark.start()
            if data[at + 1] == _JPEG_END:
                return at + 2
    return None


_CHECKS: Final = (
    (PDF, b"%PDF-", _is_whole_pdf),
    (PNG, _PNG_START, _is_whole_png),
    (JPEG, _JPEG_START, _is_whole_jpeg),
)
