"""What ends by the clock or by deletion: files nobody names, imports nobody accepted or finished."""

from datetime import timedelta
from typing import Final

import msgspec
import structlog

from marketplace.imports.domain.batch import (
    KEPT_DAYS,
    UNFINISHED,
    UNFINISHED_HOURS,
    Import,
    Refusal,
    State,
)
from marketplace.imports.events import ImportRefused
from marketplace.imports.store import batches, stored
from marketplace.infra.work import Work
from marketplace.listings.service import is_evidence

SWEEP_MAX: Final = 500
_UNACCEPTED: Final = frozenset({State.CHECKED, State.REFUSED})

log = structlog.get_logger()


def remove_files_of(work: Work, batch: Import) -> None:
    """Ask for the removal of an import's files, unless somebody else holds them."""
    for sha256 in filter(None, (batch.sha256, batch.normal_sha256)):
        work.enqueue("imports.remove_file", {"sha256": sha256}, queue="light")


async def begin_removal(work: Work, sha256: str) -> str | None:
    """Mark a file for removal and give it back; None when something still names it.

    The row is locked first: an upload of the same bytes that is under way is waited for, and one
    that comes later is asked to wait until the file is gone.
    """
    if not await stored.lock(work.connection, sha256):
        return None
    if await stored.is_named(work.connection, sha256) or await is_evidence(work, sha256):
        return None
    await stored.mark_removing(work.connection, sha256)
    return sha256


async def record_removal(work: Work, sha256: str) -> None:
    """Note that a file is gone."""
    await stored.forget(work.connection, sha256)
    log.info("import.file_removed", sha256=sha256)


async def give_up_unfinished(work: Work) -> None:
    """Refuse imports whose jobs did not come to an end within a day."""
    before = work.now - timedelta(hours=UNFINISHED_HOURS)
    for import_id in await batches.find_old(work.connection, before, UNFINISHED, SWEEP_MAX):
        batch = await batches.find(work.connection, import_id, lock=True)
        if batch is not None and batch.state in UNFINISHED:
            await batches.save(work.connection, refused(work, batch, Refusal("unfinished")))


async def forget_old(work: Work) -> None:
    """Delete imports that nobody accepted within their time."""
    before = work.now - timedelta(days=KEPT_DAYS)
    for import_id in await batches.find_old(work.connection, before, _UNACCEPTED, SWEEP_MAX):
        batch = await batches.find(work.connection, import_id, lock=True)
        if batch is not None and batch.state in _UNACCEPTED:
            await batches.remove(work.connection, import_id)
            remove_files_of(work, batch)


def refused(work: Work, batch: Import, refusal: Refusal) -> Import:
    """Give the import as refused and announce it."""
    work.announce(ImportRefused(import_id=batch.id))
    log.info("import.refused", import_id=str(batch.id), code=refusal.code)
    return msgspec.structs.replace(batch, state=State.REFUSED, refusal=refusal, ended_at=work.now)
