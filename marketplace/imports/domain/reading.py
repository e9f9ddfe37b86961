"""Reads a whole file: recognise it, find its table, take its lines, learn how it writes numbers and dates.

Any bytes may come in. What comes out is either a normalised file or a `FileRefused` that says what
to do; nothing else, whatever the bytes.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from marketplace.imports.domain.accesses import AccessGatherer, pack_accesses
from marketplace.imports.domain.batch import Counts, FormatFacts, Kind
from marketplace.imports.domain.containers import is_archive, refuse_old_workbook
from marketplace.imports.domain.delimited import TextDocument
from marketplace.imports.domain.headings import (
    ROWS_SEARCHED,
    Match,
    TableForm,
    examples,
    load_forms,
    match,
    require_clear,
)
from marketplace.imports.domain.kinds import KINDS
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.lines import (
    TEXT_MAX,
    CheckedLine,
    RawLine,
    pack_chunks,
    pack_file,
)
from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.tables import COLUMNS_MAX, Cell, Document, Table
from marketplace.imports.domain.values import Votes
from marketplace.imports.domain.workbooks import WorkbookDocument

BAD_LINES_MAX: Final = 10_000
"""Lines of accesses that may be wrong: each becomes a row."""
_ENDINGS: Final = {"xlsx": ("xlsx",), "csv": ("csv", "txt", "tsv")}


class Normal(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from a file: the compact form, its facts, how many lines, and lines already judged."""

    data: bytes
    facts: FormatFacts
    lines: int
    counts: Counts = Counts()
    judged: tuple[CheckedLine, ...] = ()


class _Found(msgspec.Struct, frozen=True):
    form: TableForm
    table: Table
    row: int
    match: Match


def read_file(kind: Kind, file_name: str, data: bytes, import_id: str) -> Normal:
    """Read a file of a kind.

    Raises:
        FileRefused.
    """
    form = KINDS[kind]
    document = _open(form, file_name, data)
    found = _find_table(document, load_forms(kind.value))
    facts = _facts(document, found)
    if kind is Kind.ACCESS_PAIRS:
        return _read_accesses(form, found, facts, import_id)
    votes = Votes()
    chunks = list(pack_chunks(_heard(_lines(form, found), form, votes)))
    lines = sum(count for count, _ in chunks)
    if not lines:
        raise FileRefused("no_lines")
    facts = msgspec.structs.replace(facts, decimal=votes.decimal, date_order=votes.date_order)
    return Normal(data=pack_file(import_id, facts, chunks), facts=facts, lines=lines)


def _open(form: KindForm, file_name: str, data: bytes) -> Document:
    refuse_old_workbook(data)
    file_type = "xlsx" if is_archive(data) else "csv"
    ending = file_name.rpartition(".")[2].lower()
    if ending not in _ENDINGS[file_type]:
        raise FileRefused("type_mismatch", found=file_type)
    if file_type not in form.file_types:
        raise FileRefused("type_not_taken", found=file_type, wanted=" / ".join(form.file_types))
    return WorkbookDocument(data) if file_type == "xlsx" else TextDocument(data)


def _find_table(document: Document, forms: Sequence[TableForm]) -> _Found:
    """Find the best table: the most telling form first, then the most columns."""
    best: tuple[int, int, int] | None = None
    chosen: _Found | None = None
    nearest: tuple[int, TableForm, Match] | None = None
    for table in document.tables:
        for number, row in _first_rows(table):
            for rank, form in enumerate(forms):
                found = match(row, form)
                width = len(found.columns)
                if found.missing:
                    if width and (nearest is None or width > nearest[0]):
                        nearest = (width, form, found)
                    continue
                score = (-rank, width, -number)
                if best is None or score > best:
                    best, chosen = score, _Found(form, table, number, found)
    if chosen is None:
        raise _no_table(nearest, forms)
    require_clear(chosen.match)
    return chosen


