"""Better covers for licences owned in number: put spare ones to use where they let the most bought ones go.

A minimum cut takes users or devices in whole clusters, so it may leave owned licences of one kind unused while it buys
the other kind. Two moves, each kept only when it lowers the cost: give spare licences to the users of devices that
then need none (and the other way round), fewest per device first; and change the mode of a session host.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec
import numpy as np

from marketplace.licensing.need.accesses import Marks, Places
from marketplace.licensing.need.holding import Holding, needed_only
from marketplace.licensing.need.kinds import PerKind
from marketplace.licensing.need.network import Holders, Links
from marketplace.licensing.need.proof import Task

FLIPS_MAX: Final = 200
"""Session hosts whose other mode is tried."""
LINKS_LOOKED_AT_MAX: Final = 10_000_000
"""Hosts tried times links: large networks try fewer hosts."""


class _Side(msgspec.Struct, frozen=True):
    """Neighbours of each member of one side, as lists: `neighbours[first[i]:first[i + 1]]`."""

    first: list[int]
    neighbours: list[int]

    def of(self, member: int) -> list[int]:
        return self.neighbours[self.first[member] : self.first[member + 1]]


class Repair:
    """Improves holdings of one task; the lists of neighbours are made once.

    `cost` is what is to become less: minor units for what must be bought, unless the caller knows better.
    """

    def __init__(
        self, task: Task, links: Links, cost: Callable[[Holding], int] | None = None
    ) -> None:
        self._task, self._links = task, links
        self._cost = cost or self._bought_cost
        self._by_user = _side(links.user, links.device, task.accesses.users)
        self._by_device = _side(links.device, links.user, task.accesses.devices)

    def improve(self, holding: Holding) -> Holding:
        """Return a holding that costs no more."""
        return self._release(self._flip(self._release(holding)))

    def _bought_cost(self, holding: Holding) -> int:
        return self._to_buy(holding).times(self._task.prices)

    def _wanted(self, holding: Holding) -> PerKind:
        return holding.holders.without(self._task.held).counts

    def _to_buy(self, holding: Holding) -> PerKind:
        return self._wanted(holding).beyond(self._task.owned)

    def _release(self, holding: Holding) -> Holding:
        spare = self._task.owned.beyond(self._wanted(holding))
        bought = self._to_buy(holding)
        held, mine = self._task.held, holding.holders
        user, device = mine.user.copy(), mine.device.copy()
        if spare.user and bought.device:
            _let_go(
                (self._by_device, self._by_user),
                (device, user),
                mine.rds_device | held.device,
                (bought.device, spare.user),
            )
        elif spare.device and bought.user:
            _let_go(
                (self._by_user, self._by_device),
                (user, device),
                mine.rds_user | held.user,
                (bought.user, spare.device),
            )
        better = _complete(self._links, holding.per_device, user, device)
        return better if self._cost(better) < self._cost(holding) else holding

    def _flip(self, holding: Holding) -> Holding:
        """Try the other mode of each session host, one after the other."""
        links, best, cost = self._links, holding, self._cost(holding)
        tries = LINKS_LOOKED_AT_MAX // (1 + len(links.user) + len(links.host_user))
        for host in range(min(len(holding.per_device), FLIPS_MAX, tries)):
            modes = best.per_device.copy()
            modes[host] = ~modes[host]
            other = _complete(links, modes, best.holders.user, best.holders.device)
            if self._cost(other) < cost:
                best, cost = other, self._cost(other)
        return best


def _side(member: Places, neighbour: Places, size: int) -> _Side:
    order = np.argsort(member, kind="stable")
    first = np.searchsorted(member[order], np.arange(size + 1))
    return _Side(first.tolist(), neighbour[order].tolist())


def _let_go(
    sides: tuple[_Side, _Side], marks: tuple[Marks, Marks], kept: Marks, numbers: tuple[int, int]
) -> None:
    """Unmark up to `numbers[0]` of the first side, marking at most `numbers[1]` more of the second in their place.

    `kept` are not unmarked. Those that need the fewest come first, the lower number among equals.
    """
    (side, other), (leaving, joining), (most, spare) = sides, marks, numbers
    missing = [
        sum(not joining[place] for place in side.of(member)) if leaving[member] else 0
        for member in range(len(leaving))
    ]
    queue = [(missing[member], member) for member in np.flatnonzero(leaving & ~kept).tolist()]
    heapify(queue)
    while queue and most > 0 and queue[0][0] <= spare:
        count, member = heappop(queue)
        if count != missing[member] or not leaving[member]:
            continue
        leaving[member], most, spare = False, most - 1, spare - count
        for place in side.of(member):
            if joining[place]:
                continue
            joining[place] = True
            for rival in other.of(place):
                missing[rival] -= 1
                if leaving[rival] and not kept[rival]:
                    heappush(queue, (missing[rival], rival))


def _complete(links: Links, per_device: Marks, user: Marks, device: Marks) -> Holding:
    """Return the holding with these host modes that has these users, these devices, and what is missing beside them."""
    rds_user, rds_device = np.zeros_like(user), np.zeros_like(device)
    rds_user[links.host_user[~per_device[links.user_host]]] = True
    rds_device[links.host_device[per_device[links.device_host]]] = True
    user = user | rds_user
    device = device | rds_device
    device[links.device[~user[links.user] & ~device[links.device]]] = True
    holders = Holders(user=user, device=device, rds_user=rds_user, rds_device=rds_device)
    return needed_only(Holding(holders=holders, per_device=per_device), links)
