"""What the API takes for a quote."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.kernel.text import END, AmountMinor
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.environments.environment import Environment
from marketplace.quotes.domain.need import Asked
from marketplace.quotes.schemas.environment import EnvironmentBody

QUANTITY_MAX: Final = 100_000
LINES_MAX: Final = 20

Family = Annotated[
    str,
    Meta(
        pattern=f"^[a-z0-9_]{{1,20}}{END}",
        examples=["ws_cal"],
        description="CAL family of the catalogue",
    ),
]
VersionText = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9 ]{{1,20}}{END}",
        examples=["2019"],
        description="Version of the catalogue",
    ),
]
LineQuantity = Annotated[
    int, Meta(ge=1, le=QUANTITY_MAX, description="Number of licences", examples=[50])
]


class QuoteRequestLine(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """Licences of a version, or for a server version: exactly one of `version` and `covers_server_version`."""

    family: Family
    metric: Metric
    quantity: LineQuantity
    version: VersionText | None = None
    covers_server_version: VersionText | None = None
    quantity_max: Annotated[
        LineQuantity | None,
        Meta(
            description="Take up to so many when packs leave no other way or it costs less; default: `quantity`"
        ),
    ] = None
    max_unit_price_minor: Annotated[
        AmountMinor | None, Meta(description="Highest net price per licence")
    ] = None
    newer_versions: Annotated[
        bool,
        Meta(description="A newer version that covers the same servers may stand in for `version`"),
    ] = True
    restricted_segments: Annotated[
        bool, Meta(description="Also take academic, government and charity licences")
    ] = False

    def to_asked(self, place: int) -> Asked:
        """Give the domain value; `place` is the index in the request."""
        most = self.quantity if self.quantity_max is None else self.quantity_max
        if most < self.quantity:
            raise Malformed(
                "quote.quantity_range",
                "`quantity_max` is at least `quantity`.",
                FieldProblem(f"/lines/{place}/quantity_max", f"at least {self.quantity}"),
            )
        return Asked(
            family=self.family,
            metric=self.metric,
            quantity=self.quantity,
            quantity_max=most,
            version=self.version,
            covers_server_version=self.covers_server_version,
            max_unit_price_minor=self.max_unit_price_minor,
            newer_versions=self.newer_versions,
            restricted_segments=self.restricted_segments,
        )


class QuoteRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the buyer needs; the country comes from its company. With `environment` each line says how it fits."""

    lines: Annotated[
        tuple[QuoteRequestLine, ...],
        Meta(
            min_length=1,
            max_length=LINES_MAX,
            examples=[[{"family": "ws_cal", "version": "2019", "metric": "user", "quantity": 50}]],
        ),
    ]
    environment: Annotated[
        EnvironmentBody | None, Meta(description="Where the licences are to be used")
    ] = None

    def to_environment(self) -> Environment | None:
        """Give the environment as a checked value, None when nothing is described."""
        return None if self.environment is None else self.environment.to_value("/environment")
