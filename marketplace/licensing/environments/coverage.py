"""Coverage of one environment: what each server needs, what needs no CAL and why, and what is still to be answered.

Each sentence names its rule. Products are given oldest sufficient first: an older version costs no more. What rests on
a cell no source states stands apart under `unconfirmed`.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec

from marketplace.licensing.catalogue import FamilyKind, Metric, Product, load_catalogue
from marketplace.licensing.coverage import covers, licence_server_can_hold
from marketplace.licensing.environments.doubts import conflicts_of, name_of, once, questions_of
from marketplace.licensing.environments.environment import (
    WINDOWS,
    Environment,
    ServerGroup,
    SessionHosts,
    Subscription,
    base_family_of,
    server_of,
)
from marketplace.licensing.environments.requirements import (
    RDS,
    Requirement,
    free_reason,
    reach,
    requirements,
)
from marketplace.licensing.environments.statements import Statement, state, state_coverage
from marketplace.licensing.rules import load_rule_set

_BRIDGES: Final = frozenset(
    {Subscription.BRIDGE_INTUNE, Subscription.BRIDGE_OFFICE_INTUNE, Subscription.BRIDGE_EMS}
)
_EQUIVALENCE_READ_UP_TO: Final = "2022"
"""The newest server the table behind R16 could be read for."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer a need: licences of a metric, and how many (None: not known).

    Licences of people and devices serve every group (R05), so what groups ask for never adds up. Connectors stay with
    their servers (R10): `quantity` counts the servers of the group alone, and the groups add up.
    `products` are known to do, `unconfirmed` do by a cell that no source states, `not_held` would reach the host but
    fit on none of the licence servers. `statement` says why the first of them does.
    """

    metric: Metric
    quantity: int | None
    products: tuple[Product, ...]
    unconfirmed: tuple[Product, ...]
    not_held: tuple[Product, ...]
    statement: Statement | None


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of one family that a group needs: any one of the options."""

    family: str
    statement: Statement
    options: tuple[Option, ...]


class GroupCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One group of servers: `free` says why nobody needs a CAL; otherwise all `needs` are to be met."""

    target: str
    server: str
    free: Statement | None
    needs: tuple[Need, ...]
    notes: tuple[Statement, ...]


class EnvironmentCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `conflicts` cannot be right as described; `questions` must be answered before it is whole."""

    groups: tuple[GroupCoverage, ...]
    notes: tuple[Statement, ...]
    conflicts: tuple[Statement, ...]
    questions: tuple[Statement, ...]
    rule_set_version: str

    @property
    def confirmed(self) -> bool:
        """Tell whether sources state everything said, and nothing is left to answer."""
        said = chain(self.notes, self.conflicts, *map(statements_of, self.groups))
        return not self.questions and all(row.confirmed for row in said)


def cover_environment(environment: Environment) -> EnvironmentCoverage:
    """Return what a checked environment needs."""
    required = requirements(environment)
    servers = (
        _group(environment, f"/servers/{place}", row, required)
        for place, row in enumerate(environment.servers)
    )
    hosts = (
        _group(environment, f"/session_hosts/{place}", row, required)
        for place, row in enumerate(environment.session_hosts)
    )
    return EnvironmentCoverage(
        groups=(*servers, *hosts),
        notes=once(_notes(environment, required)),
        conflicts=conflicts_of(environment),
        questions=questions_of(environment),
        rule_set_version=load_rule_set().version,
    )


def statements_of(group: GroupCoverage) -> Iterator[Statement]:
    """Give every statement about a group."""
    if group.free is not None:
        yield group.free
    yield from group.notes
    for need in group.needs:
        yield need.statement
        yield from (row.statement for row in need.options if row.statement is not None)


def can_hold(product: Product, environment: Environment) -> bool:
    """Tell whether an RDS CAL fits on a licence server; where none is described nothing speaks against it."""
    versions = {row.version for row in environment.licence_servers}
    return not versions or any(licence_server_can_hold(product, row).covered for row in versions)


def holders_say(product: Product, environment: Environment) -> Statement | None:
    """Return the most favourable answer of the licence servers to an RDS CAL; None where none is described."""
    versions = sorted({row.version for row in environment.licence_servers})
    answers = [licence_server_can_hold(product, version) for version in versions]
    best = max(answers, key=lambda row: (row.usable, row.covered), default=None)
    return None if best is None else state_coverage(best)


def equivalent_users(environment: Environment, requirement: Requirement) -> int:
    """Count the users whose subscription is known to stand in for the Windows Server CAL (R16).

    For servers newer than the table behind R16 that was read, nobody counts.
    """
    if requirement.family != base_family_of(WINDOWS).id:
        return 0
    order = [row.id for row in load_catalogue().versions if row.line == WINDOWS]
    if order.index(requirement.server.id) > order.index(_EQUIVALENCE_READ_UP_TO):
        return 0
    return sum(row.users for row in environment.subscriptions if row.kind in _BRIDGES)