def _no_table(
    nearest: tuple[int, TableForm, Match] | None, forms: Sequence[TableForm]
) -> FileRefused:
    if nearest is None:
        wanted = [group[0] for group in forms[0].needs]
        return FileRefused("no_headings", wanted=_list(forms[0], wanted))
    _, form, found = nearest
    return FileRefused(
        "heading_missing",
        found=", ".join(found.headings.values()),
        missing=_list(form, [group[0] for group in found.missing]),
    )


def _list(form: TableForm, fields: list[str]) -> str:
    return ", ".join(examples(form, field) for field in fields)


def _first_rows(table: Table) -> Iterator[tuple[int, Sequence[Cell]]]:
    # A wrong delimiter may cut a file into rows it cannot be cut into: that way is not the right one.
    rows = table.rows(COLUMNS_MAX)
    for _ in range(ROWS_SEARCHED):
        row = next(rows, None)
        if row is None:
            return
        yield row


def _facts(document: Document, found: _Found) -> FormatFacts:
    return FormatFacts(
        file_type=document.file_type,
        table=found.form.id,
        heading_row=found.row,
        columns=found.match.headings,
        encoding=document.encoding,
        delimiter=found.table.delimiter,
        sheet=found.table.name,
        language=found.match.language,
        notes=document.notes,
    )


def _lines(form: KindForm, found: _Found) -> Iterator[RawLine]:
    """Give the lines below the headings, without empty ones and repeated headings."""
    count = 0
    columns = found.match.columns
    for number, row in found.table.rows(max(columns.values()) + 1):
        if number <= found.row:
            continue
        cells = {
            field: _kept(row[place])
            for field, place in columns.items()
            if place < len(row) and row[place] != ""
        }
        line = RawLine(number, {field: value for field, value in cells.items() if value != ""})
        if not line.cells or not form.keeps(found.form.id, line):
            continue
        if all(value == found.match.headings[field] for field, value in line.cells.items()):
            continue
        count += 1
        if count > form.lines_max:
            raise FileRefused("too_many_lines", most=form.lines_max)
        yield line


def _kept(value: Cell) -> Cell:
    return value.strip()[: TEXT_MAX + 1] if isinstance(value, str) else value


def _heard(lines: Iterator[RawLine], form: KindForm, votes: Votes) -> Iterator[RawLine]:
    for line in lines:
        votes.hear(
            (line.cells.get(field) for field in form.numbers),
            (line.cells.get(field) for field in form.dates),
        )
        yield line


def _read_accesses(form: KindForm, found: _Found, facts: FormatFacts, import_id: str) -> Normal:
    gatherer = AccessGatherer()
    columns = found.match.columns
    places = [columns.get(field, -1) for field in ("user", "device", "host")]
    for number, row in found.table.rows(max(columns.values()) + 1):
        # Not through `RawLine`: a million of them would take longer than everything else.
        if number <= found.row or not any(row):
            continue
        user, device, host = (row[at] if 0 <= at < len(row) else "" for at in places)
        gatherer.add(number, user, device, host)
        if gatherer.lines > form.lines_max:
            raise FileRefused("too_many_lines", most=form.lines_max)
        if gatherer.bad > BAD_LINES_MAX:
            raise FileRefused("too_many_bad_lines", most=BAD_LINES_MAX)
    if not gatherer.lines:
        raise FileRefused("no_lines")
    accesses = gatherer.result()
    sizes = {
        "users": len(accesses.users),
        "devices": len(accesses.devices),
        "hosts": len(accesses.hosts),
        "pairs": len(accesses.pairs),
    }
    facts = msgspec.structs.replace(facts, sizes=sizes)
    return Normal(
        data=pack_accesses(import_id, facts, accesses),
        facts=facts,
        lines=gatherer.lines,
        counts=Counts(good=gatherer.lines - gatherer.bad, bad=gatherer.bad),
        judged=tuple(gatherer.problems),
    )
