"""How a file becomes lines: one job reads it, then one job per chunk judges its lines.

Every job loads in one transaction, works with none open, and records in another together with the
mark "done" of its row. A job that is killed or delivered twice therefore leaves nothing half done
and nothing twice: `next_chunk` says which chunk is expected, and a line has one place.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec
import structlog

from marketplace.imports.domain.batch import (
    Counts,
    Import,
    Kind,
    Outcome,
    Refusal,
    State,
    end_state,
)
from marketplace.imports.domain.kinds import KINDS
from marketplace.imports.domain.lines import CheckedLine, Context, read_chunk, read_header
from marketplace.imports.domain.reading import Normal, read_file
from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.events import ImportAccepted, ImportChecked
from marketplace.imports.service.cleaning import refused, remove_files_of
from marketplace.imports.store import batches, found, stored
from marketplace.infra.work import Work

log = structlog.get_logger()


class ReadTask(msgspec.Struct, frozen=True):
    """An original to read."""

    batch: Import


class ChunkTask(msgspec.Struct, frozen=True):
    """A chunk of lines to judge."""

    batch: Import
    chunk: int


async def begin_reading(work: Work, import_id: UUID) -> ReadTask | None:
    """Give the import whose file must be read, None when that was done or it was deleted."""
    batch = await batches.find(work.connection, import_id, lock=True)
    if batch is None or batch.state not in {State.RECEIVED, State.READING}:
        return None
    if batch.state is State.RECEIVED:
        reading = msgspec.structs.replace(batch, state=State.READING)
        batch = await batches.save(work.connection, reading)
    return ReadTask(batch)


def read_original(data: bytes, batch: Import) -> Normal | Refusal:
    """Read the bytes of the original; touches nothing else."""
    try:
        return read_file(batch.kind, batch.file_name, data, str(batch.id))
    except FileRefused as problem:
        return Refusal(problem.code, dict(problem.params))


async def record_reading(
    work: Work, task: ReadTask, read: Normal | Refusal, normal_sha256: str
) -> None:
    """Note what was read and ask for the first check, or note why the file is refused."""
    batch = await batches.find(work.connection, task.batch.id, lock=True)
    if batch is None or batch.state is not State.READING:
        # Deleted or given up meanwhile: what was read must not stay behind.
        if normal_sha256:
            await stored.claim(work.connection, normal_sha256)
            remove_files_of(work, msgspec.structs.replace(task.batch, normal_sha256=normal_sha256))
        return
    if isinstance(read, Refusal):
        await batches.save(work.connection, refused(work, batch, read))
        return
    await stored.claim(work.connection, normal_sha256)
    checking = msgspec.structs.replace(
        batch,
        state=State.CHECKING,
        normal_sha256=normal_sha256,
        total=read.lines,
        facts=read.facts,
    )
    if batch.kind is Kind.ACCESS_PAIRS:
        # Pairs were judged while they were packed; only wrong lines become rows.
        await found.add_all(work.connection, batch, read.judged)
        checked = msgspec.structs.replace(checking, done=read.lines, counts=read.counts)
        await batches.save(work.connection, _ended(work, checked))
        return
    await batches.save(work.connection, checking)
    _ask_for_chunk(work, batch.id, 0)


async def begin_chunk(work: Work, import_id: UUID, chunk: str) -> ChunkTask | None:
    """Give the chunk that must be judged, None when that was done or the import was deleted."""
    batch = await batches.find(work.connection, import_id)
    if batch is None or batch.state is not State.CHECKING or batch.next_chunk != int(chunk):
        return None
    return ChunkTask(batch, batch.next_chunk)


def judge_chunk(data: bytes, task: ChunkTask) -> tuple[CheckedLine, ...]:
    """Judge the lines of a chunk by the day the file came in; touches nothing else."""
    header = read_header(data)
    context = Context(header.facts, day_of(task.batch))
    check = KINDS[task.batch.kind].check
    return tuple(check(line, context) for line in read_chunk(data, header, task.chunk))


async def record_chunk(work: Work, task: ChunkTask, checked: Sequence[CheckedLine]) -> None:
    """Keep the lines of a chunk, count them, and ask for the next chunk or end the import."""
    batch = await batches.find(work.connection, task.batch.id, lock=True)
    if batch is None or batch.state is not State.CHECKING or batch.next_chunk != task.chunk:
        return
    await found.add_all(work.connection, batch, checked)
    done = msgspec.structs.replace(
        batch,
        done=batch.done + len(checked),
        counts=batch.counts.plus(count(checked)),
        next_chunk=batch.next_chunk + 1,
    )
    if done.done < done.total:
        await batches.save(work.connection, done)
        _ask_for_chunk(work, batch.id, done.next_chunk)
    else:
        await batches.save(work.connection, _ended(work, done))


def count(checked: Sequence[CheckedLine]) -> Counts:
    """Count lines by outcome."""
    outcomes = [line.outcome for line in checked]
    return Counts(*(outcomes.count(outcome) for outcome in Outcome))


def day_of(batch: Import) -> date:
    """Give the day by which an import is judged, for ever."""
    return batch.received_at.date()


def _ended(work: Work, batch: Import) -> Import:
    if batch.counts.good + batch.counts.held + batch.counts.other == 0:
        return refused(work, batch, Refusal("nothing_readable"))
    state = end_state(batch)
    fact = ImportChecked if state is State.CHECKED else ImportAccepted
    work.announce(fact(import_id=batch.id))
    log.info("import.ended", import_id=str(batch.id), state=state.value, lines=batch.done)
    return msgspec.structs.replace(batch, state=state, ended_at=work.now)


def _ask_for_chunk(work: Work, import_id: UUID, chunk: int) -> None:
    work.enqueue(
        "imports.check",
        {"import_id": str(import_id), "chunk": str(chunk)},
        queue="heavy",
        dedup_key=f"imports.check:{import_id}:{chunk}",
    )
