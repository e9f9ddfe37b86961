"""Owned against needed: what owned CALs cover, what is missing, what is left over.

Newer CALs serve older needs (R02, both RDS matrices), never the other metric (R13). The allocation is exact and comes
in this order: the shortfall costs least, then the surplus is worth most. Both can be had at once: which needs can be
served together is a transversal matroid, and so is which owned licences can serve; serving the dearest needs first and
spending the cheapest licences first is best on each side, and by the theorem of Mendelsohn and Dulmage one allocation
does both. How many a set can serve is a maximum flow.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.need.flow import SINK, SOURCE, largest_flow
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.prices import Pick, PriceList, UnitPrice, pick
from marketplace.licensing.need.targets import Target, accepted_products, usable_products

QUANTITY_MAX: Final = 10_000_000


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """So many licences of a kind. `usable`: what to buy for it, oldest first; `accepted`: owned ones that count."""

    kind: Kind
    quantity: int
    usable: tuple[Product, ...]
    accepted: tuple[Product, ...]


class Served(msgspec.Struct, frozen=True):
    """Owned licences put to a need."""

    product: Product
    quantity: int


class NeedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One need, what serves it, what must be bought: `product` and its price (None: no usable product, no price)."""

    kind: Kind
    needed: int
    served: tuple[Served, ...]
    to_buy: int
    product: Product | None
    price: UnitPrice | None

    @property
    def cost_minor(self) -> int | None:
        """Minor units for what must be bought; None when that is not known."""
        if not self.to_buy:
            return 0
        return None if self.price is None else self.price.amount_minor * self.to_buy


class Amount(msgspec.Struct, frozen=True):
    """So many licences of one product and the price of one; `too_old`: they serve none of the needs of their kind."""

    product: Product
    quantity: int
    price: UnitPrice | None
    too_old: bool = False


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """The balance. `cost` and `value` are None when a price in them is not known; `unbuyable` needs have no product."""

    lines: tuple[NeedLine, ...]
    shortfall: tuple[Amount, ...]
    surplus: tuple[Amount, ...]
    cost: Money | None
    value: Money | None
    unbuyable: tuple[Kind, ...]
    statements: tuple[Statement, ...]

    @property
    def licences(self) -> int:
        """How many licences must be bought."""
        return sum(line.to_buy for line in self.lines)


def make_need(kind: Kind, quantity: int, target: Target, *, beside_rds: bool = False) -> Need:
    """Describe a need of `quantity` licences for a checked target; base CALs `beside_rds` must reach the hosts too."""
    return Need(
        kind=kind,
        quantity=quantity,
        usable=usable_products(kind, target, beside_rds=beside_rds),
        accepted=accepted_products(kind, target, beside_rds=beside_rds),
    )


def merged(owned: Sequence[OwnedCal]) -> tuple[OwnedCal, ...]:
    """Return owned licences with one row per product, in the order of the product keys; SA plays no part here.

    Raises:
        Malformed: `need.owned_out_of_range`, pointing at each quantity below 0 or above `QUANTITY_MAX`.
    """
    wrong = [
        FieldProblem(f"/owned/{place}/quantity", f"0 to {QUANTITY_MAX}")
        for place, row in enumerate(owned)
        if not 0 <= row.quantity <= QUANTITY_MAX
    ]
    if wrong:
        raise Malformed(
            "need.owned_out_of_range",
            f"A number of owned licences is from 0 to {QUANTITY_MAX}; correct those named.",
            *wrong,
        )
    totals: dict[Product, int] = {}
    for row in owned:
        totals[row.product] = totals.get(row.product, 0) + row.quantity
    return tuple(OwnedCal(product=product, quantity=totals[product]) for product in sorted(totals))


def find_gap(
    needs: Sequence[Need],
    owned: Sequence[OwnedCal],
    prices: PriceList,
    values: PriceList | None = None,
) -> Gap:
    """Set owned licences against needs; `values` prices the surplus (what a seller would get), else `prices` does.

    Raises:
        Malformed: `need.owned_out_of_range`.
    """
    needs = tuple(need for need in needs if need.quantity)
    values = prices if values is None else values
    stock = merged(owned)
    choices = [pick(need.usable, prices) for need in needs]
    table = _allocate(needs, stock, choices, values)
    lines = tuple(
        _line(need, choice, [Served(*row) for row in zip(_products(stock), amounts, strict=True)])
        for need, choice, amounts in zip(needs, choices, table, strict=True)
    )
    spent = [sum(column) for column in zip(*table, strict=True)] if table else [0] * len(stock)
    surplus = tuple(
        Amount(row.product, row.quantity - used, values.of(row.product), _is_too_old(row, needs))
        for row, used in zip(stock, spent, strict=True)
        if row.quantity > used
    )
    shortfall = _shortfall(lines)
    return Gap(
        lines=lines,
        shortfall=shortfall,
        surplus=surplus,
        cost=_total([line.cost_minor for line in lines], prices.currency),
        value=_total([_worth(row) for row in surplus], values.currency),
        unbuyable=tuple(dict.fromkeys(line.kind for line in lines if line.product is None)),
        statements=_statements(lines, surplus),
    )


def _products(stock: Sequence[OwnedCal]) -> list[Product]:
    return [row.product for row in stock]