def _group(
    environment: Environment,
    target: str,
    group: ServerGroup | SessionHosts,
    required: tuple[Requirement, ...],
) -> GroupCoverage:
    needs = tuple(_need(environment, row, group) for row in required if row.target == target)
    return GroupCoverage(
        target=target,
        server=name_of(group),
        free=free_reason(group) if isinstance(group, ServerGroup) else None,
        needs=needs,
        notes=once(_host_notes(environment, group)) if isinstance(group, SessionHosts) else (),
    )


def _need(
    environment: Environment, requirement: Requirement, group: ServerGroup | SessionHosts
) -> Need:
    kind = load_catalogue().families[requirement.family].kind
    return Need(
        family=requirement.family,
        statement=_why(requirement, kind),
        options=tuple(
            _option(environment, requirement, metric, _quantity(requirement, metric, group))
            for metric in requirement.metrics
        ),
    )


def _why(requirement: Requirement, kind: FamilyKind) -> Statement:
    catalogue = load_catalogue()
    name: dict[str, str | int] = {
        "family": catalogue.families[requirement.family].name,
        "server": catalogue.server_name(requirement.server),
    }
    if requirement.assurance:
        return state(requirement.assurance, "coverage.need_assurance", name)
    if kind is FamilyKind.EXTERNAL_CONNECTOR:
        # That the RDS connector needs the Windows connector beside it is stated by no source.
        return state("R10", "coverage.need_connector", name | {"count": requirement.externals})
    if requirement.family == RDS:
        return state("R11", "coverage.need_additive", name)
    return state("R01", "coverage.need_base", name)


def _quantity(
    requirement: Requirement, metric: Metric, group: ServerGroup | SessionHosts
) -> int | None:
    """Return how many licences of a metric the group asks for by itself."""
    # A requirement adds up the connectors of newer servers, because a fit counts one stock against all of them.
    return group.count if metric is Metric.SERVER else requirement.demand(metric)


def _option(
    environment: Environment, requirement: Requirement, metric: Metric, quantity: int | None
) -> Option:
    catalogue = load_catalogue()
    family = catalogue.families[requirement.family]
    products: list[Product] = []
    unconfirmed: list[Product] = []
    not_held: list[Product] = []
    for product in catalogue.products_of(family, metric):
        answer = reach(product, requirement)
        if answer is None or not answer.covered:
            continue
        if requirement.family == RDS and not can_hold(product, environment):
            not_held.append(product)
        else:
            (products if answer.usable else unconfirmed).append(product)
    first = next(iter((*products, *unconfirmed)), None)
    return Option(
        metric=metric,
        quantity=quantity,
        products=tuple(products),
        unconfirmed=tuple(unconfirmed),
        not_held=tuple(not_held),
        statement=state_coverage(covers(first, requirement.server.id)) if first else None,
    )


def _host_notes(environment: Environment, hosts: SessionHosts) -> Iterator[Statement]:
    name: dict[str, str | int] = {"server": name_of(hosts)}
    if hosts.mode is not Metric.DEVICE:
        yield state("RD02", "coverage.note_user_mode")
    if hosts.mode is not Metric.USER:
        yield state("RD01", "coverage.note_device_mode")
    if hosts.mode is not None:
        yield state("RD06", f"coverage.note_mode_{hosts.mode.value}", name)
    if hosts.azure_virtual_desktop:
        yield state("RD09", "coverage.note_virtual_desktop", name)
    family = load_catalogue().families[RDS]
    newest = server_of(WINDOWS, hosts.version).cal_version
    oldest = load_catalogue().find_product(f"{family.id}-{newest}-{family.metrics[0].value}")
    said = holders_say(oldest, environment) if oldest else None
    if said is not None:
        yield said


def _notes(environment: Environment, required: tuple[Requirement, ...]) -> Iterator[Statement]:
    people = environment.people
    plain = [row for row in required if row.servers is None]
    if plain:
        yield state("R06", "coverage.note_either_side")
    if len({row.target for row in plain}) > 1:
        yield state("R05", "coverage.note_all_servers")
    if any(row.family == base_family_of(WINDOWS).id for row in plain):
        yield state("R16", "coverage.note_suites_do")
    if people.shared_accounts:
        yield state("R09", "coverage.note_multiplexing")
    if people.anonymous_web:
        yield state("R08", "coverage.note_anonymous")
    if people.external_users:
        yield state("R10", "coverage.note_contractors")
    yield from _notes_about_owned(environment)


def _notes_about_owned(environment: Environment) -> Iterator[Statement]:
    families = load_catalogue().families
    if any(families[row.product.family].kind is FamilyKind.SUITE for row in environment.owned):
        yield state("R15", "coverage.note_suite")
    for row in environment.subscriptions:
        if row.kind in _BRIDGES:
            yield state("R16", "coverage.note_bridge", {"count": row.users})
        elif row.kind is Subscription.BRIDGE_OFFICE:
            yield state("R16", "coverage.note_office_bridge", {"count": row.users})
        else:
            yield state("R17", "coverage.note_subscription", {"count": row.users})
