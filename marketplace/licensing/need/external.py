"""External users: a CAL for each, or one External Connector for each server they reach (R10)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.coverage import covers
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.need.gap import Gap, Need, find_gap, make_need
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.prices import Pick, PriceList, pick
from marketplace.licensing.need.targets import Target

COUNT_MAX: Final = 10_000_000
_CONNECTOR: Final = "ws_ec"
_RDS_CONNECTOR: Final = "rds_ec"


class ExternalCounts(msgspec.Struct, frozen=True, kw_only=True):
    """People outside the organisation (no employees, no on-site contractors) and the servers they reach.

    `servers` counts every server they reach, session hosts included; `remote_users` and `session_hosts` those of
    them on RDS.
    """

    users: int = 0
    servers: int = 0
    remote_users: int = 0
    session_hosts: int = 0


class Connectors(msgspec.Struct, frozen=True, kw_only=True):
    """External Connectors of one family: one per server; `choice` None: the catalogue has none that fits."""

    family: str
    quantity: int
    choice: Pick | None

    @property
    def cost_minor(self) -> int | None:
        """Minor units for all of them; None when no price is known."""
        price = self.choice.price if self.choice else None
        return None if price is None else price.amount_minor * self.quantity


class External(msgspec.Struct, frozen=True, kw_only=True):
    """Both ways beside each other.

    `break_even` is the average price of one connector at which both ways cost the same (rounded down); None when the
    CALs have no price. `recommended` is `user` for CALs, `server` for connectors, None while a price is missing.
    """

    cals: Gap
    connectors: tuple[Connectors, ...]
    connectors_cost: Money | None
    break_even: Money | None
    recommended: Metric | None
    statements: tuple[Statement, ...]


def weigh_external(counts: ExternalCounts, target: Target, prices: PriceList) -> External | None:
    """Compare CALs and connectors for a checked target; None without external users.

    Raises:
        Malformed: `need.count_contradicts`.
    """
    problems = list(_out_of_range(counts)) or list(_contradictions(counts, target))
    if problems:
        raise Malformed(
            "need.count_contradicts",
            "The counts of external users contradict each other; correct the places named.",
            *problems,
        )
    if not counts.users:
        return None
    cals = find_gap(_needs(counts, target), (), prices)
    connectors = tuple(_connectors(counts, target, prices))
    costs = [row.cost_minor for row in connectors]
    known = [cost for cost in costs if cost is not None]
    total = Money(sum(known), prices.currency) if len(known) == len(costs) else None
    break_even = None
    if cals.cost is not None:
        quantity = sum(row.quantity for row in connectors)
        break_even = Money(cals.cost.amount_minor // quantity, prices.currency)
    recommended = None
    if total is not None and cals.cost is not None:
        cheaper = total.amount_minor < cals.cost.amount_minor
        recommended = Metric.SERVER if cheaper else Metric.USER
    return External(
        cals=cals,
        connectors=connectors,
        connectors_cost=total,
        break_even=break_even,
        recommended=recommended,
        statements=tuple(_statements(counts, recommended, has_price=total is not None)),
    )


def _needs(counts: ExternalCounts, target: Target) -> list[Need]:
    remote = counts.remote_users
    return [
        make_need(Kind.USER, counts.users - remote, target),
        make_need(Kind.USER, remote, target, beside_rds=True),
        make_need(Kind.RDS_USER, remote, target),
    ]


def _connectors(counts: ExternalCounts, target: Target, prices: PriceList) -> Iterator[Connectors]:
    servers = (*target.servers, *target.session_hosts)
    yield _connector(_CONNECTOR, counts.servers, servers, prices)
    if counts.remote_users:
        yield _connector(_RDS_CONNECTOR, counts.session_hosts, target.session_hosts, prices)


def _connector(
    family: str, quantity: int, servers: tuple[str, ...], prices: PriceList
) -> Connectors:
    return Connectors(
        family=family, quantity=quantity, choice=pick(_fitting(family, servers), prices)
    )


def _fitting(family: str, servers: tuple[str, ...]) -> tuple[Product, ...]:
    """Return the connectors new enough for all servers. R10 is not confirmed, so no answer here is `usable`."""
    catalogue = load_catalogue()
    products = catalogue.products_of(catalogue.families[family], Metric.SERVER)
    return tuple(
        product for product in products if all(covers(product, row).covered for row in servers)
    )


def _out_of_range(counts: ExternalCounts) -> Iterator[FieldProblem]:
    for name in ("users", "servers", "remote_users", "session_hosts"):
        if not 0 <= getattr(counts, name) <= COUNT_MAX:
            yield FieldProblem(f"/external/{name}", f"0 to {COUNT_MAX}")


def _contradictions(counts: ExternalCounts, target: Target) -> Iterator[FieldProblem]:
    if bool(counts.users) != bool(counts.servers):
        yield FieldProblem("/external/servers", "users and servers go together")
    if bool(counts.remote_users) != bool(counts.session_hosts):
        yield FieldProblem("/external/session_hosts", "remote_users and session_hosts go together")
    if counts.remote_users > counts.users:
        yield FieldProblem("/external/remote_users", "more than users")
    if counts.session_hosts > counts.servers:
        yield FieldProblem("/external/session_hosts", "more than servers")
    if counts.remote_users and not target.session_hosts:
        yield FieldProblem("/session_hosts", "remote people need the versions of the session hosts")


def _statements(
    counts: ExternalCounts, recommended: Metric | None, *, has_price: bool
) -> Iterator[Statement]:
    numbers: dict[str, str | int] = {"users": counts.users, "servers": counts.servers}
    yield state("R10", "need.external", numbers)
    if counts.remote_users:
        yield state("R10", "need.external_rds", {"hosts": counts.session_hosts}, confirmed=False)
    if not has_price:
        yield state("R10", "need.external_no_price")
    elif recommended is not None:
        yield state("R10", f"need.external_take_{recommended.value}", numbers)
