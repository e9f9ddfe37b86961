"""Small random accesses, and the least cost found by trying everything."""

import random

import numpy as np

from marketplace.licensing.need.accesses import NO_HOST, Accesses, Size, make_accesses
from marketplace.licensing.need.cover import make_task
from marketplace.licensing.need.kinds import PerKind
from marketplace.licensing.need.network import Holders
from marketplace.licensing.need.proof import Task

Rows = list[tuple[int, int, int]]


def accesses_of(rows: Rows, size: Size) -> Accesses:
    columns = np.array(rows, dtype=np.int32).reshape(-1, 3)
    return make_accesses(size, columns[:, 0], columns[:, 1], columns[:, 2])


def random_task(chance: random.Random, *, hosts: bool, held: bool, owned: bool) -> Task:
    """Return up to 5 users, 5 devices, 3 hosts; prices often equal, sometimes 0."""
    size = Size(chance.randint(1, 5), chance.randint(1, 5), chance.randint(1, 3) if hosts else 0)
    rows = [
        (
            chance.randrange(size.users),
            chance.randrange(size.devices),
            chance.randrange(NO_HOST, size.hosts),
        )
        for _ in range(chance.randint(0, 12))
    ]

    def marks(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([held and chance.random() < 0.3 for _ in range(count)], dtype=np.bool_)

    return make_task(
        accesses_of(rows, size),
        PerKind(*(chance.choice((0, 1, 2, 3, 3, 7)) for _ in range(4))),
        held=Holders(
            user=marks(size.users),
            device=marks(size.devices),
            rds_user=marks(size.users),
            rds_device=marks(size.devices),
        ),
        owned=PerKind(*(chance.randint(0, 3) if owned else 0 for _ in range(4))),
    )


def least_cost(task: Task) -> int:
    """Try every mode of every host with every set of users; what devices need then follows."""
    accesses = task.accesses
    rows = list(
        zip(accesses.user.tolist(), accesses.device.tolist(), accesses.host.tolist(), strict=True)
    )
    held = [_mask(np.flatnonzero(marks).tolist()) for marks in task.held.all]
    best = None
    for modes in range(1 << accesses.hosts):
        rds_users = _mask([u for u, _, h in rows if h != NO_HOST and not modes >> h & 1])
        rds_devices = _mask([d for _, d, h in rows if h != NO_HOST and modes >> h & 1])
        for chosen in range(1 << accesses.users):
            users = chosen | rds_users
            devices = rds_devices | _mask(
                [d for u, d, h in rows if h == NO_HOST and not users >> u & 1]
            )
            sets = (users, devices, rds_users, rds_devices)
            cost = sum(
                price * max(0, (mask & ~have).bit_count() - owned)
                for mask, have, price, owned in zip(
                    sets, held, task.prices.all, task.owned.all, strict=True
                )
            )
            best = cost if best is None else min(best, cost)
    assert best is not None
    return best


def _mask(places: list[int]) -> int:
    mask = 0
    for place in places:
        mask |= 1 << place
    return mask
