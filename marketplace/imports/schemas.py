"""What the API takes and gives about imports."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.imports.domain.batch import Import, Kind, Outcome, State
from marketplace.imports.domain.lines import CheckedLine, LineProblem, Value
from marketplace.imports.domain.positions import find_all
from marketplace.imports.domain.sentences import note_text, problem_text, refusal_text
from marketplace.kernel.ids import format_id, pattern
from marketplace.licensing.eligibility.findings import Finding
from marketplace.licensing.eligibility.findings import Outcome as FindingOutcome
from marketplace.licensing.texts import cure_text, finding_text

ImportText = Annotated[str, Meta(examples=["imp_01kb3v0e9fe8zr2m3s5jv0c1xy"])]
Count = Annotated[int, Meta(ge=0)]


class ProgressOut(msgspec.Struct, frozen=True):
    """How many lines were judged, of how many. `total` is 0 until the file was read."""

    done: Count
    total: Count


class CountsOut(msgspec.Struct, frozen=True):
    """Lines by outcome: `good` and `held` can be used, `bad` could not be read, `other` is no CAL."""

    good: Count
    held: Count
    bad: Count
    other: Count


class NoteOut(msgspec.Struct, frozen=True):
    """Something worth knowing."""

    code: str
    sentence: str


class FormatOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised about the file."""

    file_type: Annotated[str, Meta(examples=["csv"])]
    encoding: Annotated[str | None, Meta(examples=["utf-8"])]
    delimiter: Annotated[str | None, Meta(examples=["semicolon"])]
    sheet: Annotated[str | None, Meta(examples=["Transaction Data"])]
    table: Annotated[str, Meta(examples=["transactions"])]
    heading_row: Annotated[int, Meta(ge=1)]
    columns: Annotated[dict[str, str], Meta(description="Our name of a column: its heading")]
    language: Annotated[str | None, Meta(description="Of most headings", examples=["de"])]
    decimal_mark: Annotated[str | None, Meta(description="null = no number decides it")]
    date_order: Annotated[str | None, Meta(description="`dmy` or `mdy`; null = no date decides it")]
    sizes: Annotated[
        dict[str, Count], Meta(description="Of accesses: users, devices, hosts, pairs")
    ]
    notes: list[NoteOut]


class RefusalOut(msgspec.Struct, frozen=True):
    """Why the whole file was refused, and what to do."""

    code: Annotated[str, Meta(examples=["macros"])]
    sentence: str


class ImportOut(msgspec.Struct, frozen=True, kw_only=True):
    """An import. Poll it until `state` is checked, accepted or refused."""

    id: ImportText
    kind: Kind
    state: State
    dry_run: bool
    file_name: str
    media_type: str
    size_bytes: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(description="SHA-256 of the original, in hex")]
    received_at: datetime
    ended_at: datetime | None
    progress: ProgressOut
    counts: CountsOut
    format: FormatOut | None
    refusal: RefusalOut | None

    @classmethod
    def of(cls, batch: Import, language: str) -> Self:
        """Show an import."""
        counts = batch.counts
        return cls(
            id=format_id("imp", batch.id),
            kind=batch.kind,
            state=batch.state,
            dry_run=batch.dry_run,
            file_name=batch.file_name,
            media_type=batch.media_type,
            size_bytes=batch.size_bytes,
            sha256=batch.sha256,
            received_at=batch.received_at,
            ended_at=batch.ended_at,
            progress=ProgressOut(batch.done, batch.total),
            counts=CountsOut(counts.good, counts.held, counts.bad, counts.other),
            format=_format(batch, language),
            refusal=None
            if batch.refusal is None
            else RefusalOut(batch.refusal.code, refusal_text(batch.refusal, language)),
        )


class ImportPage(msgspec.Struct, frozen=True):
    """Imports, newest first."""

    items: list[ImportOut]
    next_cursor: str | None


class LineProblemOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong on a line and what to do."""

    code: Annotated[str, Meta(examples=["product_ambiguous"])]
    column: Annotated[str | None, Meta(description="The heading in your file, or our name of it")]
    sentence: str
    candidates: Annotated[list[str], Meta(description="Products the line may mean")]

    @classmethod
    def of(cls, problem: LineProblem, batch: Import, language: str) -> Self:
        """Show a problem."""
        headings = {} if batch.facts is None else batch.facts.columns
        return cls(
            code=problem.code,
            column=headings.get(problem.column, problem.column) or None,
            sentence=problem_text(problem, language),
            candidates=list(problem.candidates),
        )


class LineFindingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a condition found about a line."""

    rule_id: Annotated[str, Meta(examples=["C05"])]
    code: Annotated[str, Meta(examples=["c05.not_vested"])]
    outcome: FindingOutcome
    sentence: str
    cure: Annotated[str | None, Meta(description="What helps")]
    confirmed: bool
    recheck_on: date | None

    @classmethod
    def of(cls, finding: Finding, language: str) -> Self:
        """Show a finding."""
        return cls(
            rule_id=finding.rule_id,
            code=finding.code,
            outcome=finding.outcome,
            sentence=finding_text(finding, language),
            cure=cure_text(finding, language) or None,
            confirmed=finding.confirmed,
            recheck_on=finding.recheck_on,
        )


class LineOut(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file with everything that was found. `verdict` is the worst finding."""

    line: Annotated[int, Meta(ge=1, description="Row in the file, from 1")]
    outcome: Outcome
    read: Annotated[dict[str, Value], Meta(description="Our name of a column: what the cell holds")]
    product: Annotated[str | None, Meta(examples=["ws_cal-2019-user"])]
    quantity: int | None
    holder: str | None
    verdict: Annotated[FindingOutcome | None, Meta(description="null = no conditions were asked")]
    problems: list[LineProblemOut]
    findings: list[LineFindingOut]
    notes: list[NoteOut]

    @classmethod
    def of(cls, line: CheckedLine, batch: Import, on: date, language: str) -> Self:
        """Show a line; findings are computed again for the import's day."""
        found = find_all(line.position, batch.kind, on) if line.position is not None else ()
        return cls(
            line=line.number,
            outcome=line.outcome,
            read=line.read,
            product=line.product,
            quantity=line.quantity,
            holder=line.holder or None,
            verdict=FindingOutcome(line.verdict) if line.verdict else None,
            problems=[LineProblemOut.of(one, batch, language) for one in line.problems],
            findings=[LineFindingOut.of(one, language) for one in found],
            notes=_notes(line.notes, language),
        )


class LinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines in the order of the file. `checked_on` is the day the findings are of."""

    items: list[LineOut]
    next_cursor: str | None
    checked_on: date
    rule_set_version: str


class EvidenceOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which listing shows the original."""

    listing_id: Annotated[
        str, Meta(pattern=pattern("lst"), examples=["lst_01kb3v0e9fe8zr2m3s5jv0c1xy"])
    ]


def _format(batch: Import, language: str) -> FormatOut | None:
    facts = batch.facts
    if facts is None:
        return None
    return FormatOut(
        file_type=facts.file_type,
        encoding=facts.encoding or None,
        delimiter=facts.delimiter or None,
        sheet=facts.sheet or None,
        table=facts.table,
        heading_row=facts.heading_row,
        columns=facts.columns,
        language=facts.language or None,
        decimal_mark=facts.decimal or None,
        date_order=facts.date_order or None,
        sizes=facts.sizes,
        notes=_notes(facts.notes, language),
    )


def _notes(codes: Sequence[str], language: str) -> list[NoteOut]:
    return [NoteOut(code, note_text(code, language)) for code in codes]
