"""What is to be reached, and which products do that: usable answers of `coverage` only."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import FamilyKind, Product, load_catalogue
from marketplace.licensing.coverage import covers, licence_server_can_hold
from marketplace.licensing.need.kinds import BASE_FAMILY, RDS_FAMILY, Kind

_ANSWERS_KEPT: Final = 1024


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Server versions to reach; a CAL must serve all of them, one is enough for all servers (R05).

    `servers` are Windows Server versions (`2012 R2` or `2012r2`), `session_hosts` the versions of the RDS session
    hosts, `licence_server` that of the RD licence server (empty: not told, then it limits nothing and an answer says
    so).
    """

    servers: tuple[str, ...] = ()
    session_hosts: tuple[str, ...] = ()
    licence_server: str = ""


def checked_target(target: Target) -> Target:
    """Return the target with version ids in release order, doubles removed.

    Raises:
        Malformed: `need.server_unknown`, pointing at each version the catalogue does not have; `need.target_empty`
            when no server is named.
    """
    if not target.servers and not target.session_hosts:
        raise Malformed(
            "need.target_empty",
            "Name the version of at least one server or session host that is to be reached.",
            FieldProblem("/servers", "empty, and so is session_hosts"),
        )
    wrong = list(_unknown(target))
    if wrong:
        raise Malformed(
            "need.server_unknown",
            "The catalogue does not have these server versions; correct the places named.",
            *wrong,
        )
    return Target(
        servers=_ordered(target.servers),
        session_hosts=_ordered(target.session_hosts),
        licence_server=_ids((target.licence_server,))[0] if target.licence_server else "",
    )


def usable_products(kind: Kind, target: Target, *, beside_rds: bool = False) -> tuple[Product, ...]:
    """Return the products of a kind that reach everything they must, oldest first.

    A base CAL must reach the servers and, `beside_rds`, the session hosts too (R11: a base CAL of at least the host's
    version for the same user or device). Without `servers` every base CAL is one beside RDS. An RDS CAL must reach
    every session host, and the licence server must be able to hold it; without session hosts there is none.
    """
    if kind.family == RDS_FAMILY:
        return _usable(kind, target.session_hosts, target.licence_server)
    return _usable(kind, _base_servers(target, beside_rds=beside_rds), "")


def accepted_products(
    kind: Kind, target: Target, *, beside_rds: bool = False
) -> tuple[Product, ...]:
    """Return what counts when it is owned: the usable products, and for base CALs the suites that hold one (R15)."""
    usable = usable_products(kind, target, beside_rds=beside_rds)
    if kind.family == RDS_FAMILY:
        return usable
    catalogue = load_catalogue()
    servers = _base_servers(target, beside_rds=beside_rds)
    suites = (
        product
        for row in catalogue.families.values()
        if row.kind is FamilyKind.SUITE
        for product in catalogue.products_of(row, kind.metric)
        if all(covers(product, server).usable for server in servers)
    )
    return (*usable, *suites)


def _base_servers(target: Target, *, beside_rds: bool) -> tuple[str, ...]:
    hosts = target.session_hosts if beside_rds or not target.servers else ()
    return (*target.servers, *hosts)


@lru_cache(maxsize=_ANSWERS_KEPT)
def _usable(kind: Kind, servers: tuple[str, ...], licence_server: str) -> tuple[Product, ...]:
    catalogue = load_catalogue()
    family = catalogue.families[kind.family]
    return tuple(
        product
        for product in catalogue.products_of(family, kind.metric)
        if servers
        and all(covers(product, server).usable for server in servers)
        and (not licence_server or licence_server_can_hold(product, licence_server).usable)
    )


def _unknown(target: Target) -> Iterator[FieldProblem]:
    places = [
        *((f"/servers/{place}", text) for place, text in enumerate(target.servers)),
        *((f"/session_hosts/{place}", text) for place, text in enumerate(target.session_hosts)),
    ]
    if target.licence_server:
        places.append(("/licence_server", target.licence_server))
    catalogue = load_catalogue()
    line = catalogue.families[BASE_FAMILY].line
    names = ", ".join(row.name for row in catalogue.versions if row.line == line)
    for pointer, text in places:
        if catalogue.find_server(BASE_FAMILY, text) is None:
            yield FieldProblem(pointer, f"one of {names}")


def _ids(texts: tuple[str, ...]) -> list[str]:
    found = (load_catalogue().find_server(BASE_FAMILY, text) for text in texts)
    return [row.id for row in found if row is not None]


def _ordered(texts: tuple[str, ...]) -> tuple[str, ...]:
    catalogue = load_catalogue()
    wanted = set(_ids(texts))
    line = catalogue.families[BASE_FAMILY].line
    return tuple(row.id for row in catalogue.versions if row.line == line and row.id in wanted)
