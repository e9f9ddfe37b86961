"""Real accesses as integer arrays: who reached the servers, at which device, through which session host.

An access needs both a user and a device; a row that lacks one cannot be licensed by either side and is counted, not
used (`index`). Doubles count once: a CAL licenses an access however often it happens (R05).
"""

from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.kernel.errors import Malformed, TooLarge

USERS_MAX: Final = 100_000
DEVICES_MAX: Final = 100_000
HOSTS_MAX: Final = 10_000
PAIRS_MAX: Final = 1_000_000
NO_HOST: Final = -1

Places: TypeAlias = NDArray[np.int32]
Marks: TypeAlias = NDArray[np.bool_]


class Accesses(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Access i is by user `user[i]` at device `device[i]`, through session host `host[i]` (`NO_HOST`: none).

    Numbers count from 0 up to `users`, `devices`, `hosts`. Rows are sorted and each stands once: make it with
    `make_accesses`.
    """

    users: int
    devices: int
    hosts: int
    user: Places
    device: Places
    host: Places

    @property
    def count(self) -> int:
        """How many different accesses there are."""
        return len(self.user)

    @property
    def through_host(self) -> Marks:
        """Which accesses go through a session host and so need an RDS CAL as well (R11)."""
        return np.not_equal(self.host, NO_HOST)


class Size(msgspec.Struct, frozen=True):
    """How many users, devices and session hosts the numbers of the accesses may name."""

    users: int
    devices: int
    hosts: int = 0


def make_accesses(size: Size, user: Places, device: Places, host: Places | None = None) -> Accesses:
    """Sort the accesses and remove doubles. Order of the rows never matters.

    Raises:
        TooLarge: `need.too_many_accesses` above `USERS_MAX`, `DEVICES_MAX`, `HOSTS_MAX` or `PAIRS_MAX` (after
            doubles are removed).
        Malformed: `need.access_out_of_range` when a number names no user, device or host, or the columns differ in
            length.
    """
    check_size(size)
    hosts = np.full(len(user), NO_HOST, np.int32) if host is None else host
    in_range = len(user) == len(device) == len(hosts) and all(
        column.size == 0 or (int(column.min()) >= low and int(column.max()) < high)
        for column, low, high in (
            (user, 0, size.users),
            (device, 0, size.devices),
            (hosts, NO_HOST, size.hosts),
        )
    )
    if not in_range:
        raise Malformed(
            "need.access_out_of_range",
            "Every access must name a user, a device and a host (or none) that exist.",
        )
    width = size.hosts + 1
    keys = user.astype(np.int64) * size.devices + device
    keys = np.unique(keys * width + (hosts.astype(np.int64) + 1))
    if len(keys) > PAIRS_MAX:
        raise _too_many("different accesses", len(keys), PAIRS_MAX)
    pairs, host_places = np.divmod(keys, width)
    user_places, device_places = np.divmod(pairs, max(1, size.devices))
    return Accesses(
        users=size.users,
        devices=size.devices,
        hosts=size.hosts,
        user=user_places.astype(np.int32),
        device=device_places.astype(np.int32),
        host=(host_places - 1).astype(np.int32),
    )


def check_size(size: Size) -> None:
    """Refuse more than can be answered.

    Raises:
        TooLarge: `need.too_many_accesses`.
    """
    for what, count, most in (
        ("users", size.users, USERS_MAX),
        ("devices", size.devices, DEVICES_MAX),
        ("session hosts", size.hosts, HOSTS_MAX),
    ):
        if count > most:
            raise _too_many(what, count, most)


def _too_many(what: str, count: int, most: int) -> TooLarge:
    return TooLarge(
        "need.too_many_accesses",
        f"{count:,} {what} are too many for one answer; at most {most:,} are possible. "
        "Ask for one site or department at a time.",
    )
