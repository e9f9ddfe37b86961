"""The customer's own list of licences: part numbers, SKU texts or plain names."""

from typing import Final

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.lines import CheckedLine, Context, RawLine
from marketplace.imports.domain.positions import check_licences


def check(line: RawLine, context: Context) -> CheckedLine:
    """Judge one line of the list."""
    return check_licences(line, context, Kind.LICENCE_LIST)


LICENCE_LIST: Final = KindForm(
    kind=Kind.LICENCE_LIST,
    file_types=("csv", "xlsx"),
    lines_max=100_000,
    check=check,
    numbers=("quantity",),
    dates=("date",),
)
