"""Memory: a file within the limits is read in a process that stays small.

Each file is made inside the process that is measured, so this module makes nothing large by itself.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.reading import read_file
from marketplace.imports.domain.refusals import FileRefused
from tests.support.imports import part_of, repacked, statement
from tests.support.source import CHECKOUT

SHEET: Final = "xl/worksheets/sheet2.xml"
MEMORY_MAX: Final = 450_000_000
"""Bytes that a reading process may reach; the libraries alone take some 100 MB."""
WIDE_ROWS: Final = 120


def wide_rows() -> bytes:
    """Give a statement with rows below its table that all use 16,000 columns."""
    book = statement()
    start, mark, rest = part_of(book, SHEET).partition(b"</sheetData>")
    rows = (b"<row>" + b"<c><v>1</v></c>" * 16_000 + b"</row>") * WIDE_ROWS
    return repacked(book, {SHEET: start + rows + mark + rest})


def long_list() -> bytes:
    return (
        b"Product,Quantity\n" + b"Windows Server 2019 User CAL from a long time ago,5\n" * 100_000
    )


def many_pairs() -> bytes:
    rows = "".join(f"user{n % 99_991},device{n % 99_989}\n" for n in range(1_000_000))
    return b"user,device\n" + rows.encode()


def measure(make: Callable[[], bytes], kind: Kind, name: str) -> tuple[str, int]:
    """Make and read a file; give how it ended and the most memory this process ever took, in bytes."""
    data = make()
    try:
        end = str(read_file(kind, name, data, "i").lines)
    except FileRefused as refused:
        end = refused.code
    # Not `ru_maxrss`: it begins with the size of the process this one was forked from.
    status = Path("/proc/self/status").read_text("utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return end, int(peak.split()[1]) * 1024


def measure_elsewhere(make: Callable[[], bytes], kind: Kind, name: str) -> tuple[str, int]:
    """Measure in a process of its own."""
    script = (
        "import msgspec\n"
        "from tests.imports import test_memory as m\n"
        f"found = m.measure(m.{make.__name__}, m.Kind({kind.value!r}), {name!r})\n"
        "print(msgspec.json.encode(found).decode())\n"
    )
    # Traced line by line for the coverage report, the process would be measured with its tracer.
    ours = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env=ours,
        capture_output=True,
        check=True,
        timeout=300,
    )
    return msgspec.json.decode(ran.stdout.splitlines()[-1], type=tuple[str, int])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("make", "kind", "name", "end"),
    [
        (wide_rows, Kind.LICENCE_STATEMENT, "s.xlsx", str(5 + WIDE_ROWS)),
        (long_list, Kind.LICENCE_LIST, "a.csv", "100000"),
        (many_pairs, Kind.ACCESS_PAIRS, "a.csv", "1000000"),
    ],
    ids=["wide workbook", "long list", "many pairs"],
)
def test_reading_stays_small(make: Callable[[], bytes], kind: Kind, name: str, end: str) -> None:
    ended, peak = measure_elsewhere(make, kind, name)
    assert ended == end
    assert peak < MEMORY_MAX
