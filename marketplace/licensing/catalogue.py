"""The products that can be traded, and what is known about each of them.

A product is a family, a CAL version and a metric. Its key (`ws_cal-2019-user`) is the one spelling
used in URLs, files and the register. Server versions are another thing than CAL versions: a 2012
CAL also serves Windows Server 2012 R2 (R03).
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache

import msgspec

from marketplace.kernel.errors import Malformed
from marketplace.licensing.reading import Row, read_data


class Metric(StrEnum):
    """What one licence is counted by (R06, R10)."""

    USER = "user"
    DEVICE = "device"
    SERVER = "server"


class FamilyKind(StrEnum):
    """Additive CALs need a base (R11); suites and connectors are one unit each (R10, R15)."""

    BASE = "base"
    ADDITIVE = "additive"
    SUITE = "suite"
    EXTERNAL_CONNECTOR = "external_connector"


class Reach(StrEnum):
    """Which rule of `coverage` decides for a family."""

    BASE = "base"
    RDS = "rds"
    SQL = "sql"
    EXCHANGE = "exchange"
    SUITE = "suite"
    EXTERNAL_CONNECTOR = "external_connector"


class Phase(StrEnum):
    """The part of a server product's support life that a day falls into."""

    UPCOMING = "upcoming"
    MAINSTREAM = "mainstream"
    EXTENDED = "extended"
    PAID = "paid"
    ENDED = "ended"


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact was read. `quality` says how near that is to the rightholder or the court."""

    id: str
    title: str
    quality: str
    url: str = ""


class Family(Row, frozen=True, kw_only=True):
    """A kind of CAL, such as the Windows Server CAL."""

    id: str
    name: str
    versioned_name: str
    kind: FamilyKind
    line: str
    metrics: tuple[Metric, ...]
    reach: Reach
    part_number_prefix: str
    needs: str = ""


class MetricRow(Row, frozen=True, kw_only=True):
    """A metric's name and meaning, in words."""

    id: Metric
    name: str
    meaning: str


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server product, whose versions several CAL families follow."""

    id: str
    name: str


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Support dates of a server version, last days included. No CAL expires with them (R19)."""

    start_on: date
    mainstream_end_on: date | None = None
    extended_end_on: date | None = None
    paid_end_on: date | None = None

    def phase(self, on: date) -> Phase:
        """Return the phase that `on` falls into. Without a known end a phase goes on."""
        if on < self.start_on:
            return Phase.UPCOMING
        if self.mainstream_end_on is None or on <= self.mainstream_end_on:
            return Phase.MAINSTREAM
        if self.extended_end_on is None or on <= self.extended_end_on:
            return Phase.EXTENDED
        if self.paid_end_on is not None and on <= self.paid_end_on:
            return Phase.PAID
        return Phase.ENDED


class Version(Row, frozen=True, kw_only=True):
    """A server version. `cal_version` is empty where no CAL is traded for it."""

    line: str
    id: str
    name: str
    cal_version: str = ""
    lifecycle: Lifecycle | None = None


class PartNumber(Row, frozen=True, kw_only=True):
    """What a part number stands for; what it leaves open (version, metric) is None."""

    number: str
    family: str
    programmes: tuple[str, ...]
    version: str | None = None
    metric: Metric | None = None
    segment: str | None = None
    pack_size: int | None = None
    term: str | None = None
    tradable: bool = True
    language: str | None = None
    sku_text: str | None = None


class Product(msgspec.Struct, frozen=True, order=True):
    """One tradable product. Make it through `Catalogue`, so that it exists."""

    family: str
    version: str
    metric: Metric

    @property
    def key(self) -> str:
        """The text form, safe in URLs and file names: `ws_cal-2019-user`."""
        return f"{self.family}-{self.version}-{self.metric.value}"


