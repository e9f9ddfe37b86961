"""Owned licences without names: the best lower bound, and the covers met on the way (Lagrangian relaxation).

Of kind i, `owned[i]` licences are free and more cost `price[i]` each, so a cover that needs n[i] costs the sum of
price[i] * max(0, n[i] - owned[i]). With any multiplier 0 <= m[i] <= price[i] that is at least the sum of
m[i] * (n[i] - owned[i]), and the least such sum over all covers is one minimum cut with m as prices. So every m gives
a proven lower bound; `search` looks for the best one by cutting planes: covers met so far bound what any m can give,
and the m where that bound is highest is tried next.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.licensing.need.holding import Holding
from marketplace.licensing.need.kinds import PerKind
from marketplace.licensing.need.network import Amounts

SCALE: Final = 1024
"""Multipliers are fractions of a minor unit, prices are not: the cut is made in 1/1024 of a minor unit."""
EVALUATIONS_MAX: Final = 40
_EXACT: Final = 1e-9

Floats = NDArray[np.float64]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One minimum cut. `weights` and `value` are in 1/`SCALE` minor units; `counts` leaves out named holders."""

    weights: PerKind
    value: int
    flow: Amounts
    holding: Holding
    counts: PerKind

    def bound(self, owned: PerKind) -> int:
        """Return the lower bound on every cover's cost, in 1/`SCALE` minor units."""
        return self.value - self.weights.times(owned)


class Stop(msgspec.Struct, frozen=True):
    """When to stop: after so many cuts, the least cost known (minor units) from one-kind answers."""

    evaluations: int
    cost_minor: int


def search(
    evaluate: Callable[[PerKind], Evaluation], prices: PerKind, owned: PerKind, stop: Stop
) -> tuple[Evaluation, list[Holding]]:
    """Return the evaluation with the highest bound, and the different covers met, the cheapest first."""
    best = evaluate(_scaled(prices))
    met = {best.counts: best.holding}
    active = [place for place, number in enumerate(owned.all) if number]
    master = Master(prices, owned, active, best.counts)

    def cost(counts: PerKind) -> int:
        return counts.beyond(owned).times(prices)

    for _ in range(stop.evaluations - 1):
        if -(-best.bound(owned) // SCALE) >= min(stop.cost_minor, *map(cost, met)):
            break
        weights, promise = master.solve()
        if promise <= best.bound(owned) + 1:
            break
        found = evaluate(weights)
        met.setdefault(found.counts, found.holding)
        if found.bound(owned) > best.bound(owned):
            best = found
        master.add(found.counts)
    return best, [met[counts] for counts in sorted(met, key=lambda row: (cost(row), row.all))]


def _scaled(prices: PerKind) -> PerKind:
    return PerKind(*(price * SCALE for price in prices.all))


class Master:
    """The covers met so far, mixed at will: the linear program whose dual prices are the next multipliers.

    min sum_j u[j] * fixed[j] + sum_i price[i] * s[i]   with   s[i] - w[i] = sum_j u[j] * (n[j][i] - owned[i]),
    sum_j u[j] = 1, all of it >= 0; i runs over the kinds owned in number. Revised simplex: the basis has at most
    five columns and stays feasible when a cover is added.
    """

    def __init__(self, prices: PerKind, owned: PerKind, active: list[int], first: PerKind) -> None:
        self._prices, self._owned, self._active = prices, owned, active
        size = len(active)
        unit = np.eye(size + 1)[:, :size]
        self._columns = np.hstack([unit, -unit])
        tops = [float(prices.all[place] * SCALE) for place in active]
        self._costs = np.array(tops + [0.0] * size)
        self.add(first)
        excess = -self._columns[:size, -1]
        self._basis = [i if excess[i] >= 0 else i + size for i in range(size)] + [2 * size]

    def add(self, counts: PerKind) -> None:
        """Take in a cover."""
        excess = [counts.all[place] - self._owned.all[place] for place in self._active]
        fixed = sum(
            counts.all[place] * price * SCALE
            for place, price in enumerate(self._prices.all)
            if place not in self._active
        )
        column = np.array([[-float(number)] for number in excess] + [[1.0]])
        self._columns = np.hstack([self._columns, column])
        self._costs = np.append(self._costs, float(fixed))

    def solve(self) -> tuple[PerKind, int]:
        """Return the multipliers where the covers met so far allow the highest bound, and that bound (rounded up)."""
        size = len(self._active) + 1
        right = np.zeros(size)
        right[-1] = 1.0
        tolerance = _EXACT * max(1.0, float(np.abs(self._costs).max()))
        while True:
            inner = self._columns[:, self._basis]
            duals = np.linalg.solve(inner.T, self._costs[self._basis])
            entering = np.flatnonzero(self._costs - duals @ self._columns < -tolerance)
            if not entering.size:
                break
            # The first that helps and the first that leaves: Bland's rule, so it ends.
            column = int(entering[0])
            amounts = np.linalg.solve(inner, right)
            steps = np.linalg.solve(inner, self._columns[:, column])
            ratios = [
                (max(0.0, float(amounts[i])) / float(steps[i]), self._basis[i], i)
                for i in range(size)
                if steps[i] > _EXACT
            ]
            self._basis[min(ratios)[2]] = column
        return self._weights(duals), int(np.ceil(duals[-1]))

    def _weights(self, duals: Floats) -> PerKind:
        numbers = [price * SCALE for price in self._prices.all]
        for place, dual in zip(self._active, duals[:-1].tolist(), strict=True):
            numbers[place] = min(max(round(dual), 0), numbers[place])
        return PerKind(*numbers)
