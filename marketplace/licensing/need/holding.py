"""Who holds which CAL, and in which mode each session host runs; whether that licenses every access."""

from collections.abc import Iterator

import msgspec
import numpy as np

from marketplace.licensing.need.accesses import Accesses, Marks, Places
from marketplace.licensing.need.network import Holders, Links


class Holding(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A way to license accesses. `per_device` marks session hosts in device mode, the others run per user (RD06)."""

    holders: Holders
    per_device: Marks


def faults(holding: Holding, accesses: Accesses) -> Iterator[str]:
    """Name what is not licensed, straight from the accesses: R06, R11, RD06. Nothing comes when all is well."""
    held, through = holding.holders, accesses.through_host
    user, device = accesses.user, accesses.device
    if not np.all(held.user[user] | held.device[device]):
        yield "access_not_licensed"
    device_mode = np.zeros(accesses.count, np.bool_)
    device_mode[through] = holding.per_device[accesses.host[through]]
    user_mode = through & ~device_mode
    if not (
        np.all(held.rds_user[user[user_mode]]) and np.all(held.rds_device[device[device_mode]])
    ):
        yield "host_not_licensed"
    if np.any(held.rds_user & ~held.user) or np.any(held.rds_device & ~held.device):
        yield "base_missing"


def needed_only(holding: Holding, links: Links) -> Holding:
    """Take away what licenses nothing: such a CAL is held or free, and stays a spare one."""
    held, per_device = holding.holders, holding.per_device
    rds_user = _marked(held.rds_user, links.host_user[~per_device[links.user_host]])
    rds_device = _marked(held.rds_device, links.host_device[per_device[links.device_host]])
    user = rds_user | _marked(held.user, links.user[~held.device[links.device]])
    device = rds_device | _marked(held.device, links.device[~user[links.user]])
    holders = Holders(user=user, device=device, rds_user=rds_user, rds_device=rds_device)
    return Holding(holders=holders, per_device=per_device)


def by_users(links: Links, held: Holders, hosts: int) -> Holding:
    """License everything by users; what devices hold already still counts.

    A host runs per device only when all its devices hold both CALs.
    """
    per_device = _all_hold(
        held.rds_device & held.device, links.host_device, links.device_host, hosts
    )
    rds_user = _marked(held.rds_user, links.host_user[~per_device[links.user_host]])
    user = rds_user | _marked(held.user, links.user[~held.device[links.device]])
    holders = Holders(
        user=user, device=held.device, rds_user=rds_user, rds_device=held.rds_device & held.device
    )
    return needed_only(Holding(holders=holders, per_device=per_device), links)


def by_devices(links: Links, held: Holders, hosts: int) -> Holding:
    """License everything by devices; what users hold already still counts."""
    per_device = ~_all_hold(held.rds_user & held.user, links.host_user, links.user_host, hosts)
    rds_device = _marked(held.rds_device, links.host_device[per_device[links.device_host]])
    device = rds_device | _marked(held.device, links.device[~held.user[links.user]])
    holders = Holders(
        user=held.user, device=device, rds_user=held.rds_user & held.user, rds_device=rds_device
    )
    return needed_only(Holding(holders=holders, per_device=per_device), links)


def _marked(like: Marks, places: Places) -> Marks:
    marks = np.zeros_like(like)
    marks[places] = True
    return marks


def _all_hold(holds: Marks, who: Places, host: Places, hosts: int) -> Marks:
    """Mark the hosts all of whose users (or devices) hold."""
    marks = np.ones(hosts, np.bool_)
    marks[host[~holds[who]]] = False
    return marks
