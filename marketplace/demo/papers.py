"""The evidence files of the demo: plain one-page PDFs, as a seller would scan them. All names are invented."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment
from weasyprint import HTML

_PAGE: Final = Environment(autoescape=True).from_string(
    """<html lang="en"><head><title>{{ title }}</title><style>
    @page { size: A4; margin: 25mm } body { font: 11pt sans-serif }
    h1 { font-size: 17pt } td, th { padding: 2mm 6mm 2mm 0; text-align: left; vertical-align: top }
    .demo { margin-top: 15mm; color: #777; font-size: 9pt }
    </style></head><body><p>{{ issuer }}</p><h1>{{ title }}</h1>
    <table>{% for name, value in rows %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</table>
    <p class="demo">Specimen made by the demo. Companies and numbers are invented.</p></body></html>"""
)


USER_CAL: Final = "WinSvrCAL 2019 SNGL OLP NL UsrCAL, R18-05768"
DEVICE_CAL: Final = "WinSvrCAL 2019 SNGL OLP NL DvcCAL, R18-05767"


class EvidenceFile(msgspec.Struct, frozen=True):
    """A file to upload."""

    kind: str
    file_name: str
    pdf: bytes


def evidence_files(
    seller: str, agreement: str, quantity: int, item: str = USER_CAL
) -> tuple[EvidenceFile, ...]:
    """Make the papers that prove one Open License position; `item` as price lists write it."""
    position = ("Position", f"{quantity} x {item}")
    licence = (("Customer", seller), ("Authorisation number", agreement), position)
    return (
        _file("agreement", "Open License confirmation", "Licensing programme, Dublin", licence),
        _file(
            "first_invoice",
            "Invoice 2019-30417",
            "Hansa Software Handel GmbH, Hamburg",
            (
                *licence,
                ("Invoice date", "2019-03-14"),
                ("Country of delivery", "Germany"),
                ("Net amount", f"EUR {quantity * 29:,}.00"),
                ("Term", "perpetual"),
            ),
        ),
        _file(
            "payment_proof",
            "Bank advice",
            "Elbe Bank AG",
            (
                ("Payee", "Hansa Software Handel GmbH"),
                ("Reference", "Invoice 2019-30417"),
                ("Value date", "2019-04-02"),
            ),
        ),
        _file("licence_statement", "Licence statement", "Licensing portal extract", licence),
    )


def _file(kind: str, title: str, issuer: str, rows: tuple[tuple[str, str], ...]) -> EvidenceFile:
    page = _PAGE.render(title=title, issuer=issuer, rows=rows)
    return EvidenceFile(kind, f"{kind}.pdf", HTML(string=page).write_pdf())


def main(arguments: Sequence[str]) -> None:
    """Write the files into a folder: SELLER AGREEMENT QUANTITY FOLDER (the README's tour does)."""
    seller, agreement, quantity, folder = arguments
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for file in evidence_files(seller, agreement, int(quantity)):
        (place / file.file_name).write_bytes(file.pdf)


if __name__ == "__main__":
    main(sys.argv[1:])
