"""From a line about licences to a source position and what the conditions say about it."""

from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from marketplace.imports.domain.batch import Kind, Outcome
from marketplace.imports.domain.lines import CheckedLine, Context, LineProblem, RawLine
from marketplace.imports.domain.names import read_country, read_offer, read_programme
from marketplace.imports.domain.products import Meant, find_product
from marketplace.imports.domain.values import Unreadable, read_date, read_whole
from marketplace.licensing.catalogue import Product
from marketplace.licensing.eligibility.conditions import Verdict, assess, judge
from marketplace.licensing.eligibility.findings import Finding
from marketplace.licensing.eligibility.findings import Outcome as Severity
from marketplace.licensing.eligibility.positions import (
    EvidenceKind,
    EvidenceSummary,
    SourcePosition,
    Term,
    summarise,
)
from marketplace.licensing.sku_text import Offer

QUANTITY_MAX: Final = 1_000_000
UNKNOWN_PROGRAMME: Final = "unknown"
_GIVEN: Final = "given"
_SHOWN: Final = {
    Kind.LICENCE_STATEMENT: summarise([EvidenceKind.LICENCE_STATEMENT]),
    Kind.LICENCE_LIST: summarise([]),
}


def evidence_of(kind: Kind) -> EvidenceSummary:
    """Say what a file of this kind shows by itself: a customer's own list shows nothing."""
    return _SHOWN[kind]


def find_all(position: SourcePosition, kind: Kind, on: date) -> tuple[Finding, ...]:
    """Return the findings about a position of an import on the import's day: always the same ones."""
    return assess(position, evidence_of(kind), on)


def judge_alike(position: SourcePosition, kind: Kind, on: date) -> Verdict:
    """Return the verdict on a position of an import; one judgement serves all lines that differ in nothing that counts.

    A line offers all it holds, so no condition asks how many that are, nor which number the
    agreement has, only whether it has one. A file of 100,000 lines has some thousand different ones.
    """
    alike = msgspec.structs.replace(
        position,
        acquired=1,
        offered=1,
        agreement_number=_GIVEN if position.agreement_number.strip() else "",
        identifiers=dict.fromkeys(position.identifiers, _GIVEN),
    )
    return _judge(msgspec.json.encode(alike), kind, on)


@lru_cache(maxsize=8_192)
def _judge(position: bytes, kind: Kind, on: date) -> Verdict:
    return judge(find_all(msgspec.json.decode(position, type=SourcePosition), kind, on))


def formula_problems(line: RawLine) -> list[LineProblem]:
    """Find cells that hold a formula instead of a value. Formulas of strangers are never computed."""
    return [
        LineProblem("formula", field)
        for field, value in line.cells.items()
        if isinstance(value, str) and value.startswith("=")
    ]


def check_licences(line: RawLine, context: Context, kind: Kind) -> CheckedLine:
    """Judge one line of a licence statement or list."""
    problems = formula_problems(line)
    meant = find_product(
        text_of(line, "part_number"),
        text_of(line, "product"),
        text_of(line, "version"),
        text_of(line, "metric"),
    )
    if not problems and not meant.is_cal:
        return CheckedLine(number=line.number, outcome=Outcome.OTHER, read=line.cells)
    if meant.problem is not None:
        problems.append(meant.problem)
    quantity = read_quantity(line, context, problems)
    bought_on = _read_day(line, context, problems)
    offer = _read_offer(line, meant, problems)
    if problems or meant.product is None or quantity is None:
        return bad(line, problems, meant.product, quantity)
    notes: list[str] = list(meant.notes)
    position = SourcePosition(
        product=meant.product,
        programme=_programme(line, meant, notes),
        acquired=quantity,
        offered=quantity,
        agreement_number=text_of(line, "agreement_number"),
        identifiers=_identifiers(line),
        part_number=text_of(line, "part_number").strip().upper(),
        country=_country(line, notes),
        first_sold_on=bought_on,
        segment=_segment(meant),
        term=_term(meant, offer, notes),
    )
    verdict = judge_alike(position, kind, context.on)
    return CheckedLine(
        number=line.number,
        outcome=_outcome(verdict),
        read=line.cells,
        product=meant.product.key,
        quantity=quantity,
        position=position,
        verdict=verdict.outcome.value,
        notes=tuple(notes),
    )


