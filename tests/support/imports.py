"""Files for imports: realistic and hostile, and how to send them."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpx
from openpyxl import Workbook

from marketplace.imports.domain.batch import Kind

STATEMENT_HEADINGS: Final = (
    "Entity",
    "Agreement Number",
    "Program",
    "Part Number",
    "Item Name",
    "License Type",
    "Quantity",
    "Reseller",
    "Country of Usage",
    "Transaction Date",
)
STATEMENT_LINES: Final = (
    (
        "Nordlicht",
        "61234567",
        "Open License",
        "R18-05767",
        "WinSvrCAL 2019 SNGL OLP NL DvcCAL",
        "L",
        120,
        "Elbe IT",
        "Germany",
        "2019-05-14",
    ),
    (
        "Nordlicht",
        "61234568",
        "Open License",
        "6VC-03747",
        "WinRmtDsktpSrvcsCAL 2019 SNGL OLP NL DvcCAL",
        "L",
        40,
        "Elbe IT",
        "Germany",
        "2019-05-14",
    ),
    ("Nordlicht", "61234569", "Open License", "", "Office Standard 2019", "L", 50, "", "DE", ""),
    ("Nordlicht", "61234570", "Open License", "", "Windows Server CAL 2016", "L", 10, "", "DE", ""),
    (
        "Nordlicht",
        "61234571",
        "Open License",
        "R18-05767",
        "WinSvrCAL 2019 SNGL OLP NL DvcCAL",
        "Software Assurance",
        5,
        "",
        "DE",
        "",
    ),
)


def workbook(sheets: dict[str, Iterable[Sequence[Any]]]) -> bytes:
    """Make a workbook with these sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def statement(lines: Iterable[Sequence[Any]] = STATEMENT_LINES) -> bytes:
    """Make a licence statement with a table of transactions behind a cover sheet and a preamble."""
    preamble: list[Sequence[Any]] = [("Licence statement",), (), ("As of", "2026-11-01"), ()]
    return workbook(
        {
            "Organization Summary": [("Organisation", "Nordlicht Maschinenbau GmbH")],
            "Transaction Data": [*preamble, STATEMENT_HEADINGS, *lines],
        }
    )


def repacked(data: bytes, changes: dict[str, bytes | None]) -> bytes:
    """Give a workbook with parts added, replaced, or (None) left out."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return packed.getvalue()


def part_of(data: bytes, name: str) -> bytes:
    """Give one part of a workbook."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


async def send(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    data: bytes,
    kind: Kind = Kind.LICENCE_LIST,
    **parameters: Any,
) -> httpx.Response:
    """Send a file; by default a dry run of a CSV list."""
    given = {"kind": kind.value, "file_name": "list.csv"} | parameters
    return await client.post("/v1/imports", params=given, content=data, headers=headers)
