"""What the register announces: changes that later stages cannot see coming from their own calls."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class ReservationsExpired(Event, frozen=True):
    """Reservations of a group (a quote) ran out in a lot; its units are free again."""

    name: ClassVar[str] = "register.reservations_expired.v1"
    lot_id: UUID
    group_id: UUID


class UnitsHeld(Event, frozen=True):
    """Units of a lot were frozen."""

    name: ClassVar[str] = "register.units_held.v1"
    lot_id: UUID
    hold_id: UUID


class HoldLifted(Event, frozen=True):
    """A freeze ended."""

    name: ClassVar[str] = "register.hold_lifted.v1"
    lot_id: UUID
    hold_id: UUID


class UnitsRetired(Event, frozen=True):
    """Units were surrendered for good."""

    name: ClassVar[str] = "register.units_retired.v1"
    lot_id: UUID
    holding_id: UUID


class UnitsReversed(Event, frozen=True):
    """Units went back to their previous owner by a compensating entry."""

    name: ClassVar[str] = "register.units_reversed.v1"
    lot_id: UUID
    holding_id: UUID
