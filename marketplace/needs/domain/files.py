"""Files that go with a need and are deleted with it: they hold the names of people and devices."""

import zlib
from enum import StrEnum
from typing import Final


class FileKind(StrEnum):
    """What a file of a need is for.

    `names`: who holds a CAL already, as told with the request. `problem`: the accesses as read. `solution`: who gets
    a CAL, before prices. The three go when the need has ended; `assignment`, who gets which CAL, stays.
    """

    NAMES = "names"
    PROBLEM = "problem"
    SOLUTION = "solution"
    ASSIGNMENT = "assignment"


PASSING: Final = (FileKind.NAMES, FileKind.PROBLEM, FileKind.SOLUTION)
"""What goes when the need has ended."""
_LEVEL: Final = 1
"""Fastest: names and sorted numbers shrink to a fifth even so."""


def pack(data: bytes) -> bytes:
    """Compress a file."""
    return zlib.compress(data, _LEVEL)


def unpack(data: bytes) -> bytes:
    """Give the file that `pack` compressed."""
    return zlib.decompress(data)
