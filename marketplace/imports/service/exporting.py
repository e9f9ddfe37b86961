"""Writes the result of an import into a temporary file, page by page, and gives it away piece by piece."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final
from uuid import UUID

import msgspec
from openpyxl import Workbook

from marketplace.imports.domain.batch import UNFINISHED
from marketplace.imports.domain.export import (
    ExportFormat,
    ExportRow,
    export_rows,
    heading_row,
    write_csv,
)
from marketplace.imports.service.checking import day_of
from marketplace.imports.service.receiving import load_import
from marketplace.imports.store import found
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict

_PIECE: Final = 256_000
_IN_MEMORY: Final = 2_000_000
_MARK: Final = b"\xef\xbb\xbf"
"""Spreadsheet programs take a CSV file for UTF-8 when it starts with this."""


class Export(msgspec.Struct, frozen=True):
    """A finished file; `pieces()` gives its bytes once and closes it."""

    file: IO[bytes]
    size_bytes: int

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the bytes."""
        with self.file:
            while piece := self.file.read(_PIECE):
                yield piece


async def export_import(
    work: Work, import_id: UUID, file_format: ExportFormat, language: str
) -> Export:
    """Write all lines with problems and findings; memory does not grow with the number of lines.

    Raises:
        NotFound.
        Conflict: `import.unfinished`.
    """
    batch = await load_import(work, import_id)
    if batch.state in UNFINISHED:
        raise Conflict(
            "import.unfinished", "This import is still being read; wait until it is checked."
        )
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by whoever reads it
    try:
        writer = _Writer(file, file_format)
        writer.write([heading_row(language)])
        async for page in found.each_page(work.connection, import_id):
            rows = export_rows(batch, page, day_of(batch), language)
            # Findings take milliseconds per line: other requests go on meanwhile.
            await asyncio.to_thread(lambda: writer.write(list(rows)))  # noqa: B023 - awaited at once
        await asyncio.to_thread(writer.finish)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    return Export(file, size)


class _Writer:
    def __init__(self, file: IO[bytes], file_format: ExportFormat) -> None:
        self._file = file
        self._book = Workbook(write_only=True) if file_format is ExportFormat.XLSX else None
        self._sheet = None if self._book is None else self._book.create_sheet("Import")
        if self._book is None:
            file.write(_MARK)

    def write(self, rows: list[ExportRow]) -> None:
        if self._sheet is None:
            self._file.write(write_csv(rows))
            return
        for row in rows:
            self._sheet.append(list(row))

    def finish(self) -> None:
        if self._book is not None:
            self._book.save(self._file)
