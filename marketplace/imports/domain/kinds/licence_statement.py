"""The workbook with everything an organisation bought, as a publisher's statement gives it.

Its table of transactions has one purchase per line and is preferred. Without it the pivot table of
effective quantities is read: sums per product, of which only the rows of all countries count.
"""

from typing import Final

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.lines import CheckedLine, Context, RawLine
from marketplace.imports.domain.names import is_all_countries
from marketplace.imports.domain.positions import check_licences, text_of


def check(line: RawLine, context: Context) -> CheckedLine:
    """Judge one purchase, or one sum of the pivot table."""
    if context.facts.table == "pivot":
        # The country of a sum is "all countries": it says nothing about the first sale.
        cells = {name: value for name, value in line.cells.items() if name != "country"}
        line = RawLine(line.number, cells)
    return check_licences(line, context, Kind.LICENCE_STATEMENT)


def keeps(table: str, line: RawLine) -> bool:
    """Leave out the rows of single countries, which the row of all countries holds already."""
    country = text_of(line, "country")
    return table != "pivot" or not country or is_all_countries(country)


LICENCE_STATEMENT: Final = KindForm(
    kind=Kind.LICENCE_STATEMENT,
    file_types=("xlsx",),
    lines_max=100_000,
    check=check,
    numbers=("quantity",),
    dates=("date",),
    keeps=keeps,
)