def _line(need: Need, choice: Pick | None, served: Sequence[Served]) -> NeedLine:
    used = tuple(row for row in served if row.quantity)
    return NeedLine(
        kind=need.kind,
        needed=need.quantity,
        served=used,
        to_buy=need.quantity - sum(row.quantity for row in used),
        product=choice.product if choice else None,
        price=choice.price if choice else None,
    )


def _shortfall(lines: Sequence[NeedLine]) -> tuple[Amount, ...]:
    amounts: dict[Product, Amount] = {}
    for line in lines:
        if line.product is not None and line.to_buy:
            before = amounts[line.product].quantity if line.product in amounts else 0
            amounts[line.product] = Amount(line.product, before + line.to_buy, line.price)
    return tuple(amounts[product] for product in sorted(amounts))


def _worth(row: Amount) -> int | None:
    return None if row.price is None else row.price.amount_minor * row.quantity


def _total(amounts: Sequence[int | None], currency: str) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    return Money(sum(known), currency) if len(known) == len(amounts) else None


def _is_too_old(row: OwnedCal, needs: Sequence[Need]) -> bool:
    """Tell whether these serve no need although their kind is needed, and newer ones would."""
    order = load_catalogue().cal_order
    rivals = [
        product
        for need in needs
        for product in need.accepted
        if (product.family, product.metric) == (row.product.family, row.product.metric)
    ]
    return bool(rivals) and all(order(row.product) < order(product) for product in rivals)


def _allocate(
    needs: Sequence[Need],
    stock: Sequence[OwnedCal],
    choices: Sequence[Pick | None],
    values: PriceList,
) -> list[list[int]]:
    """Return how many of each owned product serve each need (rows: needs)."""
    allowed = [[row.product in need.accepted for row in stock] for need in needs]
    wanted, available = [need.quantity for need in needs], [row.quantity for row in stock]
    if not any(map(any, allowed)):
        return [[0] * len(stock) for _ in needs]
    dearest = sorted(range(len(needs)), key=lambda place: (_urgency(choices[place]), place))
    cheapest = sorted(range(len(stock)), key=lambda place: _reluctance(stock[place], values))
    served = _greedy(dearest, wanted, lambda some: _flow(allowed, some, available))
    spent = _greedy(cheapest, available, lambda some: _flow(allowed, wanted, some))
    return _flow(allowed, served, spent)


def _urgency(choice: Pick | None) -> tuple[int, int]:
    """Order needs: what cannot be bought or has no price first, then the dearest."""
    if choice is None or choice.price is None:
        return 0, 0
    return 1, -choice.price.amount_minor


def _reluctance(row: OwnedCal, values: PriceList) -> tuple[int, int, Product]:
    """Order owned licences: what has no known value first, then the least valuable, then the oldest."""
    price = values.of(row.product)
    worth = -1 if price is None else price.amount_minor
    return worth, load_catalogue().cal_order(row.product), row.product


def _greedy(
    order: Sequence[int], limits: Sequence[int], flow: Callable[[list[int]], list[list[int]]]
) -> list[int]:
    """Take as much as possible in that order, each part never costing an earlier one anything."""
    taken, before = [0] * len(limits), 0
    some = [0] * len(limits)
    for place in order:
        some[place] = limits[place]
        reached = sum(map(sum, flow(some)))
        taken[place], before = reached - before, reached
    return taken


def _flow(
    allowed: Sequence[Sequence[bool]], wanted: Sequence[int], available: Sequence[int]
) -> list[list[int]]:
    """Serve as many as possible; return the amounts."""
    rows, columns = len(wanted), len(available)
    pairs = [(i, j) for i in range(rows) for j in range(columns) if allowed[i][j]]
    arcs = [
        *((SOURCE, 2 + j, available[j]) for j in range(columns)),
        *((2 + columns + i, SINK, wanted[i]) for i in range(rows)),
        *((2 + j, 2 + columns + i, min(available[j], wanted[i])) for i, j in pairs),
    ]
    tail, head, capacity = (np.array(column, dtype=np.int64) for column in zip(*arcs, strict=True))
    flow = largest_flow(tail.astype(np.int32), head.astype(np.int32), capacity)
    amounts = flow.per_arc[rows + columns :].tolist()
    table = [[0] * columns for _ in range(rows)]
    for (i, j), amount in zip(pairs, amounts, strict=True):
        table[i][j] = amount
    return table


def _statements(lines: Sequence[NeedLine], surplus: Sequence[Amount]) -> tuple[Statement, ...]:
    name = load_catalogue().product_name
    found = [
        state(
            "R02",
            "need.newer_serves",
            {"quantity": row.quantity, "owned": name(row.product), "wanted": name(line.product)},
        )
        for line in lines
        for row in line.served
        if line.product is not None and row.product != line.product
    ]
    found += [
        state("R02", "need.too_old", {"quantity": row.quantity, "owned": name(row.product)})
        for row in surplus
        if row.too_old
    ]
    if any(line.served for line in lines):
        found.append(state("R12", "need.reassign"))
    short = {(line.kind.family, line.kind.metric): line for line in lines if line.to_buy}
    for row in surplus:
        other = [
            line
            for (family, metric), line in short.items()
            if family == row.product.family and metric is not row.product.metric
        ]
        if other:
            found.append(
                state(
                    "R13",
                    "need.metric_fixed",
                    {"quantity": row.quantity, "owned": name(row.product)},
                )
            )
    return tuple(found)
