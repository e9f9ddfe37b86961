"""What every kind of file says about itself."""

from collections.abc import Callable

import msgspec

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.lines import CheckedLine, Context, RawLine


class KindForm(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of file: which types may hold it, how long it may be, and how one line is judged.

    `numbers` and `dates` are the fields that decide how the file writes numbers and dates. `keeps`
    says whether a line belongs to the table at all (a pivot table repeats itself per country).
    """

    kind: Kind
    file_types: tuple[str, ...]
    lines_max: int
    check: Callable[[RawLine, Context], CheckedLine]
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    keeps: Callable[[str, RawLine], bool] = lambda _table, _line: True
