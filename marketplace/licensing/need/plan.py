"""From real accesses to options: products, prices, quantities, cost, advice, and the proof behind the cheapest.

Two base CALs may be wanted: one for the servers and, for whom an RDS CAL licenses, one that reaches the session hosts
too (R11). It never costs less, so what it costs more is added to the price of the RDS CAL and one cut decides both.
Where base CALs are owned already that would charge too much: then nothing is added, so the bound stays true, and
the answers are improved by their real cost.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.money import Money
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.need.accesses import Accesses
from marketplace.licensing.need.cover import Solved, make_task, solve
from marketplace.licensing.need.gap import Gap, Need, find_gap, make_need, merged
from marketplace.licensing.need.holding import Holding
from marketplace.licensing.need.kinds import NONE, Kind, PerKind
from marketplace.licensing.need.network import Holders, links_of
from marketplace.licensing.need.options import Advice, Option, OptionKind, advise, note
from marketplace.licensing.need.prices import PriceList, checked_prices, pick
from marketplace.licensing.need.proof import Task, least_minor
from marketplace.licensing.need.repair import Repair
from marketplace.licensing.need.targets import (
    Target,
    accepted_products,
    checked_target,
    usable_products,
)


class Plan(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The answer for real accesses.

    `options` in the order of `OptionKind`; mixed only where it costs less than one kind. `holdings` says who gets
    what for each of them. `task` and `solved` are what `check_proof` takes. `could_save_at_most` is what a better
    mixture than the best option could save (0: proven least); None while a price is missing: then `solved` holds the
    fewest licences instead of the least cost.
    """

    options: tuple[Option, ...]
    holdings: dict[OptionKind, Holding]
    advice: Advice
    could_save_at_most: Money | None
    task: Task
    solved: Solved


