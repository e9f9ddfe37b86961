"""Which CAL reaches which server (domain notes 3.1 to 3.4), and which CAL may stand in for another.

Every answer names its rule, its sources and a reason for people. An inferred cell (`u` in the
matrices) answers with `confirmed=False`; what the market offers on its own account uses confirmed
answers only (`Coverage.usable`).
"""

from functools import cache, lru_cache

import msgspec

from marketplace.licensing.catalogue import (
    Catalogue,
    Metric,
    Product,
    Reach,
    Version,
    load_catalogue,
)
from marketplace.licensing.reading import read_data
from marketplace.licensing.rules import load_rule_set

# Server versions arrive as callers' text, so the memory of answers is bounded (all true ones: 300).
_ANSWERS_KEPT = 2048


class _Exception(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cal_version: str
    server_version: str
    covered: bool
    rule: str


class _Matrix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: str
    cal_versions: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]

    def cell(self, cal_version: str, server_version: str) -> tuple[bool, bool]:
        """Return (yes, stated by a source)."""
        word = self.rows[server_version][self.cal_versions.index(cal_version)]
        return word.startswith("yes"), not word.endswith(" u")


class _CoverageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exception: tuple[_Exception, ...]
    session_host: _Matrix
    licence_server: _Matrix


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """May this CAL be used for that server? `message_key` and `params` give the reason, see `texts.english`."""

    product: Product
    covered: bool
    rule: str
    confirmed: bool
    message_key: str
    params: dict[str, str | int]
    sources: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Covered, and a source says so: good enough to sell on."""
        return self.covered and self.confirmed


class _Reason(msgspec.Struct, frozen=True):
    rule: str
    covered: bool
    message: str
    stated: bool = True


@cache
def _data() -> _CoverageFile:
    return read_data("coverage.toml", _CoverageFile)


@lru_cache(maxsize=_ANSWERS_KEPT)
def covers(cal: Product, server_version: str) -> Coverage:
    """Say whether a CAL licenses access to a server version of its own line.

    For RDS CALs the server is the session host. An unknown server version is not covered and not
    confirmed.
    """
    catalogue = load_catalogue()
    family = catalogue.family_of(cal)
    server = catalogue.find_server(cal.family, server_version)
    if server is None:
        return Coverage(
            product=cal,
            covered=False,
            rule="",
            confirmed=False,
            message_key="coverage.unknown_server",
            params={"cal": catalogue.product_name(cal)},
            sources=(),
        )
    return _answer(cal, server, _REACH[family.reach](catalogue, cal, server))


@lru_cache(maxsize=_ANSWERS_KEPT)
def licence_server_can_hold(cal: Product, server_version: str) -> Coverage:
    """Say whether a licence server of that version can hold an RDS CAL (matrix two of domain notes 3.3).

    Raises:
        KeyError: the server version is unknown or the product is no RDS CAL; ask `Catalogue.find_server` first.
    """
    catalogue = load_catalogue()
    server = catalogue.find_server(cal.family, server_version)
    if server is None or catalogue.family_of(cal).reach is not Reach.RDS:
        raise KeyError(cal.key, server_version)
    matrix = _data().licence_server
    covered, stated = matrix.cell(cal.version, server.id)
    message = "holds_yes" if covered else "holds_no"
    return _answer(cal, server, _Reason(matrix.rule, covered, message, stated))


@lru_cache(maxsize=_ANSWERS_KEPT)
def versions_covering(family: str, server_version: str, metric: Metric) -> tuple[Coverage, ...]:
    """Return the products of a family that are known to cover a server version, oldest first.

    Oldest first is usually cheapest first: an older version costs no more at list. Empty when the
    family, metric or server version is unknown or nothing is confirmed to cover it.
    """
    catalogue = load_catalogue()
    row = catalogue.families.get(family)
    if row is None:
        return ()
    answers = (covers(product, server_version) for product in catalogue.products_of(row, metric))
    return tuple(answer for answer in answers if answer.usable)


@cache
def substitutes_for(wanted: Product) -> tuple[Product, ...]:
    """Return what may be delivered for `wanted`, itself first, then newer versions that reach as far.

    For RDS this leaves newer CALs out where the matrix is only inferred for old hosts, so a buyer
    loses no certainty.
    """
    catalogue = load_catalogue()
    family = catalogue.family_of(wanted)
    servers = [row.id for row in catalogue.servers_of(family) if covers(wanted, row.id).usable]
    newer = catalogue.products_of(family, wanted.metric)[catalogue.cal_order(wanted) + 1 :]
    fit = (
        cal for cal in newer if servers and all(covers(cal, server).usable for server in servers)
    )
    return (wanted, *fit)


def _answer(cal: Product, server: Version, reason: _Reason) -> Coverage:
    catalogue = load_catalogue()
    rule = load_rule_set().rules[reason.rule]
    return Coverage(
        product=cal,
        covered=reason.covered,
        rule=rule.id,
        confirmed=rule.confirmed and reason.stated,
        message_key=f"coverage.{reason.message}",
        params={"cal": catalogue.product_name(cal), "server": catalogue.server_name(server)},
        sources=rule.sources,
    )


def _is_not_older(catalogue: Catalogue, cal: Product, server: Version) -> bool:
    order = catalogue.cal_versions[server.line]
    return order.index(cal.version) >= order.index(server.cal_version)


def _by_age(catalogue: Catalogue, cal: Product, server: Version, rule: str) -> _Reason:
    if not _is_not_older(catalogue, cal, server):
        return _Reason(rule, covered=False, message="older_never_covers")
    same = cal.version == server.cal_version
    return _Reason(rule, covered=True, message="same_version" if same else "newer_covers_older")


def _base_reach(catalogue: Catalogue, cal: Product, server: Version) -> _Reason:
    for row in _data().exception:
        if (row.cal_version, row.server_version) == (cal.version, server.id):
            message = "older_never_covers"
            if row.covered:
                message = "r2_covered" if row.rule == "R03" else "same_version"
            return _Reason(row.rule, row.covered, message)
    return _by_age(catalogue, cal, server, "R02")


def _rds_reach(_: Catalogue, cal: Product, server: Version) -> _Reason:
    matrix = _data().session_host
    covered, stated = matrix.cell(cal.version, server.id)
    return _Reason(matrix.rule, covered, "matrix_yes" if covered else "matrix_no", stated)


def _sql_reach(catalogue: Catalogue, cal: Product, server: Version) -> _Reason:
    return _by_age(catalogue, cal, server, "X-SQL")


def _exchange_reach(catalogue: Catalogue, cal: Product, server: Version) -> _Reason:
    if not server.cal_version:
        return _Reason("X-EXCHANGE-SE", covered=False, message="needs_assurance")
    return _by_age(catalogue, cal, server, "X-EXCHANGE")


def _suite_reach(catalogue: Catalogue, cal: Product, server: Version) -> _Reason:
    # The frozen right is that of the base CAL of the same version, so it is as certain as the base CAL's answer.
    base = _base_reach(catalogue, cal, server)
    message = "suite_yes" if base.covered else "suite_no"
    return _Reason("R15", base.covered, message, load_rule_set().rules[base.rule].confirmed)


def _connector_reach(catalogue: Catalogue, cal: Product, server: Version) -> _Reason:
    covered = _is_not_older(catalogue, cal, server)
    return _Reason("R10", covered, "external_yes" if covered else "external_no")


_REACH = {
    Reach.BASE: _base_reach,
    Reach.RDS: _rds_reach,
    Reach.SQL: _sql_reach,
    Reach.EXCHANGE: _exchange_reach,
    Reach.SUITE: _suite_reach,
    Reach.EXTERNAL_CONNECTOR: _connector_reach,
}
