"""The result of an import as a table: what was read, what was found, and what to do.

Texts come from strangers' files and are opened in spreadsheet programs: a cell that such a program
would take for a formula gets an apostrophe in front, also behind spaces and in full-width letters.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from marketplace.imports.domain.batch import Import
from marketplace.imports.domain.lines import CheckedLine
from marketplace.imports.domain.positions import find_all
from marketplace.imports.domain.sentences import note_text, problem_text, sentence
from marketplace.kernel.language import DEFAULT
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.texts import cure_text, finding_text

CELL_MAX: Final = 32_000
"""Characters of a cell; the format of workbooks allows a few more."""
COLUMNS: Final = (
    "line",
    "outcome",
    "read",
    "product",
    "product_name",
    "quantity",
    "agreement_number",
    "country",
    "first_sold_on",
    "verdict",
    "problems",
    "findings",
    "cures",
    "notes",
)
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")

ExportCell = str | int
ExportRow = Sequence[ExportCell]


class ExportFormat(StrEnum):
    """How the result is written."""

    XLSX = "xlsx"
    CSV = "csv"


def neutral(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula."""
    plain = _UNPRINTABLE.sub("\ufffd", text)[:CELL_MAX]
    return f"'{plain}" if _FORMULA.match(plain) else plain


def heading_row(language: str = DEFAULT) -> ExportRow:
    """Return the headings of the export."""
    return [sentence(f"import.column.{name}", {}, language) for name in COLUMNS]


def export_rows(
    batch: Import, lines: Sequence[CheckedLine], on: date, language: str
) -> Iterator[ExportRow]:
    """Return one row per line, its texts neutralised. Findings are those of the day the file came in."""
    for line in lines:
        found = find_all(line.position, batch.kind, on) if line.position is not None else ()
        cells = _cells(
            batch, line, [one for one in found if one.outcome is not Outcome.PASS], language
        )
        yield [neutral(cell) if isinstance(cell, str) else cell for cell in cells]


def write_csv(rows: Sequence[ExportRow]) -> bytes:
    """Return rows as lines of a CSV file (RFC 4180), every text in quotes."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode()


def _cells(
    batch: Import, line: CheckedLine, found: Sequence[Finding], language: str
) -> Sequence[ExportCell]:
    catalogue = load_catalogue()
    product = catalogue.find_product(line.product) if line.product else None
    position = line.position
    headings = {} if batch.facts is None else batch.facts.columns
    read = "; ".join(f"{headings.get(name, name)}: {value}" for name, value in line.read.items())
    cures = dict.fromkeys(filter(None, (cure_text(one, language) for one in found)))
    bought_on = position.first_sold_on if position is not None else None
    return (
        line.number,
        line.outcome.value,
        read,
        line.product or "",
        catalogue.product_name(product) if product else "",
        "" if line.quantity is None else line.quantity,
        position.agreement_number if position is not None else "",
        position.country if position is not None else "",
        bought_on.isoformat() if bought_on else "",
        line.verdict,
        "\n".join(problem_text(one, language) for one in line.problems),
        "\n".join(
            f"{one.rule_id} {one.outcome.value}: {finding_text(one, language)}" for one in found
        ),
        "\n".join(cures),
        "\n".join(note_text(one, language) for one in line.notes),
    )
