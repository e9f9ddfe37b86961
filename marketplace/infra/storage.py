"""Files by content: the name of a file is the SHA-256 of its bytes, so it is stored once and proves itself.

One class over `obstore` serves a local folder, an S3-compatible bucket and memory.
"""

import asyncio
import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from marketplace.infra.settings import Settings, files_dir

if TYPE_CHECKING:  # exists in the library's type stubs only
    from obstore.store import S3Config


_PIECE: Final = 1_000_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class StoredFileMissing(Exception):
    """No file with this hash is stored."""


class StoredFileDamaged(Exception):
    """The stored bytes no longer have the hash that names them."""


# Checked at run time: the framework looks at what it hands to a route.
@runtime_checkable
class Storage(Protocol):
    """Keeps bytes by their hash."""

    async def put(self, data: bytes) -> str:
        """Store bytes and give their SHA-256 (hex); storing the same bytes twice is one file."""
        ...

    async def put_file(self, file: BinaryIO) -> str:
        """Store an open file from its beginning without holding it in memory; else as `put`."""
        ...

    async def get(self, sha256: str) -> bytes:
        """Give bytes back; raise `StoredFileMissing` or `StoredFileDamaged`."""
        ...

    async def delete(self, sha256: str) -> None:
        """Forget a file; one that is not there is forgotten already."""
        ...


class ContentStorage:
    """Files in an object store under `<aa>/<hash>`; written whole or not at all."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, data: bytes) -> str:
        """Store bytes; an equal file that is already there is left alone."""
        sha256 = hashlib.sha256(data).hexdigest()
        with suppress(AlreadyExistsError):
            await obstore.put_async(self._store, _path(sha256), data, mode="create")
        return sha256

    async def get(self, sha256: str) -> bytes:
        """Read bytes and check them against their name."""
        if not _SHA256.fullmatch(sha256):
            raise StoredFileMissing(sha256)
        try:
            answer = await obstore.get_async(self._store, _path(sha256))
        except (NotFoundError, FileNotFoundError) as problem:
            raise StoredFileMissing(sha256) from problem
        data = bytes(await answer.bytes_async())
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoredFileDamaged(sha256)
        return data

    async def put_file(self, file: BinaryIO) -> str:
        """Store an open file in pieces; an equal file that is already there is left alone."""
        sha256 = await asyncio.to_thread(_hash_of, file)
        try:
            await obstore.head_async(self._store, _path(sha256))
        except (NotFoundError, FileNotFoundError):
            file.seek(0)
            # Two senders of the same bytes overwrite one file with its equal.
            await obstore.put_async(self._store, _path(sha256), file)
        return sha256

    async def delete(self, sha256: str) -> None:
        """Remove a file; some stores answer an error where there is none."""
        if _SHA256.fullmatch(sha256):
            with suppress(NotFoundError, FileNotFoundError):
                await obstore.delete_async(self._store, _path(sha256))


def memory_storage() -> ContentStorage:
    """Make a storage that forgets with the process: for tests."""
    return ContentStorage(MemoryStore())


def open_storage(settings: Settings) -> ContentStorage:
    """Open the storage that the settings name: a bucket, or the local folder."""
    if not settings.storage_url:
        folder = files_dir(settings)
        folder.mkdir(parents=True, exist_ok=True)
        return ContentStorage(LocalStore(Path(folder).resolve()))
    place = urlsplit(settings.storage_url)
    config: S3Config = {"region": settings.storage_region}
    if settings.storage_endpoint:
        config["endpoint"] = settings.storage_endpoint
    if settings.storage_access_key_id:
        config["access_key_id"] = settings.storage_access_key_id
        config["secret_access_key"] = settings.storage_secret_access_key
    return ContentStorage(
        S3Store(
            place.netloc,
            prefix=place.path.strip("/") or None,
            config=config,
            client_options={"allow_http": settings.storage_endpoint.startswith("http://")},
        )
    )


def _hash_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _path(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
