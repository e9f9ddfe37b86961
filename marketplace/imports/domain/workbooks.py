"""Workbooks (XLSX): sheets as tables, read row by row.

`containers` has looked at the archive before. Formulas are not computed: their text arrives and the
line says so. openpyxl parses with defusedxml, which is installed with us.
"""

import io
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Final

import openpyxl
from openpyxl.workbook.workbook import Workbook

from marketplace.imports.domain.containers import check_archive
from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.tables import COLUMNS_MAX, Cell, Rows, Table
from marketplace.imports.domain.values import plain_value

SHEETS_MAX: Final = 60
_ROWS_AT_ONCE: Final = 500

if not openpyxl.DEFUSEDXML:
    raise ImportError("defusedxml is missing: workbooks of strangers must not be parsed without it")


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
                book: Workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
        except Exception as problem:
            # The library raises whatever a broken part leads to: no list of errors would be complete.
            raise FileRefused("damaged") from problem
        if len(book.sheetnames) > SHEETS_MAX:
            raise FileRefused("too_many_sheets", most=SHEETS_MAX)
        self.tables = tuple(
            Table(name=name, rows=_Reader(book, name))
            for name in book.sheetnames
            if hasattr(book[name], "iter_rows")
        )


class _Reader:
    def __init__(self, book: Workbook, name: str) -> None:
        self._book = book
        self._name = name

    def __call__(self) -> Rows:
        sheet = self._book[self._name]
        # The size a sheet claims to have may be a lie or missing.
        if hasattr(sheet, "reset_dimensions"):
            sheet.reset_dimensions()
        rows = sheet.iter_rows(max_col=COLUMNS_MAX, values_only=True)
        number = 0
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    piece = list(islice(rows, _ROWS_AT_ONCE))
            except Exception as problem:
                # As above: a broken sheet may raise anything.
                raise FileRefused("damaged") from problem
            if not piece:
                return
            for row in piece:
                number += 1
                yield number, _cells(row)


def _cells(row: Sequence[object]) -> list[Cell]:
    cells = [plain_value(value) for value in row]
    while cells and cells[-1] == "":
        cells.pop()
    return cells
