"""Rows to needs and back: the only place that knows this stage's tables."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.needs.domain.answer import Answer
from marketplace.needs.domain.files import FileKind
from marketplace.needs.domain.market import Market
from marketplace.needs.domain.need import Failure, Need, NeedState, Progress, Step
from marketplace.needs.domain.request import Asked
from marketplace.needs.tables import need_files, needs

_INSERT: Final = insert(needs)
_SELECT: Final = select(needs).where(needs.c.id == bindparam("need_id"))
_LOCK: Final = _SELECT.with_for_update(key_share=True)
_OF_COMPANY: Final = select(needs).where(needs.c.company_id == bindparam("company_id"))
_SAVE: Final = (
    update(needs)
    .where(needs.c.id == bindparam("need_id"))
    .values(
        state=bindparam("new_state"),
        step=bindparam("new_step"),
        done=bindparam("new_done"),
        total=bindparam("new_total"),
        answer=bindparam("new_answer"),
        failure=bindparam("new_failure"),
        ended_at=bindparam("at"),
        version=bindparam("new_version"),
    )
)
_DELETE: Final = delete(needs).where(needs.c.id == bindparam("need_id"))
_INSERT_FILE: Final = insert(need_files)
_FILE: Final = select(need_files.c.data).where(
    need_files.c.need_id == bindparam("need_id"), need_files.c.kind == bindparam("file_kind")
)
_DELETE_FILES: Final = delete(need_files).where(
    need_files.c.need_id == bindparam("need_id"),
    need_files.c.kind.in_(bindparam("kinds", expanding=True)),
)
_FORGET_FILES: Final = delete(need_files).where(
    need_files.c.need_id.in_(
        select(needs.c.id).where(
            needs.c.ended_at < bindparam("before"),
            needs.c.id.in_(select(need_files.c.need_id)),
        )
    )
)


async def insert_need(connection: AsyncConnection, need: Need) -> None:
    """Store a new need."""
    await connection.execute(
        _INSERT,
        {
            "id": need.id,
            "company_id": need.company_id,
            "state": need.state.value,
            "asked": msgspec.to_builtins(need.asked),
            "market": msgspec.to_builtins(need.market),
            "step": int(need.progress.step),
            "done": need.progress.done,
            "total": need.progress.total,
            "answer": msgspec.to_builtins(need.answer),
            "failure": msgspec.to_builtins(need.failure),
            "requested_at": need.requested_at,
            "ended_at": need.ended_at,
            "version": need.version,
        },
    )


async def select_need(
    connection: AsyncConnection, need_id: UUID, *, lock: bool = False
) -> Need | None:
    """Load one need, or None; `lock` keeps everybody else from changing it until the transaction ends."""
    statement = _LOCK if lock else _SELECT
    row = (await connection.execute(statement, {"need_id": need_id})).one_or_none()
    return None if row is None else _need(row)


async def select_page(
    connection: AsyncConnection, company_id: UUID | None, window: Window
) -> list[Need]:
    """Load one row more than a window of a company's needs (None: of all), newest first."""
    query = select(needs) if company_id is None else _OF_COMPANY
    parameters = {} if company_id is None else {"company_id": company_id}
    rows = await connection.execute(newest_first(query, needs.c.id, window), parameters)
    return [_need(row) for row in rows]


async def save_need(connection: AsyncConnection, need: Need) -> None:
    """Store what changed of a need that is locked by this transaction."""
    await connection.execute(
        _SAVE,
        {
            "need_id": need.id,
            "new_state": need.state.value,
            "new_step": int(need.progress.step),
            "new_done": need.progress.done,
            "new_total": need.progress.total,
            "new_answer": msgspec.to_builtins(need.answer),
            "new_failure": msgspec.to_builtins(need.failure),
            "at": need.ended_at,
            "new_version": need.version,
        },
    )


async def delete_need(connection: AsyncConnection, need_id: UUID) -> bool:
    """Delete a need with its files; tell whether there was one."""
    return (await connection.execute(_DELETE, {"need_id": need_id})).rowcount > 0


async def insert_file(
    connection: AsyncConnection, need_id: UUID, kind: FileKind, data: bytes
) -> None:
    """Store a file of a need."""
    await connection.execute(_INSERT_FILE, {"need_id": need_id, "kind": kind.value, "data": data})


async def select_file(connection: AsyncConnection, need_id: UUID, kind: FileKind) -> bytes | None:
    """Load a file of a need, or None."""
    found: bytes | None = await connection.scalar(
        _FILE, {"need_id": need_id, "file_kind": kind.value}
    )
    return found


async def delete_files(connection: AsyncConnection, need_id: UUID, *kinds: FileKind) -> None:
    """Delete files that are not needed any more."""
    await connection.execute(
        _DELETE_FILES, {"need_id": need_id, "kinds": [kind.value for kind in kinds]}
    )


async def forget_files(connection: AsyncConnection, before: datetime) -> int:
    """Delete the files of needs that ended before a time; give how many."""
    return (await connection.execute(_FORGET_FILES, {"before": before})).rowcount


def _need(row: Any) -> Need:
    return Need(
        id=row.id,
        company_id=row.company_id,
        state=NeedState(row.state),
        asked=msgspec.convert(row.asked, Asked),
        market=msgspec.convert(row.market, Market),
        progress=Progress(Step(row.step), row.done, row.total),
        answer=msgspec.convert(row.answer, Answer | None),
        failure=msgspec.convert(row.failure, Failure | None),
        requested_at=row.requested_at,
        ended_at=row.ended_at,
        version=row.version,
    )
