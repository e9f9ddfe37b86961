"""Divisibility: the smallest part of a source position that can be traded (C10; domain notes 1.4).

Everything downstream counts in multiples of one number, the unit size: 1 for volume licences and
suites, the pack size for packs, the whole position for a site licence, and 0 for what cannot be
traded alone.
"""

from enum import StrEnum
from functools import cache

import msgspec

from marketplace.licensing.catalogue import FamilyKind, load_catalogue
from marketplace.licensing.eligibility.positions import OrderedUnit, SourcePosition
from marketplace.licensing.programmes import find_programme
from marketplace.licensing.reading import Row, read_data


class UnitSize(StrEnum):
    """How the size of a unit follows from the position."""

    ONE = "one"
    PACK = "pack"
    WHOLE = "whole"
    NONE = "none"


class UnitRule(Row, frozen=True, kw_only=True):
    """One row of the unit table."""

    id: str
    name: str
    size: UnitSize
    split_label: bool
    why: str


class Unit(msgspec.Struct, frozen=True):
    """The tradable unit of one position; size 0 = nothing can be traded, or pack size unknown."""

    rule: UnitRule
    size: int

    def fits(self, quantity: int) -> bool:
        """Say whether `quantity` licences can be traded: a positive multiple of the unit."""
        return self.size > 0 and quantity > 0 and quantity % self.size == 0

    def round_down(self, quantity: int) -> int:
        """Return the largest tradable quantity up to `quantity`; 0 if there is none."""
        return quantity - quantity % self.size if self.size > 0 and quantity > 0 else 0

    def round_up(self, quantity: int) -> int:
        """Return the smallest tradable quantity from `quantity` on; 0 if nothing can be traded."""
        return -(-quantity // self.size) * self.size if self.size > 0 and quantity > 0 else 0


class _UnitFile(msgspec.Struct, forbid_unknown_fields=True):
    unit: tuple[UnitRule, ...]


@cache
def load_units() -> dict[str, UnitRule]:
    """Return the unit table by id; read once per process."""
    return {row.id: row for row in read_data("units.toml", _UnitFile).unit}


def is_stripped_suite(position: SourcePosition) -> bool:
    """Say whether a single CAL is offered out of a suite: one licence, never separable (M8)."""
    kind = load_catalogue().family_of(position.product).kind
    return position.ordered_unit is OrderedUnit.CAL_SUITE and kind is not FamilyKind.SUITE


def unit_of(position: SourcePosition) -> Unit:
    """Return the smallest tradable unit of the position.

    What was ordered decides first, then the family (suites and connectors are one licence each),
    then the programme (boxes and OEM packs stay whole).
    """
    rule = load_units()[_unit_id(position)]
    sizes = {
        UnitSize.ONE: 0 if is_stripped_suite(position) else 1,
        UnitSize.PACK: max(position.pack_size or 0, 0),
        UnitSize.WHOLE: max(position.acquired, 0),
        UnitSize.NONE: 0,
    }
    return Unit(rule, sizes[rule.size])


def is_tradable_quantity(position: SourcePosition, quantity: int) -> bool:
    """Say whether `quantity` licences can be traded out of the position."""
    return unit_of(position).fits(quantity)


def tradable_up_to(position: SourcePosition, available: int) -> int:
    """Return the largest quantity that can be allocated from `available` licences."""
    return unit_of(position).round_down(available)


def _unit_id(position: SourcePosition) -> str:
    if position.ordered_unit is not OrderedUnit.LICENCE:
        return position.ordered_unit.value
    kind = load_catalogue().family_of(position.product).kind
    if kind is FamilyKind.SUITE:
        return OrderedUnit.CAL_SUITE.value
    if kind is FamilyKind.EXTERNAL_CONNECTOR:
        return "external_connector"
    programme = find_programme(position.programme)
    whole_pack = programme is not None and programme.whole_pack
    return OrderedUnit.PACK.value if whole_pack else OrderedUnit.LICENCE.value
