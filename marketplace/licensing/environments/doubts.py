"""Doubts about an environment: what cannot be right as described, and what must be answered first.

A question is asked wherever an answer would otherwise rest on an assumption. Both are statements, so they name a rule.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.environments.environment import (
    EXCHANGE,
    SQL,
    WINDOWS,
    AccessModel,
    Edition,
    Environment,
    People,
    ServerGroup,
    SessionHosts,
    Subscription,
    Use,
    server_of,
)
from marketplace.licensing.environments.requirements import free_reason
from marketplace.licensing.environments.statements import Statement, state

_USERS_AT_MOST: Final = {Edition.ESSENTIALS: 25, Edition.FOUNDATION: 15}
_DEVICES_AT_MOST: Final = {Edition.ESSENTIALS: 50}
_FOUNDATION_VERSIONS: Final = frozenset({"2012", "2012r2"})
_UNCONFIRMED_SUBSCRIPTIONS: Final = frozenset(
    {Subscription.EMS_E3, Subscription.MICROSOFT_365_E3, Subscription.MICROSOFT_365_E5}
)


def conflicts_of(environment: Environment) -> tuple[Statement, ...]:
    """Return what cannot be right as described: more people than an edition allows, models that do not exist."""
    people = environment.people
    return once(chain.from_iterable(_conflicts(row, people) for row in environment.servers))


def questions_of(environment: Environment) -> tuple[Statement, ...]:
    """Return what must be answered before the coverage is known, each question once."""
    return once(
        chain(
            _about_people(environment),
            chain.from_iterable(_about_servers(row) for row in environment.servers),
            _about_hosts(environment),
            _about_owned(environment),
        )
    )


def once(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements, each once, in the order of their rules: the order of a description says nothing."""
    found = {
        (row.rule, row.message_key, tuple(sorted(row.params.items()))): row for row in statements
    }
    return tuple(found[key] for key in sorted(found, key=repr))


def _conflicts(group: ServerGroup, people: People) -> Iterator[Statement]:
    name: dict[str, str | int] = {"server": name_of(group)}
    if group.line == SQL:
        if group.edition is Edition.ENTERPRISE and group.access is AccessModel.SERVER_CAL:
            yield state("X-SQL", "coverage.conflict_sql_edition", name)
        return
    if group.line != WINDOWS:
        return
    users, devices = _USERS_AT_MOST.get(group.edition), _DEVICES_AT_MOST.get(group.edition)
    if users is not None and people.users is not None and people.users > users:
        limits = name | {"limit": users, "count": people.users}
        yield state("R14", "coverage.conflict_users", limits)
    if devices is not None and people.devices is not None and people.devices > devices:
        limits = name | {"limit": devices, "count": people.devices}
        yield state("R14", "coverage.conflict_devices", limits)


def _about_people(environment: Environment) -> Iterator[Statement]:
    people = environment.people
    has_servers = any(free_reason(row) is None for row in environment.servers)
    if has_servers and people.users is None and people.devices is None:
        yield state("R01", "coverage.ask_people")
    is_external = any(row.external for row in environment.servers) or any(
        row.external for row in environment.session_hosts
    )
    if people.external_users and not is_external:
        yield state("R10", "coverage.ask_external_servers", {"count": people.external_users})
    if is_external and not people.external_users:
        yield state("R10", "coverage.ask_external_count")
    if people.printers:
        yield state("R21", "coverage.ask_printers", {"count": people.printers})
    if people.shared_accounts and people.users is not None:
        yield state("R09", "coverage.ask_real_people", {"count": people.users})
    yield from _about_overlap(environment)


def _about_overlap(environment: Environment) -> Iterator[Statement]:
    """Ask whether groups that some people reach are reached by the same people."""
    for line in load_catalogue().lines:
        needing = [
            row for row in environment.servers if row.line == line and free_reason(row) is None
        ]
        for of_people, everybody in (
            ([row.users for row in needing], environment.people.users),
            ([row.devices for row in needing], environment.people.devices),
        ):
            some = [count for count in of_people if count is not None]
            if len(some) > 1 and len(some) == len(of_people):
                most = sum(some) if everybody is None else min(sum(some), everybody)
                if most > max(some):
                    yield state("R05", "coverage.ask_overlap", {"least": max(some), "most": most})


def _about_servers(group: ServerGroup) -> Iterator[Statement]:
    name: dict[str, str | int] = {"server": name_of(group)}
    if group.line == SQL and group.access is AccessModel.UNKNOWN:
        yield state("X-SQL", "coverage.ask_sql_model", name)
    if group.use is Use.ADMINISTRATION and group.administrators is None:
        yield state("R07", "coverage.ask_administrators", name)
    if group.external and group.line != WINDOWS and free_reason(group) is None:
        yield state("R10", "coverage.ask_external_line", name, confirmed=False)
    if group.edition is Edition.FOUNDATION and group.version not in _FOUNDATION_VERSIONS:
        yield state("R14", "coverage.ask_foundation", name)
    if group.line == EXCHANGE and server_of(EXCHANGE, group.version).cal_version == "":
        yield state("X-EXCHANGE-SE", "coverage.ask_cloud_subscriptions", name)


def _about_hosts(environment: Environment) -> Iterator[Statement]:
    hosts, people = environment.session_hosts, environment.people
    if not hosts:
        return
    if not environment.licence_servers:
        yield state("RD05", "coverage.ask_licence_server")
    for host in hosts:
        if host.mode is None:
            yield state("RD06", "coverage.ask_mode", {"server": name_of(host)})
    modes = {host.mode for host in hosts}
    if people.remote_users is None and modes - {Metric.DEVICE}:
        yield state("R11", "coverage.ask_remote_users")
    if people.remote_devices is None and Metric.DEVICE in modes:
        yield state("R11", "coverage.ask_remote_devices")


def _about_owned(environment: Environment) -> Iterator[Statement]:
    names = load_catalogue().product_name
    for row in environment.owned:
        if row.with_sa:
            yield state("C06", "coverage.ask_assurance", {"cal": names(row.product)})
    if any(row.kind in _UNCONFIRMED_SUBSCRIPTIONS for row in environment.subscriptions):
        yield state("R17", "coverage.ask_subscription")
    if environment.servers and all(row.line != WINDOWS for row in environment.servers):
        yield state("R01", "coverage.ask_windows_below")


def name_of(group: ServerGroup | SessionHosts) -> str:
    """Return what people call the servers of a group."""
    line = group.line if isinstance(group, ServerGroup) else WINDOWS
    return load_catalogue().server_name(server_of(line, group.version))
