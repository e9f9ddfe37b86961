"""Imports: a file is read outside the database, its lines are judged chunk by chunk."""

import asyncio
from uuid import UUID

from marketplace.imports import service
from marketplace.imports.domain.batch import Refusal
from marketplace.imports.domain.lines import CheckedLine
from marketplace.imports.domain.reading import Normal
from marketplace.imports.service import ChunkTask, ReadTask
from marketplace.infra.work import Work
from workers.registration import Limits, Outward, Tools, effect

Read = tuple[Normal | Refusal, str]


async def load_original(work: Work, import_id: UUID) -> ReadTask | None:
    """Give the import whose file must be read."""
    return await service.begin_reading(work, import_id)


async def read_original(tools: Tools, task: ReadTask, _job_id: UUID) -> Read:
    """Read the original in a thread and store what was read; the same file gives the same bytes."""
    data = await tools.storage.get(task.batch.sha256)
    found = await asyncio.to_thread(service.read_original, data, task.batch)
    return found, "" if isinstance(found, Refusal) else await tools.storage.put(found.data)


async def record_reading(work: Work, task: ReadTask, read: Read) -> None:
    """Note what was read."""
    await service.record_reading(work, task, *read)


async def load_chunk(work: Work, import_id: UUID, chunk: str) -> ChunkTask | None:
    """Give the chunk of lines that must be judged."""
    return await service.begin_chunk(work, import_id, chunk)


async def judge_chunk(tools: Tools, task: ChunkTask, _job_id: UUID) -> tuple[CheckedLine, ...]:
    """Judge the lines in a thread."""
    data = await tools.storage.get(task.batch.normal_sha256)
    return await asyncio.to_thread(service.judge_chunk, data, task)


async def record_chunk(work: Work, task: ChunkTask, checked: tuple[CheckedLine, ...]) -> None:
    """Keep the judged lines."""
    await service.record_chunk(work, task, checked)


async def load_file(work: Work, sha256: str) -> str | None:
    """Give the file to remove, if nobody names it."""
    return await service.begin_removal(work, sha256)


async def remove_file(tools: Tools, sha256: str, _job_id: UUID) -> None:
    """Remove it; removing it again does nothing."""
    await tools.storage.delete(sha256)


async def record_removal(work: Work, sha256: str, _nothing: None) -> None:
    """Note that it is gone."""
    await service.record_removal(work, sha256)


read = Outward(
    name="imports.read",
    limits=Limits(queue="heavy"),
    load=load_original,
    call=read_original,
    record=record_reading,
)
check = Outward(
    name="imports.check",
    limits=Limits(queue="heavy"),
    load=load_chunk,
    call=judge_chunk,
    record=record_chunk,
)
remove = Outward(
    name="imports.remove_file",
    limits=Limits(queue="light"),
    load=load_file,
    call=remove_file,
    record=record_removal,
)


@effect("imports.give_up_unfinished", Limits(queue="light"))
async def give_up_unfinished(work: Work) -> None:
    """End imports whose jobs did not come to an end."""
    await service.give_up_unfinished(work)


@effect("imports.forget_old", Limits(queue="default"))
async def forget_old(work: Work) -> None:
    """Delete imports that nobody accepted in time."""
    await service.forget_old(work)
