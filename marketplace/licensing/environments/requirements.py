"""What an environment requires: one row per group of servers and kind of CAL, with how many people it is for.

A CAL licenses its user or device for all servers of the organisation (R05), so one licence may answer several rows.
A row asks for licences on the users' side or on the devices' side (R06); both numbers are given where they are known.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec

from marketplace.licensing.catalogue import FamilyKind, Metric, Product, Version, load_catalogue
from marketplace.licensing.coverage import Coverage, covers
from marketplace.licensing.environments.environment import (
    EXCHANGE,
    SQL,
    WINDOWS,
    AccessModel,
    Edition,
    Environment,
    ServerGroup,
    SessionHosts,
    Use,
    base_family_of,
    server_of,
)
from marketplace.licensing.environments.statements import Statement, state, state_coverage

RDS: Final = "rds_cal"
WINDOWS_CAL: Final = "ws_cal"
CONNECTORS: Final = {WINDOWS_CAL: "ws_ec", RDS: "rds_ec"}
"""The connector that stands in for a CAL towards people from outside (R10)."""
_ADMINISTRATORS_WITHOUT_CAL: Final = 2
_FREE_USES: Final = {
    Use.VIRTUAL_MACHINE_HOST: ("R07", "coverage.free_virtual_machine_host"),
    Use.PUBLIC_WEB: ("R07", "coverage.free_public_web"),
    Use.HIGH_PERFORMANCE_COMPUTING: ("R07", "coverage.free_computing"),
}


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of one kind that one group of servers asks for.

    `target` is the pointer of the group, `family` the plain kind (suites may answer it as well). `users`, `devices` and
    `servers` are how many licences it takes by that metric, None: not known, or not counted that way. `metric`: only
    this one counts (RD06). `assurance`: the rule that wants active Software Assurance, empty when none does.
    `externals` are people from outside who may be licensed by CALs instead of connectors (R10).
    """

    target: str
    server: Version
    family: str
    users: int | None = None
    devices: int | None = None
    servers: int | None = None
    metric: Metric | None = None
    assurance: str = ""
    externals: int = 0

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Give the metrics that can answer it."""
        if self.metric is not None:
            return (self.metric,)
        return load_catalogue().families[self.family].metrics

    def demand(self, metric: Metric) -> int | None:
        """Give how many licences of a metric it takes; None when that is not known."""
        known = {
            Metric.USER: self.users,
            Metric.DEVICE: self.devices,
            Metric.SERVER: self.servers,
        }
        return known[metric]


class Reach(msgspec.Struct, frozen=True):
    """Whether a licence answers a requirement, and why."""

    covered: bool
    statement: Statement

    @property
    def usable(self) -> bool:
        """Covered, and a source says so."""
        return self.covered and self.statement.confirmed


def requirements(environment: Environment) -> tuple[Requirement, ...]:
    """Return what a checked environment requires, in the order in which it is described.

    Where it is not known whether people need a CAL at all (a SQL server of unknown model), the requirement stands and
    `environment_coverage` asks.
    """
    return tuple(_required(environment))


def free_reason(group: ServerGroup) -> Statement | None:
    """Return why nobody needs a CAL for a group, None when people do (R07, R14, X-SQL)."""
    name = {"server": load_catalogue().server_name(server_of(group.line, group.version))}
    if group.line == WINDOWS and group.edition in {Edition.ESSENTIALS, Edition.FOUNDATION}:
        return state("R14", f"coverage.free_{group.edition.value}", name)
    if group.line == SQL and group.access is AccessModel.PER_CORE:
        return state("X-SQL", "coverage.free_per_core", name)
    if group.use in _FREE_USES:
        rule, key = _FREE_USES[group.use]
        return state(rule, key, name)
    if group.use is Use.ADMINISTRATION and _are_few(group.administrators):
        return state("R07", "coverage.free_administration", name)
    return None


def reach(product: Product, requirement: Requirement, *, with_sa: bool = False) -> Reach | None:
    """Say whether a licence answers a requirement; None when its family is of another kind."""
    if product.family not in answering(requirement.family):
        return None
    return _reach(
        product, requirement.server, requirement.metric, requirement.assurance, with_sa=with_sa
    )


@cache
def answering(family: str) -> frozenset[str]:
    """Return the families that answer for a kind of CAL: suites stand in for the Windows Server CAL (R16)."""
    catalogue = load_catalogue()
    row = catalogue.families[family]
    stand_ins = (
        other.id
        for other in catalogue.families.values()
        if row.kind is FamilyKind.BASE and other.kind is FamilyKind.SUITE and other.line == row.line
    )
    return frozenset({family, *stand_ins})


@cache
def _reach(
    product: Product, server: Version, metric: Metric | None, assurance: str, *, with_sa: bool
) -> Reach:
    catalogue = load_catalogue()
    name = {"cal": catalogue.product_name(product), "server": catalogue.server_name(server)}
    if metric is not None and product.metric is not metric:
        return Reach(covered=False, statement=state("RD06", f"coverage.mode_{metric.value}", name))
    if assurance:
        covered = with_sa and (assurance != "RD09" or covers(product, server.id).covered)
        word = "has" if with_sa else "needs"
        return Reach(covered, state(assurance, f"coverage.{word}_assurance", name))
    answer: Coverage = covers(product, server.id)
    return Reach(answer.covered, state_coverage(answer))


def _required(environment: Environment) -> Iterator[Requirement]:
    for place, group in enumerate(environment.servers):
        if free_reason(group) is None:
            yield from _of_servers(environment, group, f"/servers/{place}")
    for place, hosts in enumerate(environment.session_hosts):
        yield from _of_hosts(environment, hosts, f"/session_hosts/{place}")


def _of_servers(environment: Environment, group: ServerGroup, target: str) -> Iterator[Requirement]:
    people, server = environment.people, server_of(group.line, group.version)
    yield Requirement(
        target=target,
        server=server,
        family=base_family_of(group.line).id,
        users=_least(group.users, people.users),
        devices=_least(group.devices, people.devices),
        assurance="" if server.cal_version or group.line != EXCHANGE else "X-EXCHANGE-SE",
        externals=people.external_users if group.external else 0,
    )
    if group.external and people.external_users and group.line == WINDOWS:
        yield _connectors(environment, target, server, CONNECTORS[WINDOWS_CAL])


def _of_hosts(environment: Environment, hosts: SessionHosts, target: str) -> Iterator[Requirement]:
    people, server = environment.people, server_of(WINDOWS, hosts.version)
    externals = people.external_users if hosts.external else 0
    yield Requirement(
        target=target,
        server=server,
        family=RDS,
        users=people.remote_users,
        devices=people.remote_devices,
        metric=hosts.mode,
        assurance="RD09" if hosts.azure_virtual_desktop else "",
        externals=externals,
    )
    yield Requirement(
        target=target,
        server=server,
        family=base_family_of(WINDOWS).id,
        users=people.remote_users,
        devices=people.remote_devices,
        externals=externals,
    )
    if externals:
        yield _connectors(environment, target, server, CONNECTORS[RDS])
        yield _connectors(environment, target, server, CONNECTORS[WINDOWS_CAL])


def _connectors(environment: Environment, target: str, server: Version, family: str) -> Requirement:
    """Ask for one connector per server. It stays with its server, so servers of this version and newer add up."""
    order = [row.id for row in load_catalogue().versions if row.line == WINDOWS]
    groups = [
        *((row.version, row.count) for row in environment.session_hosts if row.external),
        *(
            (row.version, row.count)
            for row in environment.servers
            if family == CONNECTORS[WINDOWS_CAL]
            and row.line == WINDOWS
            and row.external
            and free_reason(row) is None
        ),
    ]
    newer = order[order.index(server.id) :]
    return Requirement(
        target=target,
        server=server,
        family=family,
        servers=sum(count for version, count in groups if version in newer),
        externals=environment.people.external_users,
    )


def _are_few(administrators: int | None) -> bool:
    return administrators is not None and administrators <= _ADMINISTRATORS_WITHOUT_CAL


def _least(some: int | None, everybody: int | None) -> int | None:
    """Return how many reach a group: its own number, never more than there are."""
    if some is None or everybody is None:
        return everybody if some is None else some
    return min(some, everybody)
