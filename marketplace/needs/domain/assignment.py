"""Who gets which CAL, as a CSV file for those who hand licences out. Headings are for programs, so they are English.

A cell that a spreadsheet would take for a formula is led by an apostrophe.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain, repeat
from typing import Final

import msgspec
import numpy as np

from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.need.accesses import Marks
from marketplace.licensing.need.gap import NeedLine
from marketplace.licensing.need.holding import Holding
from marketplace.licensing.need.index import Names
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.network import Holders
from marketplace.needs.domain.holding import name_key

HEADINGS: Final = ("holder", "name", "licence", "product", "product_name", "status")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it a widespread spreadsheet takes the file for one in the code page of the machine."""


class Status(StrEnum):
    """Where the licence comes from: this holder has it, the company owns it, or it must be bought."""

    HELD = "held"
    OWNED = "owned"
    BUY = "buy"


class Given(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the list is made from: the names, who holds what already, who shall hold what, and the gap of the option."""

    names: Names
    held: Holders
    held_products: dict[Kind, dict[str, Product]]
    holding: Holding
    lines: Sequence[NeedLine]


Row = tuple[str, Kind, Product | None, Status]
"""Name, kind, product (None: the catalogue has none that fits), status."""


def write_assignment(given: Given) -> bytes:
    """Write one line per licence: by kind, then by name."""
    text = io.StringIO(newline="")
    text.write(_BYTE_ORDER_MARK)
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for name, kind, product, status in sorted(_rows(given), key=_place):
        writer.writerow(
            (
                kind.metric.value,
                neutral(name),
                "rds" if kind in {Kind.RDS_USER, Kind.RDS_DEVICE} else "base",
                "" if product is None else product.key,
                "" if product is None else load_catalogue().product_name(product),
                status.value,
            )
        )
    return text.getvalue().encode()


def neutral(cell: str) -> str:
    """Give a text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _rows(given: Given) -> Iterator[Row]:
    yield from _held_rows(given)
    yield from _new_rows(given)


def _held_rows(given: Given) -> Iterator[Row]:
    pairs = zip(Kind, given.held.all, given.holding.holders.all, strict=True)
    for kind, held, holders in pairs:
        for name in _names(given, kind, held & holders):
            yield name, kind, given.held_products[kind][name_key(name)], Status.HELD


def _new_rows(given: Given) -> Iterator[Row]:
    """Give everybody a licence of its group: first those owned without a name, then those to buy.

    The groups come in the order in which the gap names its needs; empty ones have no line there.
    """
    lines = iter(given.lines)
    for kind, marks in _groups(given):
        names = _names(given, kind, marks)
        if not names:
            continue
        line = next(lines)
        licences = chain(
            *(repeat((row.product, Status.OWNED), row.quantity) for row in line.served),
            repeat((line.product, Status.BUY), line.to_buy),
        )
        for name, (product, status) in zip(names, licences, strict=True):
            yield name, kind, product, status


def _groups(given: Given) -> tuple[tuple[Kind, Marks], ...]:
    """Give who gets a new licence: base CALs alone, base CALs beneath an RDS CAL (R11), RDS CALs."""
    new, whole = given.holding.holders.without(given.held), given.holding.holders
    return (
        (Kind.USER, new.user & ~whole.rds_user),
        (Kind.USER, new.user & whole.rds_user),
        (Kind.DEVICE, new.device & ~whole.rds_device),
        (Kind.DEVICE, new.device & whole.rds_device),
        (Kind.RDS_USER, new.rds_user),
        (Kind.RDS_DEVICE, new.rds_device),
    )


def _names(given: Given, kind: Kind, marks: Marks) -> list[str]:
    side = given.names.users if kind.metric is Metric.USER else given.names.devices
    return [side[place] for place in np.flatnonzero(marks).tolist()]


def _place(row: Row) -> tuple[int, str]:
    return _ORDER[row[1]], name_key(row[0])


_ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