def bad(
    line: RawLine, problems: list[LineProblem], product: Product | None, quantity: int | None
) -> CheckedLine:
    """Give a line that could not be read, with everything that is wrong on it."""
    seen = dict.fromkeys((one.code, one.column) for one in problems)
    return CheckedLine(
        number=line.number,
        outcome=Outcome.BAD,
        read=line.cells,
        product=None if product is None else product.key,
        quantity=quantity,
        problems=tuple(
            next(one for one in problems if (one.code, one.column) == key) for key in seen
        ),
    )


def text_of(line: RawLine, field: str) -> str:
    """Give a cell as text, empty when there is none."""
    return str(line.cells.get(field, "")).strip()


def read_quantity(line: RawLine, context: Context, problems: list[LineProblem]) -> int | None:
    """Read the number of licences, or add what is wrong with it."""
    value = line.cells.get("quantity", "")
    code = ""
    quantity = None
    if value == "":
        code = "quantity_missing"
    elif isinstance(value, str) and value.startswith("="):
        return None
    else:
        try:
            quantity = read_whole(value, context.facts.decimal)
        except Unreadable as problem:
            code = f"quantity_{problem}"
    if quantity is not None and not 1 <= quantity <= QUANTITY_MAX:
        code = "quantity_too_large" if quantity > 0 else "quantity_not_positive"
        quantity = None
    if code:
        problems.append(LineProblem(code, "quantity"))
    return quantity


def _read_day(line: RawLine, context: Context, problems: list[LineProblem]) -> date | None:
    text = text_of(line, "date")
    if not text or text.startswith("="):
        return None
    try:
        found = read_date(text, context.facts.date_order)
    except Unreadable as problem:
        problems.append(LineProblem(f"date_{problem}", "date"))
        return None
    if found > context.on:
        problems.append(LineProblem("date_future", "date"))
        return None
    return found


def _read_offer(line: RawLine, meant: Meant, problems: list[LineProblem]) -> Offer | None:
    offer = read_offer(text_of(line, "licence_type"))
    if offer is Offer.SA_ONLY:
        problems.append(LineProblem("sa_only", "licence_type"))
    return offer if offer is not None or meant.sku is None else meant.sku.offer


def _programme(line: RawLine, meant: Meant, notes: list[str]) -> str:
    text = text_of(line, "programme")
    written = read_programme(text) if text else None
    if text and written is None:
        notes.append("programme_unknown")
    known = meant.part.programmes if meant.part is not None else ()
    told = [written] if written else [meant.sku.programme] if meant.sku else []
    named = next((one for one in told if one), None)
    if named is not None:
        if known and named not in known:
            notes.append("programme_differs")
        return named
    return known[0] if len(known) == 1 else UNKNOWN_PROGRAMME


def _identifiers(line: RawLine) -> dict[str, str]:
    number = text_of(line, "licence_number")
    return {"licence_number": number} if number else {}


def _country(line: RawLine, notes: list[str]) -> str:
    text = text_of(line, "country")
    if not text:
        return ""
    code = read_country(text)
    if code is None:
        notes.append("country_unknown")
    return code or ""


def _segment(meant: Meant) -> str:
    if meant.part is not None and meant.part.segment:
        return meant.part.segment
    return (meant.sku.segment if meant.sku is not None else None) or "commercial"


def _term(meant: Meant, offer: Offer | None, notes: list[str]) -> Term:
    """Take the term from the part number, never from the kind of purchase alone."""
    if offer is Offer.SUBSCRIPTION:
        notes.append("subscription")
    term = meant.part.term if meant.part is not None else None
    return Term(term) if term else Term.UNKNOWN


def _outcome(verdict: Verdict) -> Outcome:
    stops = verdict.outcome in {Severity.HOLD, Severity.BLOCK}
    return Outcome.HELD if stops else Outcome.GOOD
