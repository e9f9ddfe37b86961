"""The cases that hold the rules: what is given, and what must be answered, written by people and never by the program.

They are data of this room (`data/cases/*.toml`), not of the tests, because the rule book shows them beside each rule.
The expected answers come from the domain notes; `tests/licensing/test_cases.py` asks the program for each of them. A
file's name begins with what its cases are about: `lots_`, `coverage_`, `environments_`, `fits_`, `counts_`; their
fields are in `case_forms`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from marketplace.licensing.cases.forms import (
    AnyCase,
    CaseRow,
    CountsCase,
    CoverageCase,
    EnvironmentCase,
    FitCase,
    GivenCounts,
    GivenEnvironment,
    GivenFit,
    GivenLot,
    GivenOwned,
    LotCase,
    SoundLot,
)
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.positions import EvidenceSummary, SourcePosition, summarise
from marketplace.licensing.environments.environment import (
    Environment,
    LicenceServers,
    OwnedCal,
    OwnedSubscription,
    People,
    ServerGroup,
    SessionHosts,
    checked,
)
from marketplace.licensing.environments.fit import Offered
from marketplace.licensing.need.counts import Counts
from marketplace.licensing.need.external import ExternalCounts
from marketplace.licensing.need.prices import PriceList, PriceSource, UnitPrice
from marketplace.licensing.need.targets import Target
from marketplace.licensing.reading import read_data
from marketplace.licensing.zones import Zone

S = TypeVar("S", bound=msgspec.Struct)


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """What `conditions.assess` is asked for one case."""

    position: SourcePosition
    evidence: EvidenceSummary
    on: date
    buyer: Zone | None


class SoundLots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lots that cases start from: the day they are looked at, the facts they share, and each by itself."""

    on: date
    common: dict[str, Any]
    sound: tuple[SoundLot, ...]

    def find(self, lot: str) -> SoundLot:
        """Return a sound lot.

        Raises:
            KeyError: no such lot, which is a defect of the case that starts from it.
        """
        return {row.id: row for row in self.sound}[lot]


class _LotFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[LotCase, ...]


class _CoverageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[CoverageCase, ...]


class _EnvironmentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[EnvironmentCase, ...]


class _CountsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[CountsCase, ...]


class _FitFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[FitCase, ...]


_FOLDER: Final = "cases"
_File: TypeAlias = _LotFile | _CoverageFile | _EnvironmentFile | _FitFile | _CountsFile
_KINDS: Final[Mapping[str, type[_File]]] = {
    "lots": _LotFile,
    "coverage": _CoverageFile,
    "environments": _EnvironmentFile,
    "fits": _FitFile,
    "counts": _CountsFile,
}


@cache
def load_cases() -> tuple[AnyCase, ...]:
    """Return every case, file by file in the order of their names; read once per process."""
    return tuple(_read())


@cache
def load_sound_lots() -> SoundLots:
    """Return the lots that cases start from; read once per process."""
    return read_data(f"{_FOLDER}/sound.toml", SoundLots)


@cache
def cases_for(rule_id: str) -> tuple[AnyCase, ...]:
    """Return the cases that hold a rule, in the order of the files; empty when none does."""
    return tuple(case for case in load_cases() if rule_id in case.rules)


def title_of(case: CaseRow, language: str) -> str:
    """Return the case as one sentence; a language it is not written in is answered in English."""
    return case.title_de if language == "de" else case.title


def lot_of(given: GivenLot) -> Lot:
    """Return the lot a case is about: the sound one with what is different.

    Raises:
        KeyError: the case starts from no sound lot, changes a field no position has, or leaves out a fact that was
            not there: a defect of the case.
    """
    lots = load_sound_lots()
    sound = lots.find(given.start)
    papers = set() if given.no_papers else set(sound.evidence) - set(given.without)
    declared = None if given.undeclared else given.cease_use or sound.cease_use
    fields = lots.common | sound.position | given.change
    for name in given.left_out:
        del fields[name]
    fields["product"] = msgspec.structs.asdict(load_catalogue().product(fields["product"]))
    return Lot(
        position=_strictly(SourcePosition, fields),
        evidence=summarise(papers | set(given.add), declared),
        on=given.on or lots.on,
        buyer=given.buyer,
    )


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What `need.counts.answer_counts` is asked for one case."""

    counts: Counts
    target: Target
    prices: PriceList
    owned: tuple[OwnedCal, ...]


def counted_of(given: GivenCounts) -> Counted:
    """Return the people, servers, prices and owned licences of a case; its prices are in euros.

    Raises:
        KeyError: the case names a field that counts or targets do not have: a defect of the case.
    """
    external = _strictly(ExternalCounts, given.external)
    prices = {key: UnitPrice(amount, PriceSource.GIVEN) for key, amount in given.prices.items()}
    return Counted(
        counts=_strictly(Counts, given.counts | {"external": msgspec.to_builtins(external)}),
        target=_strictly(Target, given.target),
        prices=PriceList("EUR", prices),
        owned=tuple(_owned(row) for row in given.owned),
    )


def environment_of(given: GivenEnvironment) -> Environment:
    """Return the environment a case describes, with every version checked.

    Raises:
        KeyError: the case names a field that nothing in an environment has: a defect of the case.
    """
    return checked(
        Environment(
            servers=tuple(_strictly(ServerGroup, row) for row in given.servers),
            session_hosts=tuple(_strictly(SessionHosts, row) for row in given.session_hosts),
            licence_servers=tuple(_strictly(LicenceServers, row) for row in given.licence_servers),
            people=_strictly(People, given.people),
            owned=tuple(_owned(row) for row in given.owned),
            subscriptions=tuple(_strictly(OwnedSubscription, row) for row in given.subscriptions),
        )
    )


def offer_of(given: GivenFit) -> tuple[Offered, ...]:
    """Return the licences a case offers, in their order."""
    product = load_catalogue().product
    return tuple(Offered(product(row.cal), row.quantity) for row in given.offered)


def _owned(row: GivenOwned) -> OwnedCal:
    product = load_catalogue().product(row.cal)
    return OwnedCal(product=product, quantity=row.quantity, with_sa=row.with_sa)


def _strictly(kind: type[S], fields: Mapping[str, Any]) -> S:
    # These structs also read what customers send and earlier releases stored, so they let unknown fields pass; here one
    # is a misspelt case.
    unknown = set(fields) - set(kind.__struct_fields__)
    if unknown:
        raise KeyError(*sorted(unknown))
    return msgspec.convert(fields, kind)


def _read() -> Iterator[AnyCase]:
    folder = resources.files("marketplace.licensing").joinpath("data", _FOLDER)
    for name in sorted(entry.name for entry in folder.iterdir()):
        kind = name.partition("_")[0]
        if kind in _KINDS:
            yield from read_data(f"{_FOLDER}/{name}", _KINDS[kind]).case
