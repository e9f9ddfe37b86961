"""The files a customer of the demo sends: its list of licences, mistakes included, and who reached what. Invented."""

import io
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from openpyxl import Workbook

OFFICE_STAFF: Final = 200
NURSES: Final = 90
WARD_COMPUTERS: Final = 30

_HEADINGS: Final = (
    "Artikel",
    "Teilenummer",
    "Anzahl",
    "Programm",
    "Vertragsnummer",
    "Land",
    "Kaufdatum",
)
_LINES: Final[tuple[tuple[Any, ...], ...]] = (
    (
        "WinSvrCAL 2016 SNGL OLP NL UsrCAL",
        "",
        150,
        "Open License",
        "67120031",
        "Österreich",
        date(2017, 5, 4),
    ),
    (
        "WinSvrCAL 2019 SNGL OLP NL UsrCAL",
        "R18-05768",
        60,
        "Open License",
        "68440127",
        "Österreich",
        date(2020, 2, 18),
    ),
    # What such lists are like: no metric, a unit in the number, a formula, the number of another product, other goods.
    ("Windows Server CAL 2016", "", 25, "Open License", "67120032", "AT", "11.09.2017"),
    ("WinSvrCAL 2016 SNGL OLP NL DvcCAL", "", "40 Stk", "Open License", "67120033", "AT", ""),
    ("WinSvrCAL 2016 SNGL OLP NL DvcCAL", "", "=B3+B4", "Open License", "67120034", "AT", ""),
    ("WinSvrCAL 2019 SNGL OLP NL UsrCAL", "R18-05767", 10, "Open License", "68440128", "AT", ""),
    ("Office Standard 2016", "", 80, "Open License", "67120035", "AT", "04.05.2017"),
)


def licence_list() -> bytes:
    """Make the workbook an IT department keeps, with its title above the table and German headings."""
    book = Workbook()
    sheet = book.create_sheet("Lizenzen", 0)
    sheet.append(("Lizenzbestand der IT, Stand Oktober 2026",))
    sheet.append(())
    for row in (_HEADINGS, *_LINES):
        sheet.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def accesses() -> bytes:
    """Make the list of who reached the servers from which device, as a log query exports it."""
    return (
        "Benutzer;Gerät\r\n" + "".join(f"{user};{device}\r\n" for user, device in _pairs())
    ).encode()


def _pairs() -> Iterator[tuple[str, str]]:
    """Office staff have a computer and a telephone each; nurses take turns at the computers of their wards."""
    for number in range(OFFICE_STAFF):
        yield f"office{number:03}", f"pc{number:03}"
        yield f"office{number:03}", f"phone{number:03}"
    for number in range(NURSES):
        for turn in range(4):
            yield f"nurse{number:02}", f"ward{(number // 9 * 3 + turn) % WARD_COMPUTERS:02}"
