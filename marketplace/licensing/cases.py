"""The cases that hold the rules: what is given, and what must be answered, written by people and never by the program.

They are data of this room (`data/cases/*.toml`), not of the tests, because the rule book shows them beside each rule.
The expected answers come from the domain notes; `tests/licensing/test_cases.py` asks the program for each of them. A
file's name begins with what its cases are about: `lots_`, `coverage_`, `environments_`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from marketplace.kernel.text import END
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.environment import (
    Environment,
    LicenceServers,
    OwnedCal,
    OwnedSubscription,
    People,
    ServerGroup,
    SessionHosts,
    checked,
)
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


class GivenOwned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Licences a buyer already has, the product by its key."""

    cal: str
    quantity: int
    with_sa: bool = False


class GivenEnvironment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a buyer describes, in the fields of `environment.Environment`."""

    servers: tuple[dict[str, Any], ...] = ()
    session_hosts: tuple[dict[str, Any], ...] = ()
    licence_servers: tuple[dict[str, Any], ...] = ()
    people: dict[str, Any] = {}
    owned: tuple[GivenOwned, ...] = ()
    subscriptions: tuple[dict[str, Any], ...] = ()


class NeededCal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A need of the group `target` for licences of a family.

    `cal` is the oldest of its metric that is known to do; without it none of the family is, by any metric. `quantity`
    is how many of that metric.
    """

    target: str
    family: str
    cal: str = ""
    quantity: int | None = None


class ThenEnvironment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer about an environment.

    `needs` name every family that every group needs, no more and no fewer. `free` are the groups nobody needs a CAL
    for, each by the rule that says so; `conflicts` the rules of all that is impossible. `questions` and `notes` are
    rules that must be asked about or spoken of, among others.
    """

    needs: tuple[NeededCal, ...] = ()
    free: dict[str, str] = {}
    conflicts: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    confirmed: bool | None = None


class EnvironmentCase(CaseRow, frozen=True, kw_only=True):
    """An environment and what it needs."""

    given: GivenEnvironment
    then: ThenEnvironment


AnyCase: TypeAlias = LotCase | CoverageCase | EnvironmentCase


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


_FOLDER: Final = "cases"
_KINDS: Final[Mapping[str, type[_LotFile | _CoverageFile | _EnvironmentFile]]] = {
    "lots": _LotFile,
    "coverage": _CoverageFile,
    "environments": _EnvironmentFile,
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


def environment_of(given: GivenEnvironment) -> Environment:
    """Return the environment a case describes, with every version checked.

    Raises:
        KeyError: the case names a field that nothing in an environment has: a defect of the case.
    """
    catalogue = load_catalogue()
    owned = (
        OwnedCal(product=catalogue.product(row.cal), quantity=row.quantity, with_sa=row.with_sa)
        for row in given.owned
    )
    return checked(
        Environment(
            servers=tuple(_strictly(ServerGroup, row) for row in given.servers),
            session_hosts=tuple(_strictly(SessionHosts, row) for row in given.session_hosts),
            licence_servers=tuple(_strictly(LicenceServers, row) for row in given.licence_servers),
            people=_strictly(People, given.people),
            owned=tuple(owned),
            subscriptions=tuple(_strictly(OwnedSubscription, row) for row in given.subscriptions),
        )
    )


S = TypeVar("S", bound=msgspec.Struct)


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
