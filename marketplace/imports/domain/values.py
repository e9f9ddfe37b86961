"""Numbers and dates as people write them in different countries.

One cell often does not tell: `1.234` is a thousand here and one and a bit there, `03.04.2019` is
clear and `03/04/2019` is not. A column tells more than a cell, so a file is read twice: `Votes`
collects what its cells decide, and the cells are then read by that. What stays open is a problem of
the line, never a guess.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

_SPACES: Final = re.compile("[\\s\u00a0\u202f\u2009'\u2019]+")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*")
_GROUPED: Final = {
    ",": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
    ".": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"),
}
_DATE: Final = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[T ,].*)?", re.DOTALL)
_YEAR_DIGITS: Final = 4
_MONTHS: Final = 12
_DIGITS_MAX: Final = 30
_GROUP: Final = 3
_EXACT_MAX: Final = 2**53
"""Beyond this a workbook's numbers are no longer exact."""


class Unreadable(ValueError):
    """The text is not a number or date that can be read with certainty; the message is a code."""


def decimal_vote(text: str) -> str:
    """Give the decimal mark that this number proves (`.` or `,`), or an empty text.

    Two different marks, a mark used twice, or digits that cannot be groups of three decide it.
    """
    plain = _SPACES.sub("", text)
    if len(plain) > _DIGITS_MAX or not _NUMBER.fullmatch(plain):
        return ""
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return ""
    mark, other = plain[last], "," if plain[last] == "." else "."
    if plain.count(mark) > 1:
        return other
    head = plain[:last].lstrip("+-")
    is_group = len(plain) - last - 1 == _GROUP and len(head) <= _GROUP and head[:1] not in ("0", "")
    return mark if other in plain or not is_group else ""


def read_whole(value: str | float, decimal: str = "") -> int:
    """Read a whole number. `decimal` is the mark that the column uses, empty when no cell decides it.

    A single mark before exactly three digits groups thousands unless the column says otherwise: the
    things counted here have no fractions.

    Raises:
        Unreadable: `unreadable` or `not_whole`.
    """
    if isinstance(value, int | float):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is not itself
            raise Unreadable("unreadable")
        if value != int(value):
            raise Unreadable("not_whole")
        return int(value)
    plain = _SPACES.sub("", value)
    if len(plain) > _DIGITS_MAX or not _NUMBER.fullmatch(plain) or not plain.isascii():
        raise Unreadable("unreadable")
    mark = decimal_vote(plain) or decimal
    for grouping, form in _GROUPED.items():
        if mark != grouping and form.fullmatch(plain):
            mark = "," if grouping == "." else "."
            break
    else:
        if mark and (plain.count(mark) > 1 or ("," if mark == "." else ".") in plain):
            raise Unreadable("unreadable")
    whole, _, fraction = plain.partition(mark) if mark else (plain, "", "")
    digits = whole.replace(".", "").replace(",", "")
    if fraction.strip("0"):
        raise Unreadable("not_whole")
    return int(digits)


def date_vote(text: str) -> str:
    """Give the order that this date proves (`dmy`, `mdy`), or an empty text.

    Points are written between day and month only in countries that put the day first.
    """
    found = _DATE.fullmatch(text.strip())
    if found is None or len(found[1]) == _YEAR_DIGITS:
        return ""
    first, second = int(found[1]), int(found[3])
    if second > _MONTHS >= first:
        return "mdy"
    if first > _MONTHS >= second or found[2] == ".":
        return "dmy"
    return ""


def read_date(text: str, order: str = "") -> date:
    """Read a date in the `order` of its column.

    Raises:
        Unreadable: `unreadable`, `ambiguous` (day and month may be exchanged, or the century is not
            written).
    """
    found = _DATE.fullmatch(text.strip()[:40])
    if found is None or not found[0].isascii():
        raise Unreadable("unreadable")
    first, second, third = found[1], found[3], found[4]
    if len(first) == _YEAR_DIGITS:
        return _day(first, second, third)
    proven = date_vote(text) or order
    is_open = not proven and first.lstrip("0") != second.lstrip("0")
    if len(third) != _YEAR_DIGITS or is_open:
        raise Unreadable("ambiguous")
    return _day(third, first, second) if proven == "mdy" else _day(third, second, first)


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as problem:
        raise Unreadable("unreadable") from problem


class Votes:
    """Collects what the cells of a file prove about its numbers and dates."""

    def __init__(self) -> None:
        self._decimal: set[str] = set()
        self._order: set[str] = set()

    def hear(self, numbers: Iterable[object], dates: Iterable[object]) -> None:
        """Take in the cells of one line."""
        self._decimal |= {decimal_vote(cell) for cell in numbers if isinstance(cell, str)}
        self._order |= {date_vote(cell) for cell in dates if isinstance(cell, str)}

    @property
    def decimal(self) -> str:
        """The decimal mark, empty when nothing or opposite things are proven."""
        return _only(self._decimal)

    @property
    def date_order(self) -> str:
        """The order of dates, empty when nothing or opposite things are proven."""
        return _only(self._order)


def plain_value(value: object) -> str | int | float:
    """Turn the content of a workbook cell into what lines hold: dates become ISO texts."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int | float):
        return value if -_EXACT_MAX <= value <= _EXACT_MAX else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    # JSON in the database holds no NUL.
    return str(value).replace("\x00", "\ufffd")


def _only(votes: set[str]) -> str:
    proven = votes - {""}
    return proven.pop() if len(proven) == 1 else ""
