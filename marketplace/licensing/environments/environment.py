"""What a buyer describes: servers, session hosts, licence servers, people, and the licences already owned.

Places inside an environment are named by JSON pointers (`/servers/0`), the same in errors and in answers. Whatever is
left out (None) is not known: it makes an open question, never an assumption.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import (
    Family,
    FamilyKind,
    Metric,
    Product,
    Version,
    load_catalogue,
)

WINDOWS: Final = "ws"
SQL: Final = "sql"
EXCHANGE: Final = "exchange"


class Edition(StrEnum):
    """The edition of a server, as far as it decides about CALs (R14, X-SQL)."""

    STANDARD = "standard"
    DATACENTER = "datacenter"
    ENTERPRISE = "enterprise"
    ESSENTIALS = "essentials"
    FOUNDATION = "foundation"


class Use(StrEnum):
    """What a server is used for, as far as it decides about CALs (R07, R08)."""

    GENERAL = "general"
    VIRTUAL_MACHINE_HOST = "virtual_machine_host"
    PUBLIC_WEB = "public_web"
    HIGH_PERFORMANCE_COMPUTING = "high_performance_computing"
    ADMINISTRATION = "administration"


class AccessModel(StrEnum):
    """How a SQL server is licensed; only Server and CAL counts people (X-SQL)."""

    SERVER_CAL = "server_cal"
    PER_CORE = "per_core"
    UNKNOWN = "unknown"


class Subscription(StrEnum):
    """Subscriptions that may count as a Windows Server CAL (R16, R17)."""

    BRIDGE_INTUNE = "bridge_intune"
    BRIDGE_OFFICE_INTUNE = "bridge_office_intune"
    BRIDGE_EMS = "bridge_ems"
    BRIDGE_OFFICE = "bridge_office"
    EMS_E3 = "ems_e3"
    MICROSOFT_365_E3 = "microsoft_365_e3"
    MICROSOFT_365_E5 = "microsoft_365_e5"


class ServerGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Servers of one kind. `version` is a server version of the line (`2012 R2`), not a CAL version.

    `users` and `devices` say how many of the people reach this group, None: all of them. `administrators` counts who
    reaches a group that is used for administration only. `external`: people outside the organisation reach it too.
    """

    line: str
    version: str
    count: int = 1
    edition: Edition = Edition.STANDARD
    use: Use = Use.GENERAL
    access: AccessModel = AccessModel.UNKNOWN
    users: int | None = None
    devices: int | None = None
    administrators: int | None = None
    external: bool = False


class SessionHosts(msgspec.Struct, frozen=True, kw_only=True):
    """Remote Desktop session hosts. Each runs in one mode, per user or per device (RD06); None: not known."""

    version: str
    count: int = 1
    mode: Metric | None = None
    azure_virtual_desktop: bool = False
    external: bool = False


class LicenceServers(msgspec.Struct, frozen=True, kw_only=True):
    """Remote Desktop licence servers."""

    version: str
    count: int = 1


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Real persons and real devices, counted before any pooling (R09); None: not known.

    `users` and `devices` are the organisation's own (on-site contractors belong to them, R10), `remote_*` those of
    them who work on session hosts. `anonymous_web`: visitors reach a web page without logging in (R08).
    """

    users: int | None = None
    devices: int | None = None
    remote_users: int | None = None
    remote_devices: int | None = None
    external_users: int = 0
    shared_accounts: bool = False
    printers: int = 0
    anonymous_web: bool = False


class OwnedCal(msgspec.Struct, frozen=True, kw_only=True):
    """Licences the buyer has; `with_sa`: their Software Assurance is active today."""

    product: Product
    quantity: int
    with_sa: bool = False


class OwnedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Subscriptions the buyer has, one per user."""

    kind: Subscription
    users: int


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a buyer tells about itself. `checked` makes sure that every version exists."""

    servers: tuple[ServerGroup, ...] = ()
    session_hosts: tuple[SessionHosts, ...] = ()
    licence_servers: tuple[LicenceServers, ...] = ()
    people: People = People()
    owned: tuple[OwnedCal, ...] = ()
    subscriptions: tuple[OwnedSubscription, ...] = ()


def checked(environment: Environment, at: str = "") -> Environment:
    """Return the environment with server versions by their ids (`2012 R2` becomes `2012r2`).

    `at` is put before every pointer.

    Raises:
        Malformed: `environment.server_unknown`, pointing at every line or version the catalogue does not have;
            `environment.empty` when nothing is described that a CAL could reach.
    """
    if not environment.servers and not environment.session_hosts:
        raise Malformed(
            "environment.empty",
            "Describe at least one server or session host.",
            FieldProblem(f"{at}/servers", "empty, and so is session_hosts"),
        )
    problems = list(_problems(environment, at))
    if problems:
        raise Malformed(
            "environment.server_unknown",
            "The environment names servers that are not in our catalogue; correct the places named.",
            *problems,
        )
    replace = msgspec.structs.replace
    return replace(
        environment,
        servers=tuple(
            replace(row, version=server_of(row.line, row.version).id) for row in environment.servers
        ),
        session_hosts=tuple(
            replace(row, version=server_of(WINDOWS, row.version).id)
            for row in environment.session_hosts
        ),
        licence_servers=tuple(
            replace(row, version=server_of(WINDOWS, row.version).id)
            for row in environment.licence_servers
        ),
    )


def server_of(line: str, version: str) -> Version:
    """Return the server version of a checked environment.

    Raises:
        KeyError: the line has no such version.
    """
    found = _find(line, version)
    if found is None:
        raise KeyError(line, version)
    return found


def base_family_of(line: str) -> Family:
    """Return the family of the CAL that everybody who reaches servers of a line needs."""
    families = load_catalogue().families.values()
    return next(row for row in families if row.line == line and row.kind is FamilyKind.BASE)


def _find(line: str, version: str) -> Version | None:
    return load_catalogue().find_server(base_family_of(line).id, version)


def _problems(environment: Environment, at: str) -> Iterator[FieldProblem]:
    lines = load_catalogue().lines
    for place, row in enumerate(environment.servers):
        if row.line not in lines:
            yield FieldProblem(f"{at}/servers/{place}/line", f"one of {', '.join(lines)}")
        else:
            yield from _unknown_version(row.line, row.version, f"{at}/servers/{place}")
    for place, host in enumerate(environment.session_hosts):
        yield from _unknown_version(WINDOWS, host.version, f"{at}/session_hosts/{place}")
    for place, holder in enumerate(environment.licence_servers):
        yield from _unknown_version(WINDOWS, holder.version, f"{at}/licence_servers/{place}")


def _unknown_version(line: str, version: str, pointer: str) -> Iterator[FieldProblem]:
    if _find(line, version) is None:
        names = ", ".join(row.name for row in load_catalogue().versions if row.line == line)
        yield FieldProblem(f"{pointer}/version", f"one of {names}")
