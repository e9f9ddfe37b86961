"""The cases that hold the rules: what is given, and what must be answered, written by people and never by the program.

They are data of this room (`data/cases/*.toml`), not of the tests, because the rule book shows them beside each rule.
The expected answers come from the domain notes; `tests/licensing/test_cases.py` asks the program for each of them. A
file's name begins with what its cases are about: `lots_`, `coverage_`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from marketplace.kernel.text import END
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.findings import Outcome
from marketplace.licensing.positions import (
    CeaseUse,
    EvidenceKind,
    EvidenceSummary,
    SourcePosition,
    summarise,
)
from marketplace.licensing.reading import read_data
from marketplace.licensing.zones import Zone

CaseId: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*" + END)]


class CaseRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every case says about itself. `rules` are the ids of the rules it holds; the titles are whole sentences."""

    id: CaseId
    rules: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    title: str
    title_de: str


class Step(StrEnum):
    """A step of a lot that a verdict opens."""

    SUBMIT = "submit"
    PUBLISH = "publish"
    MATCH = "match"
    TRANSFER = "transfer"


class SoundLot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position with all its papers and a signed declaration, to which nothing is objected that `about` does not name.

    `position` has the fields of `SourcePosition`, the product by its key; facts that all sound lots share stand once in
    the file, under `common`.
    """

    id: CaseId
    about: str
    about_de: str
    position: dict[str, Any]
    evidence: tuple[EvidenceKind, ...]
    cease_use: CeaseUse


class GivenLot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sound lot a case starts from and what is different: fields of the position, papers, declaration, day, buyer.

    `left_out` are facts the seller does not state. `undeclared` leaves the declaration out, `cease_use` puts another in
    its place. Without `on` it is the day in the file of sound lots; without `buyer` nobody has asked for the lot yet.
    """

    start: str
    change: dict[str, Any] = {}
    left_out: tuple[str, ...] = ()
    add: tuple[EvidenceKind, ...] = ()
    without: tuple[EvidenceKind, ...] = ()
    no_papers: bool = False
    undeclared: bool = False
    cease_use: CeaseUse | None = None
    on: date | None = None
    buyer: Zone | None = None


class ThenLot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be found: exactly the codes `found` under the rules of the case, none of `absent` under any rule.

    `steps` are all steps left open; `recheck_on` the day to look again; `unconfirmed` those of the codes that rest on
    something no source states; `params` what a finding must say. What is left out is not asked.
    """

    found: tuple[str, ...]
    absent: tuple[str, ...] = ()
    outcome: Outcome | None = None
    steps: tuple[Step, ...] | None = None
    recheck_on: date | None = None
    unconfirmed: tuple[str, ...] = ()
    params: dict[str, dict[str, str | int]] = {}


class LotCase(CaseRow, frozen=True, kw_only=True):
    """A lot and what the conditions find about it."""

    given: GivenLot
    then: ThenLot


class GivenCal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CAL (product key) and either the server it should reach or the licence server that should hold it."""

    cal: str
    server: str = ""
    licence_server: str = ""


class ThenCovered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer: yes or no, by which rule, and whether a source states it."""

    covered: bool
    rule: str
    confirmed: bool


class CoverageCase(CaseRow, frozen=True, kw_only=True):
    """A CAL, a server, and whether the one reaches the other."""

    given: GivenCal
    then: ThenCovered


AnyCase: TypeAlias = LotCase | CoverageCase


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


_FOLDER: Final = "cases"
_KINDS: Final[Mapping[str, type[_LotFile | _CoverageFile]]] = {
    "lots": _LotFile,
    "coverage": _CoverageFile,
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
    return Lot(
        position=_position(fields),
        evidence=summarise(papers | set(given.add), declared),
        on=given.on or lots.on,
        buyer=given.buyer,
    )


def _position(fields: dict[str, Any]) -> SourcePosition:
    unknown = set(fields) - set(SourcePosition.__struct_fields__)
    if unknown:
        raise KeyError(*sorted(unknown))
    product = load_catalogue().product(fields["product"])
    return msgspec.convert(
        fields | {"product": msgspec.structs.asdict(product)}, SourcePosition, strict=True
    )


def _read() -> Iterator[AnyCase]:
    folder = resources.files("marketplace.licensing").joinpath("data", _FOLDER)
    for name in sorted(entry.name for entry in folder.iterdir()):
        kind = name.partition("_")[0]
        if kind in _KINDS:
            yield from read_data(f"{_FOLDER}/{name}", _KINDS[kind]).case
