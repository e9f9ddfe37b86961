"""Ways to license the same people: all by user, all by device, mixed; and which one to take."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.kernel.money import BASIS_POINTS, Money
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.need.gap import Gap
from marketplace.licensing.need.kinds import RDS_FAMILY, Kind
from marketplace.licensing.need.targets import Target

MIXING_SAVES_BP_MIN: Final = 500
"""Mixing must save 5 % of the cheapest answer of one kind. Two kinds mean two lists of who or what holds a CAL, a look
at both for every newcomer and every replaced machine, 90 days between reassignments (R12) and no free way from one
kind to the other (R13): a few per cent are soon lost to that work."""


class OptionKind(StrEnum):
    """What the licences are counted by."""

    ALL_USER = "all_user"
    ALL_DEVICE = "all_device"
    MIXED = "mixed"


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way: per need what is owned and what must be bought. Its cost is `gap.cost`, None when a price is missing."""

    kind: OptionKind
    gap: Gap

    @property
    def cost(self) -> Money | None:
        """What must be spent now."""
        return self.gap.cost

    def quantity(self, kind: Kind) -> int:
        """Return how many licences of a kind are needed, owned ones included."""
        return sum(line.needed for line in self.gap.lines if line.kind is kind)


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """Which option to take (None: cannot be said, the statements tell what is missing), and why."""

    recommended: OptionKind | None
    statements: tuple[Statement, ...]


def note(message_key: str, params: dict[str, str | int]) -> Statement:
    """Return a statement about the answer itself, which rests on no rule."""
    return Statement(
        rule="", message_key=f"need.{message_key}", params=params, confirmed=True, sources=()
    )


def advise(options: Sequence[Option], target: Target) -> Advice:
    """Choose the cheapest option, but one kind where mixing saves less than `MIXING_SAVES_BP_MIN`.

    Nothing is recommended while the cost of one of the options is not known: it might be the cheapest.
    """
    gaps = [option.gap for option in options]
    missing = _missing(gaps)
    # What to do comes first, what holds anyway last.
    general = (*missing, *_general(options, target))
    priced = [(option, option.cost.amount_minor) for option in options if option.cost is not None]
    if len(priced) < len(options) or not priced:
        return Advice(recommended=None, statements=general)
    best = min(priced, key=_amount)
    singles = [row for row in priced if row[0].kind is not OptionKind.MIXED]
    if best in singles or not singles:
        said = (_of(best[0]), *_of_rds(best[0]), *general)
        return Advice(recommended=best[0].kind, statements=said)
    single = min(singles, key=_amount)
    saving = single[1] - best[1]
    pays = saving * BASIS_POINTS >= single[1] * MIXING_SAVES_BP_MIN
    params: dict[str, str | int] = {
        "percent": saving * 100 // single[1],
        "threshold": MIXING_SAVES_BP_MIN // 100,
    }
    chosen = best[0] if pays else single[0]
    reason = state("R06", "need.mixing_pays" if pays else "need.keep_one_kind", params)
    said = (_of(chosen), *_of_rds(chosen), reason, *general)
    return Advice(recommended=chosen.kind, statements=said)


def _amount(row: tuple[Option, int]) -> int:
    return row[1]


def _of(option: Option) -> Statement:
    numbers: dict[str, str | int] = {
        "users": option.quantity(Kind.USER),
        "devices": option.quantity(Kind.DEVICE),
    }
    return state("R06", f"need.take_{option.kind.value}", numbers)


def _of_rds(option: Option) -> tuple[Statement, ...]:
    users, devices = option.quantity(Kind.RDS_USER), option.quantity(Kind.RDS_DEVICE)
    if not users and not devices:
        return ()
    return (state("R11", "need.take_rds", {"users": users, "devices": devices}),)


def _general(options: Sequence[Option], target: Target) -> tuple[Statement, ...]:
    """State what holds for every option."""
    found = [state("R05", "need.one_cal_all_servers")]
    if any(
        option.quantity(kind) for option in options for kind in Kind if kind.family == RDS_FAMILY
    ):
        found.append(state("R11", "need.rds_beside_base"))
        found.append(state("RD06", "need.one_mode_per_host"))
        if not target.licence_server:
            found.append(state("X-RDS-LICENCE-SERVER", "need.licence_server_unknown"))
    return tuple(found)


def _missing(gaps: Sequence[Gap]) -> tuple[Statement, ...]:
    """Name every product without a price, and every kind without a product."""
    catalogue = load_catalogue()
    unpriced = {
        line.product
        for gap in gaps
        for line in gap.lines
        if line.product is not None and line.cost_minor is None
    }
    unbuyable = {kind for gap in gaps for kind in gap.unbuyable}
    return (
        *(
            note("price_unknown", {"product": catalogue.product_name(product)})
            for product in sorted(unpriced)
        ),
        *(
            state("R02", "need.no_product", {"family": catalogue.families[kind.family].name})
            for kind in Kind
            if kind in unbuyable
        ),
    )
