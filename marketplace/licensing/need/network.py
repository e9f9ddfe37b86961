"""The accesses as a network: its minimum cut is the cheapest way to license them all.

Every access must be licensed by its user or by its device (R06). With source s and sink t, and "cut off from s" read
as "the user holds a CAL", "still joined to s" as "the device holds one":

- s > user at the price of a user CAL, device > t at the price of a device CAL, user > device without limit: a cut
  that leaves the last kind whole pays for the user or the device of every access.
- RDS: a session host runs in one mode (RD06). s > RDS user at its price, RDS user > host > RDS device without
  limit, RDS device > t at its price: a host that is cut off from s runs per user and all its users hold an RDS user
  CAL; one that is joined to s runs per device.
- R11, the base CAL for the same user or device: user > RDS user and RDS device > device without limit. So base and
  RDS are one cut, with one proof. An access through a host needs no arc of its own: the mode of the host licenses
  one of its sides for RDS, and R11 then licenses the same side for the base.

A CAL that is already held costs 0.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.licensing.need.accesses import Accesses, Marks, Places
from marketplace.licensing.need.flow import SINK, SOURCE
from marketplace.licensing.need.kinds import PerKind

FIRST: Final = 2

Amounts = NDArray[np.int64]


class Links(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The accesses reduced to what must be covered, each link once.

    `user`/`device`: accesses without a host. `host_user`/`user_host` and `host_device`/`device_host`: who and what
    reaches which host. `rds_users` and `rds_devices`: those that reach any host.
    """

    user: Places
    device: Places
    host_user: Places
    user_host: Places
    host_device: Places
    device_host: Places
    rds_users: Places
    rds_devices: Places


class Holders(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who holds a CAL of each kind, one mark per user or device."""

    user: Marks
    device: Marks
    rds_user: Marks
    rds_device: Marks

    @property
    def all(self) -> tuple[Marks, Marks, Marks, Marks]:
        """The marks in the order of `Kind`."""
        return self.user, self.device, self.rds_user, self.rds_device

    @property
    def counts(self) -> PerKind:
        """How many hold one."""
        return PerKind(*(int(np.count_nonzero(marks)) for marks in self.all))

    def without(self, other: "Holders") -> "Holders":
        """Return those who hold one here and not there."""
        pairs = zip(self.all, other.all, strict=True)
        return Holders(
            **dict(zip(_FIELDS, (mine & ~theirs for mine, theirs in pairs), strict=True))
        )


_FIELDS: Final = ("user", "device", "rds_user", "rds_device")


class Network(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Arcs in a fixed order, so that a stored flow can be read again.

    `capacity` is -1 on arcs without limit.
    """

    nodes: int
    tail: Places
    head: Places
    capacity: Amounts


def nobody(accesses: Accesses) -> Holders:
    """Return that no user and no device holds anything."""
    users, devices = np.zeros(accesses.users, np.bool_), np.zeros(accesses.devices, np.bool_)
    return Holders(user=users, device=devices, rds_user=users, rds_device=devices)


def links_of(accesses: Accesses) -> Links:
    """Reduce the accesses to links."""
    through = accesses.through_host
    host = accesses.host[through].astype(np.int64)
    by_user = np.unique(host * max(1, accesses.users) + accesses.user[through])
    by_device = np.unique(host * max(1, accesses.devices) + accesses.device[through])
    user_host, host_user = np.divmod(by_user, max(1, accesses.users))
    device_host, host_device = np.divmod(by_device, max(1, accesses.devices))
    return Links(
        user=accesses.user[~through],
        device=accesses.device[~through],
        host_user=host_user.astype(np.int32),
        user_host=user_host.astype(np.int32),
        host_device=host_device.astype(np.int32),
        device_host=device_host.astype(np.int32),
        rds_users=np.unique(host_user).astype(np.int32),
        rds_devices=np.unique(host_device).astype(np.int32),
    )


class Layout(msgspec.Struct, frozen=True):
    """Where each kind of node begins."""

    device: int
    rds_user: int
    host: int
    rds_device: int
    nodes: int


def layout_of(accesses: Accesses) -> Layout:
    """Lay the nodes out: source, sink, users, devices, and with session hosts RDS users, hosts, RDS devices."""
    device = FIRST + accesses.users
    rds_user = device + accesses.devices
    if not accesses.hosts:
        return Layout(device, rds_user, rds_user, rds_user, rds_user)
    host = rds_user + accesses.users
    rds_device = host + accesses.hosts
    return Layout(device, rds_user, host, rds_device, rds_device + accesses.devices)


def network_of(accesses: Accesses, links: Links, prices: PerKind, held: Holders) -> Network:
    """Build the network for prices per licence (any unit) and CALs already held by name."""
    at = layout_of(accesses)
    users, devices = _range(accesses.users), _range(accesses.devices)
    groups = [
        (np.full_like(users, SOURCE), users + FIRST, _costs(users, prices.user, held.user)),
        (links.user + FIRST, links.device + at.device, None),
        (
            devices + at.device,
            np.full_like(devices, SINK),
            _costs(devices, prices.device, held.device),
        ),
    ]
    if accesses.hosts:
        rds_users, rds_devices = links.rds_users, links.rds_devices
        paid_users = _costs(rds_users, prices.rds_user, held.rds_user)
        paid_devices = _costs(rds_devices, prices.rds_device, held.rds_device)
        groups += [
            (np.full_like(rds_users, SOURCE), rds_users + at.rds_user, paid_users),
            (links.host_user + at.rds_user, links.user_host + at.host, None),
            (links.device_host + at.host, links.host_device + at.rds_device, None),
            (rds_devices + at.rds_device, np.full_like(rds_devices, SINK), paid_devices),
            (rds_users + FIRST, rds_users + at.rds_user, None),
            (rds_devices + at.rds_device, rds_devices + at.device, None),
        ]
    return Network(
        nodes=at.nodes,
        tail=np.concatenate([tail for tail, _, _ in groups]).astype(np.int32),
        head=np.concatenate([head for _, head, _ in groups]).astype(np.int32),
        capacity=np.concatenate(
            [
                np.full(len(tail), -1, np.int64) if costs is None else costs
                for tail, _, costs in groups
            ]
        ),
    )


def _range(count: int) -> Places:
    return np.arange(count, dtype=np.int32)


def _costs(who: Places, price: int, held: Marks) -> Amounts:
    return np.where(held[who], 0, price).astype(np.int64)
