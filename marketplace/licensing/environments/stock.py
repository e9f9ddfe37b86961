"""Stock: licences on hand, and how many of them answer a requirement."""

from collections.abc import Iterable

import msgspec

from marketplace.licensing.catalogue import Metric, Product
from marketplace.licensing.environments.coverage import equivalent_users
from marketplace.licensing.environments.environment import Environment
from marketplace.licensing.environments.requirements import Requirement, answering, reach


class Holding(msgspec.Struct, frozen=True):
    """Licences of one product; `with_sa`: their Software Assurance is active today."""

    product: Product
    quantity: int
    with_sa: bool = False


class Stock(msgspec.Struct, frozen=True):
    """Licences on hand, and the environment whose subscriptions may stand in for some (R16)."""

    environment: Environment
    holdings: tuple[Holding, ...]

    def with_more(self, more: Iterable[Holding]) -> "Stock":
        """Return the stock with more licences."""
        return Stock(self.environment, (*self.holdings, *more))

    def supply(self, row: Requirement, metric: Metric, *, certain: bool = False) -> int:
        """Count the licences of a metric that answer a requirement; `certain`: only where a source says so."""
        found = equivalent_users(self.environment, row) if metric is Metric.USER else 0
        families = answering(row.family)
        for held in self.holdings:
            if held.product.metric is metric and held.product.family in families:
                answer = reach(held.product, row, with_sa=held.with_sa)
                if answer is not None and (answer.usable if certain else answer.covered):
                    found += held.quantity
        return found

    def short(self, row: Requirement, metric: Metric, *, certain: bool = False) -> int | None:
        """Count the licences of a metric that a requirement lacks; None where its number is not known."""
        demand = row.demand(metric)
        if demand is None:
            return None
        return max(0, demand - self.supply(row, metric, certain=certain))

    def meets(self, row: Requirement, *, certain: bool = False) -> bool:
        """Tell whether a requirement is answered by one of its metrics (R06)."""
        return any(self.short(row, metric, certain=certain) == 0 for metric in row.metrics)


def stock_of(environment: Environment) -> Stock:
    """Return what an environment owns."""
    held = (Holding(row.product, row.quantity, row.with_sa) for row in environment.owned)
    return Stock(environment, tuple(held))
