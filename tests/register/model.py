"""The register as a few lines of plain Python: what it must answer, told without a database.

Each act gives the code of the refusal it expects, or `None`. Time is a number of seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from marketplace.register.domain import Units, free_units, take_lowest


@dataclass(frozen=True, eq=False)
class Origin:
    """How an ownership began; splits share it."""

    by: str
    seller: "Held | None" = None


@dataclass(frozen=True)
class Held:
    """A live interval; nobody owns a retired one."""

    units: Units
    owner: UUID | None
    origin: Origin


@dataclass
class Reserved:
    """A reservation."""

    lot: "Lot"
    units: Units
    holder: UUID
    expires: float
    ended: str | None = None


@dataclass
class Lot:
    """A lot and what was said about its units."""

    held: list[Held]
    reserved: list[Reserved] = field(default_factory=list)
    frozen: dict[UUID, Units] = field(default_factory=dict)
    declared: list[tuple[Origin, Units]] = field(default_factory=list)

    def covering(self, units: Units, owner: UUID | None = None) -> Held | None:
        """Find the holding around some units, of an owner if one is named."""
        for held in self.held:
            if held.units.covers(units) and owner in {None, held.owner}:
                return held
        return None

    def give(self, units: Units, owner: UUID | None, origin: Origin) -> None:
        """Cut units out of their holding and give them to somebody."""
        whole = self.covering(units)
        assert whole is not None
        self.held.remove(whole)
        for part in whole.units.tile(units):
            kept = Held(part, whole.owner, whole.origin)
            self.held.append(Held(units, owner, origin) if part == units else kept)
        self.held.sort(key=lambda held: held.units)

    def is_frozen(self, units: Units) -> bool:
        """Tell whether any of the units is on hold."""
        return any(hold.overlaps(units) for hold in self.frozen.values())


class Model:
    """All lots, and the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lots: dict[UUID, Lot] = {}
        self.reservations: dict[UUID, Reserved] = {}

    def state(self, reservation: Reserved) -> str:
        """Tell how a reservation stands now."""
        if reservation.ended is None and reservation.expires <= self.now:
            reservation.ended = "expired"
        return reservation.ended or "active"

    def active(self, lot: Lot) -> list[Units]:
        """Give the units that are reserved now."""
        return [r.units for r in lot.reserved if self.state(r) == "active"]

    def free(
        self, lot: Lot, holder: UUID, step: int = 1, taken: Sequence[Units] = ()
    ) -> tuple[Units, ...]:
        """Give the free units of a holder."""
        live = [held.units for held in lot.held if held.owner == holder]
        return free_units(live, [*self.active(lot), *lot.frozen.values(), *taken], step)

    def open(self, lot_id: UUID, owner: UUID, size: int) -> None:
        """Open a lot."""
        self.lots[lot_id] = Lot([Held(Units(0, size), owner, Origin("lot.opened"))])

    def reserve(
        self, lines: Sequence[tuple[UUID, UUID, int, int]]
    ) -> tuple[list[tuple[int, UUID, Units]], list[tuple[int, int]]]:
        """Plan lines of lot, holder, quantity and step: what is taken, or which lines are short."""
        taken: list[tuple[int, UUID, Units]] = []
        short: list[tuple[int, int]] = []
        for number, (lot_id, holder, quantity, step) in enumerate(lines):
            before = [units for _, other, units in taken if other == lot_id]
            free = self.free(self.lots[lot_id], holder, step, before)
            got = take_lowest(free, quantity)
            if got:
                taken += [(number, lot_id, units) for units in got]
            else:
                unasked = self.free(self.lots[lot_id], holder, step)
                short.append((number, sum(gap.size for gap in unasked)))
        return ([], short) if short else (taken, [])

    def keep(self, reservation_id: UUID, reserved: Reserved) -> None:
        """Remember a reservation."""
        self.reservations[reservation_id] = reserved
        reserved.lot.reserved.append(reserved)

    def first_ended(self, group: Sequence[UUID]) -> str | None:
        """Give the refusal of the first reservation that is over."""
        for reservation_id in group:
            state = self.state(self.reservations[reservation_id])
            if state != "active":
                return "reservation.expired" if state == "expired" else "reservation.ended"
        return None

    def extend(self, group: Sequence[UUID], expires: float) -> str | None:
        """Promise for longer."""
        refused = self.first_ended(group)
        if refused is None:
            for reservation_id in group:
                reservation = self.reservations[reservation_id]
                reservation.expires = max(reservation.expires, expires)
        return refused

    def release(self, group: Sequence[UUID]) -> str | None:
        """Void what is not over."""
        found = [self.reservations[reservation_id] for reservation_id in group]
        if any(self.state(reservation) == "posted" for reservation in found):
            return "reservation.ended"
        for reservation in found:
            reservation.ended = "expired" if self.state(reservation) == "expired" else "voided"
        return None

    def declare(self, group: Sequence[UUID]) -> str | None:
        """Note that the holders of reserved units declared them."""
        refused = self.first_ended(group)
        if refused is None:
            for reservation in (self.reservations[key] for key in group):
                held = reservation.lot.covering(reservation.units, reservation.holder)
                assert held is not None
                reservation.lot.declared.append((held.origin, reservation.units))
        return refused

    def post(self, group: Sequence[UUID], buyer: UUID) -> str | None:
        """Move every line, or say what the first bad line is refused for."""
        found = [self.reservations[reservation_id] for reservation_id in group]
        for reservation_id, reservation in zip(group, found, strict=True):
            refused = self.first_ended([reservation_id])
            if refused:
                return refused
            held = reservation.lot.covering(reservation.units, reservation.holder)
            assert held is not None
            if not any(
                origin is held.origin and units.covers(reservation.units)
                for origin, units in reservation.lot.declared
            ):
                return "title.undeclared"
        if any(r.lot.is_frozen(r.units) for r in found):
            return "title.held"
        for reservation in found:
            seller = reservation.lot.covering(reservation.units)
            reservation.ended = "posted"
            reservation.lot.give(reservation.units, buyer, Origin("deal", seller))
        return None

    def retire(self, lot: Lot, units: Units, holder: UUID) -> str | None:
        """Surrender units."""
        if lot.covering(units, holder) is None:
            return "title.not_live"
        refused = self._stuck(lot, units)
        if refused is None:
            lot.give(units, None, Origin("retired"))
        return refused

    def give_back(self, lot: Lot, units: Units) -> str | None:
        """Return units of a deal to their seller."""
        held = lot.covering(units)
        if held is None:
            return "title.not_live"
        if held.origin.by != "deal" or held.origin.seller is None:
            return "reversal.not_of_this"
        refused = self._stuck(lot, units)
        if refused is None:
            lot.give(units, held.origin.seller.owner, Origin("return"))
        return refused

    def _stuck(self, lot: Lot, units: Units) -> str | None:
        if lot.is_frozen(units):
            return "title.held"
        if any(taken.overlaps(units) for taken in self.active(lot)):
            return "title.reserved"
        return None
