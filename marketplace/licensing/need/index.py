"""From names to numbers: reads rows (user, device, session host) one by one and numbers what they name.

Account and device names differ only in case or outer spaces when they mean the same thing, so they are compared
without both and shown as first read. Numbers follow the sorted names: the order of the rows never matters.
"""

from array import array
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.licensing.need.accesses import (
    NO_HOST,
    PAIRS_MAX,
    Accesses,
    Marks,
    Places,
    Size,
    check_size,
    make_accesses,
)

_ROWS_KEPT: Final = 2 * PAIRS_MAX
_CHECK_EVERY: Final = 4096


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The names behind the numbers of `Accesses`, and how many rows could not be used."""

    users: tuple[str, ...]
    devices: tuple[str, ...]
    hosts: tuple[str, ...]
    rows: int
    without_user: int
    without_device: int


class Index:
    """Collects rows; `finish` gives the accesses. Memory is bounded: doubles are thrown away on the way."""

    def __init__(self) -> None:
        self._users, self._devices, self._hosts = _Names(), _Names(), _Names()
        self._columns = (array("i"), array("i"), array("i"))
        self._rows = self._without_user = self._without_device = 0

    def add(self, user: str, device: str, host: str = "") -> bool:
        """Take in a row; return whether it could be used: it needs a user and a device (see `accesses`).

        Raises:
            TooLarge: `need.too_many_accesses`.
        """
        self._rows += 1
        user_key, device_key = _key(user), _key(device)
        self._without_user += not user_key
        self._without_device += not device_key
        if not user_key or not device_key:
            return False
        host_key = _key(host)
        numbers = (
            self._users.number(user_key, user),
            self._devices.number(device_key, device),
            self._hosts.number(host_key, host) if host_key else NO_HOST,
        )
        for column, number in zip(self._columns, numbers, strict=True):
            column.append(number)
        if len(self._columns[0]) % _CHECK_EVERY == 0:
            check_size(self._size())
        if len(self._columns[0]) >= _ROWS_KEPT:
            self._forget_doubles()
        return True

    def finish(self) -> tuple[Accesses, Names]:
        """Return the accesses and the names.

        Raises:
            TooLarge: `need.too_many_accesses`.
        """
        size = self._size()
        check_size(size)
        users, devices, hosts = self._users, self._devices, self._hosts
        columns = [np.array(column, dtype=np.int32) for column in self._columns]
        accesses = make_accesses(
            size,
            users.places()[columns[0]],
            devices.places()[columns[1]],
            np.append(hosts.places(), np.int32(NO_HOST))[columns[2]],
        )
        return accesses, Names(
            users=users.shown(),
            devices=devices.shown(),
            hosts=hosts.shown(),
            rows=self._rows,
            without_user=self._without_user,
            without_device=self._without_device,
        )

    def _size(self) -> Size:
        return Size(len(self._users), len(self._devices), len(self._hosts))

    def _forget_doubles(self) -> None:
        accesses = make_accesses(
            self._size(), *(np.array(column, dtype=np.int32) for column in self._columns)
        )
        self._columns = (
            array("i", accesses.user.tolist()),
            array("i", accesses.device.tolist()),
            array("i", accesses.host.tolist()),
        )


def mark_names(names: tuple[str, ...], wanted: frozenset[str]) -> Marks:
    """Mark which of the names stand in a set of names from elsewhere, for `Holders`."""
    keys = {_key(name) for name in wanted}
    return np.array([_key(name) in keys for name in names], dtype=np.bool_)


class _Names:
    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._shown: list[str] = []

    def __len__(self) -> int:
        return len(self._shown)

    def number(self, key: str, shown: str) -> int:
        found = self._numbers.setdefault(key, len(self._shown))
        if found == len(self._shown):
            self._shown.append(shown.strip())
        return found

    def _order(self) -> NDArray[np.int64]:
        keys = list(self._numbers)
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    def places(self) -> Places:
        """Return the place of each number in the order of the keys."""
        places = np.empty(len(self), dtype=np.int32)
        places[self._order()] = np.arange(len(self), dtype=np.int32)
        return places

    def shown(self) -> tuple[str, ...]:
        """Return the names in the order of their keys."""
        return tuple(self._shown[place] for place in self._order().tolist())


def _key(name: str) -> str:
    return name.strip().casefold()
