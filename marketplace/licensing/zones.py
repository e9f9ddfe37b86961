"""Zones of exhaustion: where the first sale was made and whom it allows (C02, C22; notes 1.8).

The United Kingdom and Switzerland are zones of their own. A first sale in the United Kingdom up to
2020-12-31 still counts as one in the EEA; a later one does not.
"""

from datetime import date
from enum import StrEnum
from functools import cache

import msgspec

from marketplace.licensing.reading import Row, read_data


class Zone(StrEnum):
    """The zone a company is in."""

    EEA = "eea"
    UK = "uk"
    CH = "ch"
    OTHER = "other"


class Origin(StrEnum):
    """The zone of a first sale; for the United Kingdom the day decides."""

    EEA = "eea"
    UK_UNTIL_2020 = "uk_until_2020"
    UK_FROM_2021 = "uk_from_2021"
    CH = "ch"
    ELSEWHERE = "elsewhere"


class Answer(StrEnum):
    """May a lot of this origin go to that buyer? `review`: only after a lawyer has looked."""

    YES = "yes"
    NO = "no"
    REVIEW = "review"


class Ruling(Row, frozen=True, kw_only=True):
    """One cell of the zone table."""

    origin: Origin
    buyer: Zone
    answer: Answer


class _ZoneFile(msgspec.Struct, forbid_unknown_fields=True):
    uk_last_eea_day: date
    eea: frozenset[str]
    uk: frozenset[str]
    ch: frozenset[str]
    ruling: tuple[Ruling, ...]


class _ZoneTable(msgspec.Struct, frozen=True):
    uk_last_eea_day: date
    zones: dict[str, Zone]
    rulings: dict[tuple[Origin, Zone], Ruling]


@cache
def _table() -> _ZoneTable:
    file = read_data("zones.toml", _ZoneFile)
    zones = dict.fromkeys(file.eea, Zone.EEA)
    zones |= dict.fromkeys(file.uk, Zone.UK) | dict.fromkeys(file.ch, Zone.CH)
    return _ZoneTable(
        uk_last_eea_day=file.uk_last_eea_day,
        zones=zones,
        rulings={(row.origin, row.buyer): row for row in file.ruling},
    )


def zone_of(country: str) -> Zone:
    """Return the zone of an ISO 3166 alpha-2 code; anything else is `OTHER`, not served."""
    return _table().zones.get(country.strip().upper(), Zone.OTHER)


def origin_of(country: str, first_sold_on: date) -> Origin:
    """Return the origin of a first sale; for the UK the line is 2020-12-31 (L24b)."""
    zone = zone_of(country)
    if zone is Zone.UK:
        early = first_sold_on <= _table().uk_last_eea_day
        return Origin.UK_UNTIL_2020 if early else Origin.UK_FROM_2021
    return Origin.ELSEWHERE if zone is Zone.OTHER else Origin(zone.value)


def ruling_for(origin: Origin, buyer: Zone) -> Ruling:
    """Return the table's cell; the table is complete, a test checks it."""
    return _table().rulings[(origin, buyer)]


def rulings() -> tuple[Ruling, ...]:
    """Return all cells of the zone table."""
    return tuple(_table().rulings.values())


def open_zones(country: str, first_sold_on: date) -> tuple[Zone, ...]:
    """Return the zones whose buyers may be served without a person: a confirmed `yes` (C22).

    A listing can store this and let the search filter on it; `OTHER` never occurs.
    """
    origin = origin_of(country, first_sold_on)
    found = (ruling_for(origin, zone) for zone in Zone)
    return tuple(row.buyer for row in found if row.answer is Answer.YES and row.confirmed)
