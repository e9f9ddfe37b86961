"""Real accesses: who used which device, and on which host. Kept as one compact file, not as rows."""

from typing import Final

from marketplace.imports.domain.batch import Kind, Outcome
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.lines import CheckedLine, Context, RawLine

LINES_MAX: Final = 1_000_000
"""`accesses` numbers names with 20 bits."""


def check(line: RawLine, context: Context) -> CheckedLine:
    """Pass a line on: pairs are judged while they are packed, see `accesses`."""
    del context
    return CheckedLine(number=line.number, outcome=Outcome.GOOD, read=line.cells)


ACCESS_PAIRS: Final = KindForm(
    kind=Kind.ACCESS_PAIRS, file_types=("csv",), lines_max=LINES_MAX, check=check
)
