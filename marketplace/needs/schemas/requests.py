"""What the API takes for a need."""

from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import parse_id, pattern
from marketplace.kernel.text import CurrencyCode, OptionalShortText, Quantity, ShortText
from marketplace.licensing.need.counts import Counts
from marketplace.licensing.need.external import ExternalCounts
from marketplace.licensing.need.prices import PRICE_MINOR_MAX
from marketplace.licensing.need.targets import Target
from marketplace.needs.domain.holding import Held
from marketplace.needs.domain.market import OwnPrice, named_product
from marketplace.needs.domain.request import (
    PAIRS_AT_ONCE_MAX,
    Asked,
    OwnedLine,
    Prefer,
    Sources,
    chosen_source,
)
from marketplace.needs.service import Question
from marketplace.quotes.schemas.environment import ServerVersion
from marketplace.valuations.schemas import ProductKey

VERSIONS_MAX: Final = 20
LINES_MAX: Final = 500
PRICES_MAX: Final = 100
NAMES_MAX: Final = 10_000

Count = Annotated[int, Meta(ge=0, le=1_000_000, description="Number of them", examples=[40])]
Name = Annotated[
    OptionalShortText, Meta(description="As your directory writes it", examples=["anna"])
]
ImportKey = Annotated[str, Meta(pattern=pattern("imp"), description="An accepted import of yours")]
Versions = Annotated[
    tuple[ServerVersion, ...],
    Meta(max_length=VERSIONS_MAX, description="Windows Server versions", examples=[["2022"]]),
]


class ExternalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are neither employees nor on-site contractors (R10), and the servers they reach."""

    users: Count = 0
    servers: Annotated[Count, Meta(description="Every server they reach, session hosts too")] = 0
    remote_users: Annotated[Count, Meta(description="Those of them on session hosts")] = 0
    session_hosts: Annotated[Count, Meta(description="Session hosts they reach")] = 0


class CountsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Real people and real devices, counted in front of every pool or shared account (R09); null: not known."""

    users: Annotated[Count | None, Meta(description="All of your own staff")] = None
    devices: Annotated[Count | None, Meta(description="All of your own devices")] = None
    shift_users: Annotated[Count, Meta(description="Staff who work only at shared devices")] = 0
    shared_devices: Annotated[Count, Meta(description="The devices they take turns at")] = 0
    remote_users: Annotated[Count | None, Meta(description="Users on session hosts")] = None
    remote_devices: Annotated[Count | None, Meta(description="Devices on session hosts")] = None
    remote_shift_users: Annotated[Count, Meta(description="`shift_users` on session hosts")] = 0
    remote_shared_devices: Annotated[
        Count, Meta(description="`shared_devices` on session hosts")
    ] = 0
    session_host_count: Annotated[
        int, Meta(ge=1, le=100_000, description="Session hosts; each runs in one mode (RD06)")
    ] = 1
    external: Annotated[ExternalBody, Meta(examples=[{"users": 20, "servers": 1}])] = ExternalBody()

    def to_value(self) -> Counts:
        """Give the domain value."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        hosts = given.pop("session_host_count")
        external = ExternalCounts(**msgspec.structs.asdict(given.pop("external")))
        return Counts(**given, session_hosts=hosts, external=external)


class AccessBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One access: who, at which device, through which session host (none: empty)."""

    user: Name
    device: Name
    host: Name = ""


Access = (
    Annotated[list[Name], Meta(min_length=2, max_length=3, examples=[["anna", "desk-1"]])]
    | AccessBody
)

Accesses = Annotated[list[Access], Meta(max_length=PAIRS_AT_ONCE_MAX)]


class OwnedBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All licences of a product that you have, held by somebody or not."""

    product: ProductKey
    quantity: Quantity


class OwnedNameBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One licence that a user or a device (one of the two) holds already."""

    product: ProductKey
    user: Annotated[ShortText | None, Meta(examples=["anna"])] = None
    device: Annotated[ShortText | None, Meta(examples=[None])] = None


class PriceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one licence costs you, net; it takes the place of today's market price."""

    product: ProductKey
    amount_minor: Annotated[
        int, Meta(ge=0, le=PRICE_MINOR_MAX, description="Minor units (cents)", examples=[2590])
    ]
    currency: CurrencyCode


class NeedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be reached, and by whom: exactly one of `counts`, `accesses` and `accesses_import_id`."""

    servers: Versions = ()
    session_hosts: Versions = ()
    licence_server: Annotated[
        ServerVersion | None,
        Meta(description="Version of the RD licence server", examples=["2022"]),
    ] = None
    counts: Annotated[
        CountsBody | None,
        Meta(examples=[{"users": 60, "devices": 80, "shift_users": 30, "shared_devices": 8}]),
    ] = None
    accesses: Annotated[
        Accesses | None,
        Meta(
            description="Who reached the servers at which device: `[user, device]`, "
            "`[user, device, host]` or an object; answered at once",
            examples=[None],
        ),
    ] = None
    accesses_import_id: Annotated[
        ImportKey | None,
        Meta(description="An import of kind `access_pairs`; answered by a job", examples=[None]),
    ] = None
    owned: Annotated[
        tuple[OwnedBody, ...],
        Meta(max_length=LINES_MAX, examples=[[{"product": "ws_cal-2019-user", "quantity": 20}]]),
    ] = ()
    owned_import_id: Annotated[
        ImportKey | None,
        Meta(
            description="An import of kind `licence_statement` or `licence_list`", examples=[None]
        ),
    ] = None
    owned_names: Annotated[
        tuple[OwnedNameBody, ...],
        Meta(
            max_length=NAMES_MAX,
            description="Who holds some of the licences owned; more names than licences count as owned too",
            examples=[[{"product": "ws_cal-2022-user", "user": "anna"}]],
        ),
    ] = ()
    usage_import_id: Annotated[
        ImportKey | None,
        Meta(description="An import of kind `rds_usage`: who holds an RDS CAL", examples=[None]),
    ] = None
    prefer: Annotated[Prefer, Meta(description="What the follow-ups are made for")] = (
        Prefer.LEAST_COST
    )
    prices: Annotated[
        tuple[PriceBody, ...],
        Meta(
            max_length=PRICES_MAX,
            examples=[[{"product": "ws_cal-2022-user", "amount_minor": 2590, "currency": "EUR"}]],
        ),
    ] = ()
    restricted_segments: Annotated[
        bool, Meta(description="Also take academic, government and charity licences")
    ] = False

    def to_question(self) -> Question:
        """Give the domain value.

        Raises:
            Malformed: `need.source_ambiguous`; `product.unknown`, pointing at the product.
        """
        sources = Sources(
            counts=self.counts is not None,
            accesses=self.accesses is not None,
            accesses_import=self.accesses_import_id is not None,
        )
        asked = Asked(
            source=chosen_source(sources),
            target=Target(
                servers=self.servers,
                session_hosts=self.session_hosts,
                licence_server=self.licence_server or "",
            ),
            counts=None if self.counts is None else self.counts.to_value(),
            accesses_import_id=_import_id(self.accesses_import_id),
            owned=tuple(
                OwnedLine(named_product(row.product, f"/owned/{place}/product"), row.quantity)
                for place, row in enumerate(self.owned)
            ),
            owned_import_id=_import_id(self.owned_import_id),
            usage_import_id=_import_id(self.usage_import_id),
            prefer=self.prefer,
            prices=tuple(
                OwnPrice(
                    product=named_product(row.product, f"/prices/{place}/product"),
                    amount_minor=row.amount_minor,
                    currency=row.currency,
                )
                for place, row in enumerate(self.prices)
            ),
            restricted_segments=self.restricted_segments,
        )
        return Question(asked=asked, rows=tuple(_rows(self.accesses or ())), held=self._held())

    def _held(self) -> tuple[Held, ...]:
        return tuple(
            Held(
                product=named_product(row.product, f"/owned_names/{place}/product"),
                user=row.user or "",
                device=row.device or "",
            )
            for place, row in enumerate(self.owned_names)
        )


def _rows(accesses: "list[Access] | tuple[()]") -> Iterator[tuple[str, str, str]]:
    for row in accesses:
        if isinstance(row, AccessBody):
            yield row.user, row.device, row.host
        else:
            user, device, *host = row
            yield user, device, host[0] if host else ""


def _import_id(text: str | None) -> UUID | None:
    return None if text is None else parse_id("imp", text)