class Owned(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is there already: `stock` in number, and CALs held by name, which are not part of the stock.

    A base CAL held by name must reach everything its holder reaches.
    """

    stock: Sequence[OwnedCal] = ()
    held: Holders | None = None


NOTHING: Final = Owned()
_BASE: Final = (Kind.USER, Kind.DEVICE)


def plan_accesses(
    accesses: Accesses, target: Target, prices: PriceList, owned: Owned = NOTHING
) -> Plan:
    """Answer what the accesses need at the least cost. Takes up to some seconds at the limits of `accesses`.

    Raises:
        Malformed: `need.session_hosts_missing` when accesses go through hosts and the target names no host version;
            what `checked_target`, `checked_prices`, `merged` and `make_task` raise.
    """
    target, prices = checked_target(target), checked_prices(prices)
    if accesses.hosts and not target.session_hosts:
        raise Malformed(
            "need.session_hosts_missing",
            "Accesses go through session hosts: say which Windows Server versions these run.",
            FieldProblem("/session_hosts", "empty"),
        )
    stock = merged(owned.stock)
    in_stock = PerKind.of(lambda kind: _in_stock(kind, stock, target))
    weights = _weights(accesses, target, prices)
    surcharge = _surcharge(accesses, target, prices) if weights else NONE
    is_added = not any(_base_owned(in_stock, owned.held))
    if weights and is_added:
        weights = weights.plus(surcharge)
    task = make_task(accesses, weights or PerKind(1, 1, 1, 1), held=owned.held, owned=in_stock)
    solved = solve(task)

    def balance(holding: Holding) -> Gap:
        return find_gap(_needs(holding, task.held, target), stock, prices)

    holdings = {
        OptionKind.ALL_USER: solved.by_users.holding,
        OptionKind.ALL_DEVICE: solved.by_devices.holding,
        OptionKind.MIXED: solved.answer.holding,
    }
    owns_nothing = in_stock == NONE and owned.held is None
    if weights and surcharge != NONE and not owns_nothing:
        holdings[OptionKind.MIXED] = _improved(task, tuple(holdings.values()), balance)
    options = [Option(kind=kind, gap=balance(row)) for kind, row in holdings.items()]
    if not _is_less(options[2].gap, options[:2]):
        options.pop()
    advice = advise(options, target)
    if weights is None:
        fewest = note("fewest_licences", {})
        advice = msgspec.structs.replace(advice, statements=(*advice.statements, fewest))
    return Plan(
        options=tuple(options),
        holdings={option.kind: holdings[option.kind] for option in options},
        advice=advice,
        could_save_at_most=_could_save(options, solved, task, prices.currency) if weights else None,
        task=task,
        solved=solved,
    )


def _weights(accesses: Accesses, target: Target, prices: PriceList) -> PerKind | None:
    """Return minor units per licence; None when one that matters is not known."""
    kinds = tuple(Kind) if accesses.hosts else _BASE
    found = {kind: _price(kind, target, prices) for kind in kinds}
    if accesses.hosts:
        beside = [_price(kind, target, prices, beside_rds=True) for kind in _BASE]
        if None in beside:
            return None
    return None if None in found.values() else PerKind.of(lambda kind: found.get(kind) or 0)


def _surcharge(accesses: Accesses, target: Target, prices: PriceList) -> PerKind:
    """Return what the base CAL beneath an RDS CAL costs more, when all prices are known."""
    if not accesses.hosts:
        return NONE
    more = [
        (_price(kind, target, prices, beside_rds=True) or 0) - (_price(kind, target, prices) or 0)
        for kind in _BASE
    ]
    return PerKind(rds_user=more[0], rds_device=more[1])


def _base_owned(in_stock: PerKind, held: Holders | None) -> tuple[bool, bool]:
    """Tell whether base CALs by user or by device are owned already, in number or by name."""
    return (
        in_stock.user > 0 or (held is not None and bool(held.user.any())),
        in_stock.device > 0 or (held is not None and bool(held.device.any())),
    )


def _price(
    kind: Kind, target: Target, prices: PriceList, *, beside_rds: bool = False
) -> int | None:
    choice = pick(usable_products(kind, target, beside_rds=beside_rds), prices)
    return None if choice is None or choice.price is None else choice.price.amount_minor


def _in_stock(kind: Kind, stock: Sequence[OwnedCal], target: Target) -> int:
    accepted = accepted_products(kind, target)
    return sum(row.quantity for row in stock if row.product in accepted)


def _improved(task: Task, seeds: Sequence[Holding], balance: Callable[[Holding], Gap]) -> Holding:
    """Return the best that is found from the seeds by real cost: an owned base CAL counts where it really serves."""

    def cost(holding: Holding) -> int:
        known = balance(holding).cost
        return 0 if known is None else known.amount_minor

    repair = Repair(task, links_of(task.accesses), cost)
    return min((repair.improve(seed) for seed in seeds), key=cost)


def _needs(holding: Holding, held: Holders, target: Target) -> list[Need]:
    """Count who must get a CAL; base CALs beneath an RDS CAL must reach the hosts too (R11)."""
    wanted, all_holders = holding.holders.without(held), holding.holders
    rows = (
        (Kind.USER, wanted.user & ~all_holders.rds_user, False),
        (Kind.USER, wanted.user & all_holders.rds_user, True),
        (Kind.DEVICE, wanted.device & ~all_holders.rds_device, False),
        (Kind.DEVICE, wanted.device & all_holders.rds_device, True),
        (Kind.RDS_USER, wanted.rds_user, True),
        (Kind.RDS_DEVICE, wanted.rds_device, True),
    )
    return [
        make_need(kind, int(np.count_nonzero(marks)), target, beside_rds=beside)
        for kind, marks, beside in rows
    ]


def _is_less(gap: Gap, singles: Sequence[Option]) -> bool:
    """Tell whether the mixture is better than both answers of one kind: by cost, without prices by licences."""
    costs = [single.gap.cost for single in singles]
    if gap.cost is None or any(cost is None for cost in costs):
        return all(gap.licences < single.gap.licences for single in singles)
    return all(gap.cost.amount_minor < cost.amount_minor for cost in costs if cost is not None)


def _could_save(
    options: Sequence[Option], solved: Solved, task: Task, currency: str
) -> Money | None:
    costs = [option.cost.amount_minor for option in options if option.cost is not None]
    return Money(max(0, min(costs) - least_minor(task, solved.answer.proof)), currency)
