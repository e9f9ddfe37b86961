"""Workbooks (XLSX): sheets as tables, read row by row.

`containers` has looked at the archive before anything is parsed. openpyxl reads the frame and parses
it with defusedxml, which is installed with us; `sheets` reads the cells. Formulas are not computed:
their text arrives and the line says so.
"""

import io
import warnings
import zipfile
from typing import Any, Final

import openpyxl

from marketplace.imports.domain.containers import check_archive
from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.sheets import Frame, read_rows
from marketplace.imports.domain.tables import Rows, Table

SHEETS_MAX: Final = 60


class WorkbookDocument:
    """An opened workbook; every sheet is a table."""

    file_type = "xlsx"
    encoding = ""
    notes: tuple[str, ...] = ()

    def __init__(self, data: bytes) -> None:
        """Check and open.

        Raises:
            FileRefused: what `containers` refuses, `too_many_sheets`, `damaged`.
        """
        check_archive(data)
        try:
            with warnings.catch_warnings():
                # Styles, validations and pictures that are left out do not concern us.
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
                self.tables = tuple(
                    Table(name=sheet.title, rows=_Reader(data, sheet)) for sheet in book.worksheets
                )
        except Exception as problem:
            # The library raises whatever a broken part leads to: no list of errors would be complete.
            raise FileRefused("damaged") from problem
        if len(self.tables) > SHEETS_MAX:
            raise FileRefused("too_many_sheets", most=SHEETS_MAX)


class _Reader:
    def __init__(self, data: bytes, sheet: Any) -> None:
        self._data = data
        # The library has no public names for these; its version is pinned.
        self._path = str(sheet._worksheet_path)  # noqa: SLF001 - as said above
        self._frame = Frame(
            texts=sheet._shared_strings,  # noqa: SLF001 - as said above
            date_styles=sheet.parent._date_formats,  # noqa: SLF001 - as said above
            epoch=sheet.parent.epoch,
        )

    def __call__(self, columns: int) -> Rows:
        # Every byte was walked and compared with its checksum before.
        with (
            zipfile.ZipFile(io.BytesIO(self._data)) as archive,
            archive.open(self._path) as stream,
        ):
            yield from read_rows(stream, self._frame, columns)
