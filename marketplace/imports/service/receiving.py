"""What a company does with its imports: send a file, look, accept, show as evidence, delete."""

from collections.abc import Sequence
from typing import BinaryIO, Final
from uuid import UUID

import msgspec
import structlog

from marketplace.imports.domain.batch import (
    Import,
    Kind,
    Outcome,
    State,
    require_acceptable,
    require_kind,
)
from marketplace.imports.domain.containers import is_archive
from marketplace.imports.domain.lines import CheckedLine
from marketplace.imports.events import ImportAccepted, ImportReceived
from marketplace.imports.service.cleaning import remove_files_of
from marketplace.imports.store import batches, found, stored
from marketplace.infra.storage import Storage
from marketplace.infra.work import Work
from marketplace.kernel.errors import (
    Conflict,
    FieldProblem,
    Malformed,
    NotFound,
    Unavailable,
    UnsupportedMedia,
)
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.listings.domain.listing import Evidence
from marketplace.listings.service import StoredFile, attach_stored_file

ENDINGS: Final = ("xlsx", "csv", "txt", "tsv")
UNFINISHED_MAX: Final = 10
"""Files of one company that may be in work at once."""
WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXT: Final = "text/csv"
_START: Final = 8

log = structlog.get_logger()


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it came in, open, with the hash and size that were taken while it arrived."""

    kind: Kind
    file_name: str
    dry_run: bool
    file: BinaryIO
    size_bytes: int
    sha256: str


async def receive_file(work: Work, storage: Storage, upload: Upload) -> Import:
    """Keep a file of the calling company; it is read and checked by jobs.

    The bytes are stored before the row: a crash in between leaves a file that nothing names, never
    a name without a file.

    Raises:
        Malformed: `import.empty`.
        UnsupportedMedia: `import.type_unknown`.
        Conflict: `import.too_many_unfinished`.
        Unavailable: `import.file_busy`, an equal file is being removed at this moment.
    """
    company_id = work.principal.company
    if not upload.size_bytes:
        raise Malformed("import.empty", "The file is empty; send its bytes as the request body.")
    if upload.file_name.rpartition(".")[2].lower() not in ENDINGS:
        raise UnsupportedMedia(
            "import.type_unknown",
            "Only XLSX and CSV files are taken in; the name must end in .xlsx, .csv, .txt or .tsv.",
            FieldProblem("/query/file_name", "must end in .xlsx, .csv, .txt or .tsv"),
        )
    if await batches.count_unfinished(work.connection, company_id) >= UNFINISHED_MAX:
        raise Conflict(
            "import.too_many_unfinished",
            f"{UNFINISHED_MAX} of your files are still being read; wait until one of them is done.",
        )
    async with work.elevated("files are shared by content"):
        if not await stored.claim(work.connection, upload.sha256):
            raise Unavailable(
                "import.file_busy", "An equal file is being deleted; send it again in a moment."
            )
    sha256 = await storage.put_file(upload.file)
    if sha256 != upload.sha256:
        raise AssertionError("the stored file is not the one that arrived")
    upload.file.seek(0)
    batch = Import(
        id=work.new_id(),
        company_id=company_id,
        kind=upload.kind,
        state=State.RECEIVED,
        dry_run=upload.dry_run,
        file_name=upload.file_name,
        media_type=WORKBOOK if is_archive(upload.file.read(_START)) else TEXT,
        size_bytes=upload.size_bytes,
        sha256=sha256,
        received_at=work.now,
    )
    await batches.add(work.connection, batch)
    work.announce(ImportReceived(import_id=batch.id))
    log.info("import.received", import_id=str(batch.id), kind=batch.kind.value)
    return batch


async def load_import(work: Work, import_id: UUID, *, lock: bool = False) -> Import:
    """Give an import of the caller, or any for staff and the system.

    Raises:
        NotFound: there is none, or it is another company's.
    """
    batch = await batches.find(work.connection, import_id, lock=lock)
    if batch is None:
        raise NotFound("import.unknown", "There is no such import, or it is not yours.")
    return batch


async def list_imports(work: Work, window: Window) -> Page[Import]:
    """Give one page of the calling company's imports, newest first; staff see those of all companies."""
    company_id = None if work.principal.scope in ("staff", "system") else work.principal.company
    rows = await batches.list_page(work.connection, company_id, window)
    return page_of(rows, window.limit, lambda row: (str(row.id),))


async def list_lines(
    work: Work, import_id: UUID, outcomes: Sequence[Outcome], after: int, limit: int
) -> tuple[Import, Page[CheckedLine]]:
    """Give one page of an import's lines in the order of the file, behind the line number `after`.

    Raises:
        NotFound.
    """
    batch = await load_import(work, import_id)
    rows = await found.list_page(work.connection, import_id, outcomes, after, limit + 1)
    return batch, page_of(rows, limit, lambda row: (row.number,))


async def accept_import(work: Work, import_id: UUID) -> Import:
    """Turn a checked dry run into an accepted import, without sending the file again.

    Doing it twice gives the same answer.

    Raises:
        NotFound.
        Conflict: `import.not_checked`, `import.nothing_to_accept`.
    """
    batch = await load_import(work, import_id, lock=True)
    if batch.state is State.ACCEPTED:
        return batch
    require_acceptable(batch)
    accepted = msgspec.structs.replace(batch, state=State.ACCEPTED)
    work.announce(ImportAccepted(import_id=batch.id))
    return await batches.save(work.connection, accepted)


async def attach_original(work: Work, import_id: UUID, listing_id: UUID) -> Evidence:
    """Show the original file as evidence of a listing of the same company.

    Raises:
        NotFound: the import or the listing.
        Conflict: `import.wrong_kind`, `listing.evidence_closed`.
    """
    batch = await load_import(work, import_id, lock=True)
    require_kind(batch, Kind.LICENCE_STATEMENT)
    file = StoredFile(
        kind=EvidenceKind.LICENCE_STATEMENT,
        file_name=batch.file_name,
        media_type=batch.media_type,
        size_bytes=batch.size_bytes,
        sha256=batch.sha256,
    )
    kept, _ = await attach_stored_file(work, listing_id, file)
    return kept


async def delete_import(work: Work, import_id: UUID) -> None:
    """Delete an import with its lines and, unless a listing shows it, its file. It may name people.

    Raises:
        NotFound.
    """
    batch = await load_import(work, import_id, lock=True)
    await batches.remove(work.connection, batch.id)
    remove_files_of(work, batch)
    work.audit("import.deleted", str(batch.id))
    log.info("import.deleted", import_id=str(batch.id))
