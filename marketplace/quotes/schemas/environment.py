"""How a buyer describes its environment. What is left out is not known: the answer asks for it."""

from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.text import END
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.environments.environment import (
    AccessModel,
    Edition,
    Environment,
    Subscription,
    Use,
    checked,
)
from marketplace.valuations.schemas import ProductKey

SERVERS_MAX: Final = 30
HOSTS_MAX: Final = 10
OWNED_MAX: Final = 50
HEADS_MAX: Final = 1_000_000

ServerVersion = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9 ]{{1,20}}{END}",
        examples=["2019"],
        description="Server version of the catalogue, for example `2012 R2`",
    ),
]
Heads = Annotated[int, Meta(ge=0, le=HEADS_MAX, description="Number of them", examples=[40])]
ServerCount = Annotated[int, Meta(ge=1, le=100_000, description="Number of servers")]


class ServerGroupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Servers of one kind."""

    line: Annotated[
        str,
        Meta(
            pattern=f"^[a-z]{{1,20}}{END}",
            examples=["ws"],
            description="Server product: `ws` (Windows Server), `sql` (SQL Server) or `exchange`",
        ),
    ]
    version: ServerVersion
    count: ServerCount = 1
    edition: Edition = Edition.STANDARD
    use: Annotated[Use, Meta(description="What it is used for, as far as CALs depend on it")] = (
        Use.GENERAL
    )
    access: Annotated[AccessModel, Meta(description="For SQL Server: how it is licensed")] = (
        AccessModel.UNKNOWN
    )
    users: Annotated[
        Heads | None, Meta(description="How many of the users reach it; null: all")
    ] = None
    devices: Annotated[
        Heads | None, Meta(description="How many of the devices reach it; null: all")
    ] = None
    administrators: Annotated[
        Heads | None, Meta(description="For `use` administration: how many reach it")
    ] = None
    external: Annotated[bool, Meta(description="People from outside reach it too")] = False


class SessionHostsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Remote Desktop session hosts (Windows Server)."""

    version: ServerVersion
    count: ServerCount = 1
    mode: Annotated[
        Metric | None, Meta(description="Licensing mode: user or device; null: not known")
    ] = None
    azure_virtual_desktop: bool = False
    external: Annotated[bool, Meta(description="People from outside reach it too")] = False


class LicenceServersBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Remote Desktop licence servers (Windows Server)."""

    version: ServerVersion
    count: ServerCount = 1


class PeopleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Real people and real devices, counted in front of every pool or shared account (R09)."""

    users: Annotated[Heads | None, Meta(description="Own staff; null: not known")] = None
    devices: Annotated[Heads | None, Meta(description="Own devices; null: not known")] = None
    remote_users: Annotated[
        Heads | None, Meta(description="Users who work on the session hosts")
    ] = None
    remote_devices: Annotated[
        Heads | None, Meta(description="Devices that work on the session hosts")
    ] = None
    external_users: Annotated[
        Heads, Meta(description="People who are neither employees nor on-site contractors (R10)")
    ] = 0
    shared_accounts: Annotated[
        bool, Meta(description="People share accounts, a pool or a web front end")
    ] = False
    printers: Annotated[Heads, Meta(description="Multifunction printers that use the servers")] = 0
    anonymous_web: Annotated[
        bool, Meta(description="Visitors reach web pages without logging in")
    ] = False


class OwnedCalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Licences the buyer has."""

    product: ProductKey
    quantity: Annotated[
        int, Meta(ge=1, le=HEADS_MAX, description="Number of licences", examples=[40])
    ]
    with_sa: Annotated[bool, Meta(description="Software Assurance is active today")] = False


class OwnedSubscriptionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Subscriptions that may stand in for a Windows Server CAL (R16, R17)."""

    kind: Subscription
    users: Heads


class EnvironmentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Servers, people and licences of one organisation."""

    servers: Annotated[
        tuple[ServerGroupBody, ...],
        Meta(
            max_length=SERVERS_MAX,
            examples=[[{"line": "ws", "version": "2019", "count": 2}]],
        ),
    ] = ()
    session_hosts: Annotated[
        tuple[SessionHostsBody, ...],
        Meta(max_length=HOSTS_MAX, examples=[[{"version": "2019", "mode": "user"}]]),
    ] = ()
    licence_servers: Annotated[
        tuple[LicenceServersBody, ...],
        Meta(max_length=HOSTS_MAX, examples=[[{"version": "2022"}]]),
    ] = ()
    people: Annotated[
        PeopleBody, Meta(examples=[{"users": 60, "devices": 80, "remote_users": 20}])
    ] = PeopleBody()
    owned: Annotated[
        tuple[OwnedCalBody, ...],
        Meta(max_length=OWNED_MAX, examples=[[{"product": "ws_cal-2016-user", "quantity": 40}]]),
    ] = ()
    subscriptions: Annotated[
        tuple[OwnedSubscriptionBody, ...],
        Meta(max_length=len(Subscription), examples=[[{"kind": "bridge_ems", "users": 5}]]),
    ] = ()

    def to_value(self, at: str = "") -> Environment:
        """Give the checked domain value; `at` is the pointer of this object in the request.

        Raises:
            Malformed: `product.unknown`, or as `environment.checked`.
        """
        whole = msgspec.to_builtins(self)
        for place, row in enumerate(whole["owned"]):
            row["product"] = _product(row["product"], f"{at}/owned/{place}/product")
        return checked(msgspec.convert(whole, Environment), at)

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """Write what a buyer described; server versions by their ids."""
        whole = msgspec.to_builtins(environment)
        for row, owned in zip(whole["owned"], environment.owned, strict=True):
            row["product"] = owned.product.key
        return msgspec.convert(whole, cls)


def _product(key: str, pointer: str) -> Any:
    found = load_catalogue().find_product(key)
    if found is None:
        raise Malformed(
            "product.unknown",
            "The catalogue has no such product; GET /v1/products lists them.",
            FieldProblem(pointer, "unknown product"),
        )
    return msgspec.to_builtins(found)
