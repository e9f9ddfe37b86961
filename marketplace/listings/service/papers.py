"""The papers of a listing: take them in, list them, give them back."""

from uuid import UUID

import msgspec
import structlog

from marketplace.infra.storage import Storage
from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.listings.domain import files
from marketplace.listings.domain import listing as domain
from marketplace.listings.domain.listing import Evidence, Listing, Submission
from marketplace.listings.service.selling import load_listing
from marketplace.listings.store import papers, selling

log = structlog.get_logger()


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it came in; `declared_type` is what the sender says it is."""

    kind: EvidenceKind
    file_name: str
    declared_type: str
    data: bytes


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is in the storage already, by the hash of its content."""

    kind: EvidenceKind
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str


async def attach_evidence(
    work: Work, storage: Storage, listing_id: UUID, upload: Upload
) -> tuple[Evidence, bool]:
    """Keep a paper of the caller's listing; the same file of the same kind again gives the first one and False.

    The bytes are stored before the row: a crash in between leaves a file that nothing names, never
    a name without a file.

    Raises:
        NotFound.
        Conflict: `listing.evidence_closed`.
        Malformed, TooLarge, UnsupportedMedia: the file is not what it must be, see
        `domain/files.py`.
    """
    file_type = files.recognise(upload.data)
    files.require_agreement(file_type, upload.file_name, upload.declared_type)
    domain.require_takes_evidence(await load_listing(work, listing_id))
    # No row is locked while the file travels to the storage, which may be far away.
    sha256 = await storage.put(upload.data)
    listing = await load_listing(work, listing_id, lock=True)
    domain.require_takes_evidence(listing)
    paper = Evidence(
        id=work.new_id(),
        listing_id=listing.id,
        company_id=listing.company_id,
        kind=upload.kind,
        file_name=upload.file_name,
        media_type=file_type.media_type,
        size_bytes=len(upload.data),
        sha256=sha256,
        uploaded_at=work.now,
    )
    return await _keep(work, listing, paper)


async def attach_stored_file(
    work: Work, listing_id: UUID, file: StoredFile
) -> tuple[Evidence, bool]:
    """Keep a file that is stored already as a paper of the caller's listing; else as `attach_evidence`.

    Whoever stored it answers for its type.

    Raises:
        NotFound.
        Conflict: `listing.evidence_closed`.
    """
    listing = await load_listing(work, listing_id, lock=True)
    domain.require_takes_evidence(listing)
    paper = Evidence(
        id=work.new_id(),
        listing_id=listing.id,
        company_id=listing.company_id,
        kind=file.kind,
        file_name=file.file_name,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        uploaded_at=work.now,
    )
    return await _keep(work, listing, paper)


async def is_evidence(work: Work, sha256: str) -> bool:
    """Say whether any listing shows a file with this content, so that nobody removes it."""
    async with work.elevated("files are shared by content"):
        return await papers.names_file(work.connection, sha256)


async def load_whole_listing(
    work: Work, listing_id: UUID
) -> tuple[Listing, Submission | None, list[Evidence]]:
    """Give a listing of the caller with its last submission and its papers.

    Raises:
        NotFound.
    """
    listing = await load_listing(work, listing_id)
    submission = (
        await papers.find_submission(work.connection, listing.submission_id)
        if listing.submission_id
        else None
    )
    return listing, submission, await papers.list_evidence(work.connection, listing_id)


async def list_evidence(work: Work, listing_id: UUID) -> list[Evidence]:
    """Give the papers of a listing, oldest first.

    Raises:
        NotFound: no such listing for this caller.
    """
    await load_listing(work, listing_id)
    return await papers.list_evidence(work.connection, listing_id)


async def load_with_evidence(work: Work, listing_id: UUID) -> tuple[Listing, list[Evidence]]:
    """Give a listing with its papers, oldest first: what a certificate is made of.

    Raises:
        NotFound: no such listing for this caller.
    """
    listing = await load_listing(work, listing_id)
    return listing, await papers.list_evidence(work.connection, listing_id)


async def load_evidence(work: Work, listing_id: UUID, evidence_id: UUID) -> Evidence:
    """Give one paper of a listing.

    Raises:
        NotFound.
    """
    found = await papers.find_evidence(work.connection, listing_id, evidence_id)
    if found is None:
        raise NotFound("evidence.unknown", "There is no such paper at this listing.")
    return found


async def _keep(work: Work, listing: Listing, paper: Evidence) -> tuple[Evidence, bool]:
    kept, is_new = await papers.add_evidence(work.connection, paper)
    if is_new:
        await selling.touch(work.connection, listing.id, work.now)
        log.info("evidence.stored", listing_id=str(listing.id), evidence_id=str(kept.id))
    return kept, is_new
