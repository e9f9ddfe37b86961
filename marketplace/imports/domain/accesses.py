"""Real accesses as numbers: names once, pairs as rows of indices, in one compressed file.

A million pairs are a few megabytes this way, and whoever calculates with them starts at once.
"""

import io
import zipfile
import zlib
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.imports.domain.batch import FormatFacts, Outcome
from marketplace.imports.domain.lines import CheckedLine, LineProblem
from marketplace.imports.domain.tables import Cell

NAME_MAX: Final = 200
NOTHING: Final = -1
_BITS: Final = 20
_MASK: Final = (1 << _BITS) - 1
_BLOCK: Final = 300_000
_NAMES: Final = ("users", "devices", "hosts")


class Accesses(msgspec.Struct, frozen=True):
    """Who used what. `pairs` has a row (user, device, host) per distinct access, as indices into the lists.

    Rows are int32 and sorted; host is -1 where the file names none. Names are as first written, two
    that differ in case or outer spaces only are one.
    """

    users: list[str]
    devices: list[str]
    hosts: list[str]
    pairs: NDArray[np.int32]


class AccessFileDamaged(ValueError):
    """The bytes are not a file that `pack_accesses` built."""


class AccessGatherer:
    """Takes lines one by one; keeps names and pairs, and the lines that are wrong."""

    def __init__(self) -> None:
        self.problems: list[CheckedLine] = []
        self.lines = 0
        self.bad = 0
        self._users = _Register()
        self._devices = _Register()
        self._hosts = _Register()
        self._packed: list[int] = []
        self._blocks: list[NDArray[np.int64]] = []

    def add(self, number: int, user: Cell, device: Cell, host: Cell) -> None:
        """Take in one line."""
        self.lines += 1
        # Both are looked at before either is numbered: a wrong line leaves no name behind.
        if not (self._users.knows(user) and self._devices.knows(device)) and (
            _wrong(user, "user") or _wrong(device, "device")
        ):
            self._refuse(number, user, device)
            return
        user_index, device_index = self._users.find(user), self._devices.find(device)
        # One number per access, so that a million of them sort and compare at once.
        host_index = self._hosts.find(host) + 1
        self._packed.append((user_index << 2 * _BITS) | (device_index << _BITS) | host_index)
        if len(self._packed) >= _BLOCK:
            self._close_block()

    def result(self) -> Accesses:
        """Give everything taken in so far, each access once."""
        self._close_block()
        keys = np.unique(np.concatenate(self._blocks)) if self._blocks else np.empty(0, np.int64)
        columns = (keys >> 2 * _BITS, keys >> _BITS & _MASK, (keys & _MASK) - 1)
        return Accesses(
            users=self._users.names,
            devices=self._devices.names,
            hosts=self._hosts.names,
            pairs=np.stack(columns, axis=1).astype(np.int32),
        )

    def _close_block(self) -> None:
        if self._packed:
            self._blocks.append(np.unique(np.array(self._packed, np.int64)))
            self._packed = []

    def _refuse(self, number: int, user: Cell, device: Cell) -> None:
        self.bad += 1
        read = {"user": user, "device": device}
        found = tuple(
            LineProblem(code, field)
            for field, cell in read.items()
            if (code := _wrong(cell, field))
        )
        self.problems.append(
            CheckedLine(number=number, outcome=Outcome.BAD, read=read, problems=found)
        )


class _Register:
    """Gives every name a number, in the order of their first use."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._by_cell: dict[Cell, int] = {}
        self._by_key: dict[str, int] = {}

    def knows(self, cell: Cell) -> bool:
        """Say whether this very cell came before."""
        return cell in self._by_cell

    def find(self, cell: Cell) -> int:
        """Give the number of a name, -1 for a cell that holds none."""
        known = self._by_cell.get(cell)
        if known is not None:
            return known
        name = str(cell).strip()
        if _wrong(name, ""):
            return NOTHING
        number = self._by_key.setdefault(name.casefold(), len(self.names))
        if number == len(self.names):
            self.names.append(name)
        self._by_cell[cell] = number
        return number


def pack_accesses(import_id: str, facts: FormatFacts, accesses: Accesses) -> bytes:
    """Build the compact file; `import_id` makes the file of each import its own."""
    told = msgspec.json.encode({"import_id": import_id, "facts": facts})
    arrays: dict[str, Any] = {
        "about": _to_array(told),
        "pairs": accesses.pairs,
        **{name: _to_array(msgspec.json.encode(getattr(accesses, name))) for name in _NAMES},
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def read_accesses(data: bytes) -> Accesses:
    """Read a file that `pack_accesses` built.

    Raises:
        AccessFileDamaged: it is another file.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            names = {
                name: msgspec.json.decode(arrays[name].tobytes(), type=list[str]) for name in _NAMES
            }
            pairs = arrays["pairs"].astype(np.int32, copy=False).reshape(-1, 3)
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        msgspec.DecodeError,
    ) as problem:
        raise AccessFileDamaged("not a file of accesses") from problem
    return Accesses(names["users"], names["devices"], names["hosts"], pairs)


def _to_array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _wrong(cell: Cell, field: str) -> str:
    """Give the code of what is wrong with a name, empty for a good one."""
    name = str(cell).strip()
    if not name:
        return f"{field}_missing"
    if len(name) > NAME_MAX:
        return "text_too_long"
    return "formula" if name.startswith("=") else ""
