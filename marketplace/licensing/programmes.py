"""The programme matrix: how a licence was bought decides when it is perpetual (domain notes 1.3).

An Enterprise Agreement licence vests when all payments are made *and* the first enrolment term has
ended (L22): a date rule, so vesting is computed for a day and says on which day to look again.
"""

from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final

import msgspec

from marketplace.licensing.days import day_after
from marketplace.licensing.reading import Row, read_data


class Perpetual(StrEnum):
    """Does the programme give a right without end?"""

    YES = "yes"
    AFTER_BUYOUT = "after_buyout"
    NO = "no"
    UNKNOWN = "unknown"


class VestingRule(StrEnum):
    """What must have happened before the right is the customer's own."""

    ON_PURCHASE = "on_purchase"
    FULL_PAYMENT = "full_payment"
    FULL_PAYMENT_AND_TERM_END = "full_payment_and_term_end"
    NEVER = "never"
    UNKNOWN = "unknown"


class Fee(StrEnum):
    """What the customer paid for: exhaustion needs a purchase (C03)."""

    PURCHASE = "purchase"
    RENTAL = "rental"
    FREE = "free"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """The matrix's default for a lot from this programme."""

    ACCEPT = "accept"
    HOLD_UNTIL_VESTED = "hold_until_vested"
    REJECT_WITHOUT_BUYOUT = "reject_without_buyout"
    REJECT = "reject"


class LicenceTerms(StrEnum):
    """Which kind of terms defines the intended use (C12)."""

    PRODUCT_TERMS = "product_terms"
    OEM = "oem"
    RETAIL = "retail"


class Programme(Row, frozen=True, kw_only=True):
    """One row of the matrix; `main_identifier` names what `agreement_number` holds, if needed.

    `terms` is None where nothing is traded, so that no terms have to fit.
    """

    id: str
    name: str
    perpetual: Perpetual
    vesting: VestingRule
    fee: Fee
    decision: Decision
    main_identifier: str = ""
    further_identifiers: tuple[str, ...] = ()
    vesting_confirmed: bool = True
    terms: LicenceTerms | None = None
    sales_ended_on: date | None = None
    volume: bool = False
    whole_pack: bool = False
    whole_transfer_clause: bool = False
    term_decides: bool = False
    excluded: bool = False
    key_only: bool = False


class Segment(Row, frozen=True, kw_only=True):
    """A price segment; a restricted one is labelled and trades apart (domain notes 1.5)."""

    id: str
    name: str
    restricted: bool


class VestingState(StrEnum):
    """Where a position stands under its programme's rule on a given day."""

    VESTED = "vested"
    NOT_PAID = "not_paid"
    TERM_RUNNING = "term_running"
    TERM_END_UNKNOWN = "term_end_unknown"
    NEVER = "never"
    RULE_UNKNOWN = "rule_unknown"


class Vesting(msgspec.Struct, frozen=True):
    """Where the position stands; `vests_on` is the first vested day, where a date decides."""

    state: VestingState
    vests_on: date | None
    confirmed: bool


_WITHOUT_A_DAY: Final = {
    VestingRule.NEVER: VestingState.NEVER,
    VestingRule.UNKNOWN: VestingState.RULE_UNKNOWN,
}


class _ProgrammeFile(msgspec.Struct, forbid_unknown_fields=True):
    programme: tuple[Programme, ...]
    segment: tuple[Segment, ...]


class Programmes(msgspec.Struct, frozen=True):
    """The matrix by id."""

    programmes: dict[str, Programme]
    segments: dict[str, Segment]


@cache
def load_programmes() -> Programmes:
    """Return the programme matrix and the segments; read once per process."""
    file = read_data("programmes.toml", _ProgrammeFile)
    return Programmes(
        programmes={row.id: row for row in file.programme},
        segments={row.id: row for row in file.segment},
    )


def find_programme(programme: str) -> Programme | None:
    """Return the matrix row, or None: an unknown programme is held, never passed."""
    return load_programmes().programmes.get(programme)


def find_segment(segment: str) -> Segment | None:
    """Return the segment, or None: an unknown segment is held, never passed."""
    return load_programmes().segments.get(segment)


def vesting_on(
    programme: Programme, *, paid_in_full: bool, term_end_on: date | None, on: date
) -> Vesting:
    """Say whether a position has vested on that day (C05).

    `term_end_on` is the last day of the first term; the right vests on the day after it. Programmes
    without a term rule ignore it.
    """
    confirmed = programme.vesting_confirmed
    if programme.vesting in _WITHOUT_A_DAY:
        return Vesting(_WITHOUT_A_DAY[programme.vesting], None, confirmed)
    waits_for_term = programme.vesting is VestingRule.FULL_PAYMENT_AND_TERM_END
    vests_on = day_after(term_end_on) if waits_for_term and term_end_on else None
    if not paid_in_full:
        return Vesting(VestingState.NOT_PAID, vests_on, confirmed)
    if waits_for_term and vests_on is None:
        return Vesting(VestingState.TERM_END_UNKNOWN, None, confirmed)
    if vests_on is not None and on < vests_on:
        return Vesting(VestingState.TERM_RUNNING, vests_on, confirmed)
    return Vesting(VestingState.VESTED, vests_on, confirmed)
