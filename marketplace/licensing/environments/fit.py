"""Fit of offered licences to an environment: what each covers, what is missing, what is too much, what would be better.

The licences of a quote are looked at together with those already owned. A fit is stored with its quote, so it keeps
message ids and fields; `statements.statement_text` words them in the reader's language.
"""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.licensing.catalogue import FamilyKind, Metric, Product, load_catalogue
from marketplace.licensing.coverage import covers
from marketplace.licensing.environments.coverage import can_hold
from marketplace.licensing.environments.doubts import conflicts_of, once, questions_of
from marketplace.licensing.environments.environment import Environment
from marketplace.licensing.environments.requirements import RDS, Requirement, requirements
from marketplace.licensing.environments.shortfall import (
    Answered,
    Missing,
    answers_for,
    missing_from,
    missing_of,
    oldest_for,
    surplus_of,
)
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.environments.stock import Holding, Stock, stock_of
from marketplace.licensing.rules import load_rule_set

_OTHER_SIDE: Final = {Metric.USER: Metric.DEVICE, Metric.DEVICE: Metric.USER}


class FitVerdict(StrEnum):
    """How well licences fit: as they are; with something missing, uncertain or too much; or not at all."""

    FITS = "fits"
    FITS_WITH_GAPS = "fits_with_gaps"
    DOES_NOT_FIT = "does_not_fit"


