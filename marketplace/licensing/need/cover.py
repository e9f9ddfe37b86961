"""The cheapest set of CALs that licenses every access: a minimum cut, found by maximum flow, with its proof.

Exact when the CALs already owned are known by name or there are none. Licences owned only as a number ("we have 300
user CALs") may be given to anybody: choosing to whom is a constrained vertex cover, for which no fast exact method is
known, so `multipliers` gives a good answer and the most that a better one could save; 0 means proven.
"""

from typing import Final

import msgspec
import numpy as np

from marketplace.kernel.errors import Malformed
from marketplace.licensing.need.accesses import Accesses, Marks
from marketplace.licensing.need.flow import largest_flow
from marketplace.licensing.need.holding import Holding, by_devices, by_users, needed_only
from marketplace.licensing.need.kinds import NONE, PerKind
from marketplace.licensing.need.multipliers import (
    EVALUATIONS_MAX,
    SCALE,
    Evaluation,
    Stop,
    search,
)
from marketplace.licensing.need.network import (
    FIRST,
    Holders,
    Links,
    layout_of,
    links_of,
    network_of,
    nobody,
)
from marketplace.licensing.need.prices import PRICE_MINOR_MAX
from marketplace.licensing.need.proof import Answer, Proof, Task, least_minor, pack_flow
from marketplace.licensing.need.repair import Repair

SEEDS_MAX: Final = 4
"""Covers met that are improved beside both answers of one kind, when the cheapest is not proven least."""
ARCS_EVALUATED_MAX: Final = 6_000_000
"""Arcs times cuts in the search for multipliers: it ends earlier on large networks, with a wider bound."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What buying only one kind would take."""

    holding: Holding
    needed: PerKind
    to_buy: PerKind
    cost_minor: int


class Solved(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The least answer beside both answers of one kind."""

    answer: Answer
    by_users: Comparison
    by_devices: Comparison


def make_task(
    accesses: Accesses, prices: PerKind, *, held: Holders | None = None, owned: PerKind = NONE
) -> Task:
    """Put together what is asked: minor units per licence, CALs held by name, licences owned in number without names.

    Raises:
        Malformed: `need.price_out_of_range`, `need.owned_out_of_range`, `need.holders_out_of_range`.
    """
    if not all(0 <= price <= PRICE_MINOR_MAX for price in prices.all):
        raise Malformed(
            "need.price_out_of_range",
            f"A price is from 0 to {PRICE_MINOR_MAX} minor units per licence.",
        )
    if min(owned.all) < 0:
        raise Malformed("need.owned_out_of_range", "A number of owned licences is 0 or more.")
    held = held or nobody(accesses)
    sizes = (accesses.users, accesses.devices) * 2
    if any(len(marks) != size for marks, size in zip(held.all, sizes, strict=True)):
        raise Malformed(
            "need.holders_out_of_range", "Holders need one mark per user and per device."
        )
    most = PerKind(*sizes)
    return Task(
        accesses=accesses,
        prices=prices,
        held=held,
        owned=PerKind(*map(min, owned.all, most.all)),
    )


def solve(task: Task) -> Solved:
    """Find the least cost. Equal cost: one kind before two, users before devices, so the answer is always the same."""
    links = links_of(task.accesses)
    hosts = task.accesses.hosts
    users = _compare(task, by_users(links, task.held, hosts))
    devices = _compare(task, by_devices(links, task.held, hosts))
    one_kind = users if users.cost_minor <= devices.cost_minor else devices

    def evaluate(weights: PerKind) -> Evaluation:
        return _cut(task, links, weights)

    cuts = max(2, min(EVALUATIONS_MAX, ARCS_EVALUATED_MAX // (1 + _arcs(task.accesses, links))))
    best, met = search(evaluate, task.prices, task.owned, Stop(cuts, one_kind.cost_minor))
    proof = Proof(scale=SCALE, weights=best.weights, value=best.value, flow=pack_flow(best.flow))
    least = least_minor(task, proof)
    found = [one_kind, _compare(task, met[0])]
    if min(map(_cost, found)) > least:
        repair = Repair(task, links)
        seeds = (users.holding, devices.holding, *met[:SEEDS_MAX])
        found += [_compare(task, repair.improve(seed)) for seed in seeds]
    chosen = min(found, key=_cost)
    return Solved(
        answer=Answer(
            holding=chosen.holding,
            needed=chosen.needed,
            to_buy=chosen.to_buy,
            cost_minor=chosen.cost_minor,
            could_save_at_most_minor=chosen.cost_minor - least,
            proof=proof,
        ),
        by_users=users,
        by_devices=devices,
    )


def _arcs(accesses: Accesses, links: Links) -> int:
    rds = len(links.host_user) + len(links.host_device) if accesses.hosts else 0
    return accesses.users + accesses.devices + len(links.user) + rds


def _cost(found: Comparison) -> int:
    return found.cost_minor


def _compare(task: Task, holding: Holding) -> Comparison:
    to_buy = holding.holders.without(task.held).counts.beyond(task.owned)
    return Comparison(
        holding=holding,
        needed=holding.holders.counts,
        to_buy=to_buy,
        cost_minor=to_buy.times(task.prices),
    )


def _cut(task: Task, links: Links, weights: PerKind) -> Evaluation:
    network = network_of(task.accesses, links, weights, task.held)
    limited = network.capacity >= 0
    unlimited = int(network.capacity[limited].sum()) + 1
    capacity = np.where(limited, network.capacity, unlimited)
    flow = largest_flow(network.tail, network.head, capacity)
    joined = np.zeros(network.nodes, np.bool_)
    joined[flow.joined] = True
    holding = needed_only(_holding(task.accesses, joined), links)
    return Evaluation(
        weights=weights,
        value=flow.value,
        flow=flow.per_arc,
        holding=holding,
        counts=holding.holders.without(task.held).counts,
    )


def _holding(accesses: Accesses, joined: Marks) -> Holding:
    at = layout_of(accesses)
    user = ~joined[FIRST : at.device]
    device = joined[at.device : at.device + accesses.devices]
    if not accesses.hosts:
        none = nobody(accesses)
        holders = Holders(
            user=user, device=device, rds_user=none.rds_user, rds_device=none.rds_device
        )
        return Holding(holders=holders, per_device=np.zeros(0, np.bool_))
    return Holding(
        holders=Holders(
            user=user,
            device=device,
            rds_user=~joined[at.rds_user : at.host],
            rds_device=joined[at.rds_device : at.nodes],
        ),
        per_device=joined[at.host : at.rds_device],
    )