class Catalogue(msgspec.Struct, frozen=True):
    """Everything the data files say about products; build it with `load_catalogue`."""

    families: Mapping[str, Family]
    metrics: Mapping[Metric, MetricRow]
    lines: Mapping[str, Line]
    versions: tuple[Version, ...]
    part_numbers: Mapping[str, PartNumber]
    sources: Mapping[str, Source]
    products: Mapping[str, Product]
    server_versions: Mapping[tuple[str, str], Version]
    cal_versions: Mapping[str, tuple[str, ...]]

    def find_product(self, key: str) -> Product | None:
        """Return the product with this key or None; case and outer spaces do not matter."""
        return self.products.get(key.strip().lower())

    def product(self, key: str) -> Product:
        """Return the product with this key.

        Raises:
            Malformed: `product.unknown`, when the catalogue has no such product.
        """
        found = self.find_product(key)
        if found is None:
            raise Malformed(
                "product.unknown",
                f"No product is called {key[:80]!r}. "
                "A key is family, version, metric: for example ws_cal-2019-user.",
            )
        return found

    def family_of(self, product: Product) -> Family:
        """Return the family a product belongs to."""
        return self.families[product.family]

    def product_name(self, product: Product) -> str:
        """Return what people call it, for example `Windows Server 2019 User CAL`."""
        return self.family_of(product).versioned_name.format(
            version=product.version, metric=self.metrics[product.metric].name
        )

    def find_server(self, family: str, version: str) -> Version | None:
        """Return a server version of the family's line or None; `2012 R2` and `2012r2` are one."""
        row = self.families.get(family)
        plain = version.strip().lower().replace(" ", "").replace("-", "")
        return None if row is None else self.server_versions.get((row.line, plain))

    def server_name(self, server: Version) -> str:
        """Return what people call it, for example `Windows Server 2012 R2`."""
        return f"{self.lines[server.line].name} {server.name}"

    def servers_of(self, family: Family) -> tuple[Version, ...]:
        """Return all server versions of the family's line, oldest first."""
        return tuple(row for row in self.versions if row.line == family.line)

    def cal_order(self, product: Product) -> int:
        """Return the place of the CAL version in its line's release order, 0 = oldest."""
        return self.cal_versions[self.family_of(product).line].index(product.version)

    def products_of(self, family: Family, metric: Metric) -> tuple[Product, ...]:
        """Return the family's products with this metric, oldest version first."""
        keys = (
            f"{family.id}-{version}-{metric.value}" for version in self.cal_versions[family.line]
        )
        return tuple(self.products[key] for key in keys if key in self.products)

    def lifecycle_of(self, product: Product) -> Lifecycle | None:
        """Return the dates of the newest server version the CAL was made for, None if not known."""
        line = self.family_of(product).line
        return [v for v in self.versions if (v.line, v.cal_version) == (line, product.version)][
            -1
        ].lifecycle

    def newer_versions(self, product: Product, on: date) -> int:
        """Return how many newer CAL versions of the line were out on that day (a price driver)."""
        family = self.family_of(product)
        newer = self.cal_versions[family.line][self.cal_order(product) + 1 :]
        released = {
            row.cal_version
            for row in self.servers_of(family)
            if row.lifecycle is not None and row.lifecycle.start_on <= on
        }
        return sum(version in released for version in newer)

    def find_part_number(self, text: str) -> PartNumber | None:
        """Return what is known about a part number or None; case does not matter."""
        return self.part_numbers.get(text.strip().upper())


class _FamilyFile(msgspec.Struct, forbid_unknown_fields=True):
    family: tuple[Family, ...]


class _MetricFile(msgspec.Struct, forbid_unknown_fields=True):
    metric: tuple[MetricRow, ...]


class _VersionFile(msgspec.Struct, forbid_unknown_fields=True):
    line: tuple[Line, ...]
    version: tuple[Version, ...]


class _PartNumberFile(msgspec.Struct, forbid_unknown_fields=True):
    part_number: tuple[PartNumber, ...]


class _SourceFile(msgspec.Struct, forbid_unknown_fields=True):
    source: tuple[Source, ...]


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of the package's data files; read once per process."""
    families = read_data("families.toml", _FamilyFile).family
    version_file = read_data("versions.toml", _VersionFile)
    cal_versions = {
        line.id: tuple(
            dict.fromkeys(
                v.cal_version for v in version_file.version if v.line == line.id and v.cal_version
            )
        )
        for line in version_file.line
    }
    products = (
        Product(family.id, version, metric)
        for family in families
        for version in cal_versions[family.line]
        for metric in family.metrics
    )
    return Catalogue(
        families={row.id: row for row in families},
        metrics={row.id: row for row in read_data("metrics.toml", _MetricFile).metric},
        lines={row.id: row for row in version_file.line},
        versions=version_file.version,
        part_numbers={
            row.number.upper(): row
            for row in read_data("part_numbers.toml", _PartNumberFile).part_number
        },
        sources={row.id: row for row in read_data("sources.toml", _SourceFile).source},
        products={product.key: product for product in products},
        server_versions={(row.line, row.id): row for row in version_file.version},
        cal_versions=cal_versions,
    )
