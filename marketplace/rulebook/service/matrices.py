"""The answers of the rule book that read best as tables: zones, session hosts, licence servers."""

from collections.abc import Callable
from functools import cache

import msgspec

from marketplace.licensing.catalogue import Metric, Reach, load_catalogue
from marketplace.licensing.coverage import Coverage, covers, licence_server_can_hold
from marketplace.licensing.zones import Answer, Origin, Zone, ruling_for


class Cell(msgspec.Struct, frozen=True):
    """One answer, and whether a source states it."""

    answer: Answer
    confirmed: bool


class MatrixRow(msgspec.Struct, frozen=True):
    """What is asked about, and an answer for each column."""

    name: str
    cells: tuple[Cell, ...]


class Matrix(msgspec.Struct, frozen=True):
    """A table of answers."""

    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


@cache
def zone_matrix() -> Matrix:
    """Give the zone table (C02, C22): a row for each origin, a column for each buyer's zone we serve."""
    zones = tuple(zone for zone in Zone if zone is not Zone.OTHER)
    return Matrix(
        tuple(zone.value for zone in zones),
        tuple(
            MatrixRow(origin.value, tuple(_zone_cell(origin, zone) for zone in zones))
            for origin in Origin
        ),
    )


@cache
def session_host_matrix() -> Matrix:
    """Give what X-RDS-HOST says: a row for each session host, a column for each version of the RDS CAL."""
    return _rds_matrix(covers)


@cache
def licence_server_matrix() -> Matrix:
    """Give what X-RDS-LICENCE-SERVER says: a row for each licence server, a column for each version of the RDS CAL."""
    return _rds_matrix(licence_server_can_hold)


def _rds_matrix(ask: Callable[..., Coverage]) -> Matrix:
    catalogue = load_catalogue()
    family = next(row for row in catalogue.families.values() if row.reach is Reach.RDS)
    cals = catalogue.products_of(family, Metric.USER)
    return Matrix(
        tuple(cal.version for cal in cals),
        tuple(
            MatrixRow(server.name, tuple(_cell(ask(cal, server.id)) for cal in cals))
            for server in catalogue.servers_of(family)
        ),
    )


def _cell(coverage: Coverage) -> Cell:
    return Cell(Answer.YES if coverage.covered else Answer.NO, coverage.confirmed)


def _zone_cell(origin: Origin, zone: Zone) -> Cell:
    ruling = ruling_for(origin, zone)
    return Cell(ruling.answer, ruling.confirmed)