class Offered(msgspec.Struct, frozen=True):
    """Licences somebody is about to buy; they come without Software Assurance (C21)."""

    product: Product
    quantity: int


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a line covers a group of servers (`target` is its pointer), and why."""

    target: str
    covered: bool
    statement: Statement


class Better(msgspec.Struct, frozen=True, kw_only=True):
    """What would do as well as a line or better."""

    product: Product
    quantity: int
    statement: Statement


class LineFit(msgspec.Struct, frozen=True, kw_only=True):
    """How one line fits. `surplus`: licences more than this environment can use, None: not known."""

    verdict: FitVerdict
    reaches: tuple[Reached, ...]
    surplus: int | None
    missing: tuple[Missing, ...]
    notes: tuple[Statement, ...]
    better: tuple[Better, ...]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How all lines fit together, in their order. `missing` is what nobody owns and no line brings."""

    verdict: FitVerdict
    lines: tuple[LineFit, ...]
    missing: tuple[Missing, ...]
    conflicts: tuple[Statement, ...]
    questions: tuple[Statement, ...]
    rule_set_version: str


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What every line is looked at against: all requirements, what is owned, and that with all lines."""

    environment: Environment
    required: tuple[Requirement, ...]
    owned: Stock
    together: Stock
    missing: tuple[Missing, ...]

    def is_open(self, row: Requirement) -> bool:
        """Tell whether a requirement stays unanswered when all lines are bought."""
        return any(
            row.target in lack.targets and row.family == lack.family for lack in self.missing
        )


def check_fit(environment: Environment, offered: Sequence[Offered]) -> Fit:
    """Return how licences fit a checked environment."""
    lines = [Holding(row.product, row.quantity) for row in offered]
    required, owned = requirements(environment), stock_of(environment)
    together = owned.with_more(lines)
    scene = _Scene(
        environment=environment,
        required=required,
        owned=owned,
        together=together,
        missing=missing_from(together, required),
    )
    surplus = surplus_of(owned, required, lines)
    fits = tuple(_line(scene, line, more) for line, more in zip(lines, surplus, strict=True))
    conflicts = conflicts_of(environment)
    questions = once((*questions_of(environment), *_uncertain(scene)))
    is_whole = not (scene.missing or conflicts or questions)
    return Fit(
        verdict=_worst([row.verdict for row in fits], is_whole=is_whole),
        lines=fits,
        missing=scene.missing,
        conflicts=conflicts,
        questions=questions,
        rule_set_version=load_rule_set().version,
    )


def _worst(verdicts: Collection[FitVerdict], *, is_whole: bool) -> FitVerdict:
    if FitVerdict.DOES_NOT_FIT in verdicts:
        return FitVerdict.DOES_NOT_FIT
    if is_whole and set(verdicts) <= {FitVerdict.FITS}:
        return FitVerdict.FITS
    return FitVerdict.FITS_WITH_GAPS


def _line(scene: _Scene, line: Holding, surplus: int | None) -> LineFit:
    answers = answers_for(line.product, scene.required)
    missing = (*_missing_beneath(scene, line, answers), *_missing_holder(scene, line))
    verdict = _verdict(scene, line, answers, surplus)
    if verdict is FitVerdict.FITS and missing:
        verdict = FitVerdict.FITS_WITH_GAPS
    return LineFit(
        verdict=verdict,
        reaches=tuple(
            Reached(
                target=found.row.target,
                covered=found.reach.covered,
                statement=found.reach.statement,
            )
            for found in answers
        ),
        surplus=surplus,
        missing=missing,
        notes=tuple(_notes(scene, line, answers, surplus)),
        better=tuple(_better(scene, line, answers)),
    )


def _verdict(
    scene: _Scene, line: Holding, answers: Sequence[Answered], surplus: int | None
) -> FitVerdict:
    """Judge a line by itself, without what it needs beside it."""
    reached = [found.reach for found in answers if found.reach.covered]
    if not reached or surplus == line.quantity:
        return FitVerdict.DOES_NOT_FIT
    is_open = any(scene.is_open(found.row) for found in answers)
    if surplus or is_open or not all(found.usable for found in reached):
        return FitVerdict.FITS_WITH_GAPS
    return FitVerdict.FITS


def _missing_beneath(
    scene: _Scene, line: Holding, answers: Sequence[Answered]
) -> Iterator[Missing]:
    """Find the base CALs that an additive line lacks for the same users or devices (R11)."""
    needs, metric = load_catalogue().families[line.product.family].needs, line.product.metric
    targets = {found.row.target for found in answers if found.reach.covered}
    lacking: dict[Requirement, int] = {}
    for row in scene.required:
        if row.family == needs and row.target in targets:
            demand = row.demand(metric)
            people = line.quantity if demand is None else min(line.quantity, demand)
            short = people - scene.together.supply(row, metric)
            if short > 0:
                lacking[row] = short
    if lacking:
        yield missing_of(needs, metric, max(lacking.values()), tuple(lacking), beneath=line.product)


def _missing_holder(scene: _Scene, line: Holding) -> Iterator[Missing]:
    """Say that no licence server can hold an RDS line (matrix two of domain notes 3.3)."""
    holders = scene.environment.licence_servers
    if line.product.family != RDS or can_hold(line.product, scene.environment):
        return
    words: dict[str, str | int] = {
        "cal": load_catalogue().product_name(line.product),
        "version": line.product.version,
    }
    yield Missing(
        targets=tuple(f"/licence_servers/{place}" for place in range(len(holders))),
        family=RDS,
        quantity=0,
        product=None,
        statement=state("X-RDS-LICENCE-SERVER", "fit.missing_licence_server", words),
    )


def _notes(
    scene: _Scene, line: Holding, answers: Sequence[Answered], surplus: int | None
) -> Iterator[Statement]:
    catalogue = load_catalogue()
    family = catalogue.families[line.product.family]
    name: dict[str, str | int] = {"cal": catalogue.product_name(line.product)}
    if not answers:
        yield state("R01", "fit.nothing_needs_it", name)
    if surplus and any(found.reach.covered for found in answers):
        counts = name | {"surplus": surplus, "count": line.quantity}
        yield state("R05", "fit.too_much", counts)
    if family.kind is FamilyKind.EXTERNAL_CONNECTOR:
        yield state("R10", "fit.outsiders_only", name)
        return
    yield state("R12", "fit.reassignment")
    if family.kind is FamilyKind.SUITE:
        yield state("R15", "fit.suite", name)
    if family.id == RDS:
        rule = "RD02" if line.product.metric is Metric.USER else "RD01"
        yield state(rule, f"fit.rds_{line.product.metric.value}")
    other = _OTHER_SIDE[line.product.metric]
    for held in scene.owned.holdings:
        if held.product.family == family.id and held.product.metric is other:
            yield state("R13", "fit.no_switch", {"cal": catalogue.product_name(held.product)})
            return


def _better(scene: _Scene, line: Holding, answers: Sequence[Answered]) -> Iterator[Better]:
    """Suggest an older version that is enough, a newer one that covers all, and the side with fewer heads."""
    catalogue = load_catalogue()
    product = line.product
    rows = (found.row for found in answers)
    asked = [row for row in rows if not row.assurance and row.metric in {None, product.metric}]
    best, is_stated = oldest_for(product.family, product.metric, asked)
    if not asked or best is None or not is_stated:
        return
    newest = max((row.server for row in asked), key=catalogue.versions.index)
    name = catalogue.product_name
    words: dict[str, str | int] = {
        "cal": name(product),
        "other": name(best),
        "server": catalogue.server_name(newest),
    }
    age = catalogue.cal_order(best) - catalogue.cal_order(product)
    if age < 0:
        statement = state(covers(best, newest.id).rule, "fit.older_does", words)
        yield Better(product=best, quantity=line.quantity, statement=statement)
    elif age > 0:
        statement = state(covers(product, newest.id).rule, "fit.newer_covers", words)
        yield Better(product=best, quantity=line.quantity, statement=statement)
    if any(found.reach.covered for found in answers):
        yield from _fewer_heads(scene, best, asked)


def _fewer_heads(scene: _Scene, best: Product, rows: Sequence[Requirement]) -> Iterator[Better]:
    """Suggest the other metric where fewer licences of it would do (R06)."""
    metric = best.metric
    other = _OTHER_SIDE.get(metric)
    if other is None or any(row.metric is not None for row in rows):
        return
    ours = [scene.owned.short(row, metric) for row in rows]
    theirs = [scene.owned.short(row, other) for row in rows]
    if None in ours or None in theirs:
        return
    here, there = max(filter(None, ours), default=0), max(filter(None, theirs), default=0)
    found = load_catalogue().find_product(f"{best.family}-{best.version}-{other.value}")
    if found is None or not 0 < there < here:
        return
    words: dict[str, str | int] = {
        "other": load_catalogue().product_name(found),
        "count": there,
        "instead": here,
    }
    yield Better(product=found, quantity=there, statement=state("R06", "fit.fewer_heads", words))


def _uncertain(scene: _Scene) -> Iterator[Statement]:
    """Ask about what is answered only by something no source states, or by users and devices mixed (R06)."""
    for row in scene.required:
        server = {"server": load_catalogue().server_name(row.server)}
        if scene.together.meets(row):
            if not scene.together.meets(row, certain=True):
                yield state("R02", "fit.ask_source", server, confirmed=False)
        elif (
            all(scene.together.supply(row, metric) for metric in row.metrics[:2])
            and len(row.metrics) > 1
        ):
            yield state("R06", "fit.ask_who_uses_what", server)
