"""The forms of the cases: what a row of `data/cases/*.toml` may say, by what it is about. `cases` reads them."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import msgspec

from marketplace.kernel.text import END
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.eligibility.findings import Outcome
from marketplace.licensing.eligibility.positions import CeaseUse, EvidenceKind
from marketplace.licensing.environments.fit import FitVerdict
from marketplace.licensing.need.options import OptionKind
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


class GivenFit(GivenEnvironment, frozen=True, kw_only=True):
    """What a buyer describes, and the licences that somebody offers for it."""

    offered: tuple[GivenOwned, ...]


class LackingCal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is still missing with everything offered: how many of a family, and the oldest CAL that does, if any."""

    family: str
    quantity: int
    cal: str = ""


class ThenFit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the offer fits: as a whole, line by line, all that is missing, what is too much of each line.

    `better` are CALs that must be suggested; `spoken` rules that must be spoken of in the lines.
    """

    verdict: FitVerdict
    lines: tuple[FitVerdict, ...]
    missing: tuple[LackingCal, ...] = ()
    surplus: tuple[int, ...] | None = None
    better: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()


class FitCase(CaseRow, frozen=True, kw_only=True):
    """An offer to a buyer whose environment is known, and how it fits."""

    given: GivenFit
    then: ThenFit


class GivenCounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counted people and devices, the servers to reach, prices in minor units by product key, and what is owned.

    `counts` and `external` have the fields of `need.counts.Counts` and its `external`, `target` those of `Target`.
    """

    counts: dict[str, Any]
    target: dict[str, Any]
    external: dict[str, Any] = {}
    prices: dict[str, int] = {}
    owned: tuple[GivenOwned, ...] = ()


class ThenCounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options with what they cost in minor units, no more and no fewer, and which one to take.

    `unpriced` are options whose cost cannot be known. Without `recommended` nothing may be recommended. `buy` is what
    the recommended option buys, by product key. `external` is the metric to take for external users, `break_even` the
    price of a connector at which both ways cost the same.
    """

    costs: dict[OptionKind, int] = {}
    unpriced: tuple[OptionKind, ...] = ()
    recommended: OptionKind | None = None
    buy: dict[str, int] | None = None
    external: Metric | None = None
    break_even: int | None = None


class CountsCase(CaseRow, frozen=True, kw_only=True):
    """Counted people and devices, and what to buy for them."""

    given: GivenCounts
    then: ThenCounts


AnyCase: TypeAlias = LotCase | CoverageCase | EnvironmentCase | FitCase | CountsCase
