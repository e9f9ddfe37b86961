"""Storage by content: the same contract for memory, a folder, and an S3-compatible bucket."""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # ships no types; it only looks at what obstore wrote
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # as above
from moto.server import ThreadedMotoServer

from marketplace.infra.settings import Settings
from marketplace.infra.storage import (
    ContentStorage,
    StoredFileDamaged,
    StoredFileMissing,
    memory_storage,
    open_storage,
)

BUCKET = "papers"
DATA = b"%PDF-1.7 paper"
HASH = hashlib.sha256(DATA).hexdigest()
SECRET = "testing"


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """Give the address of an S3 server on loopback."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id=SECRET,
        aws_secret_access_key=SECRET,
        config=Config(retries={"max_attempts": 1}),
    )


def s3_settings(endpoint: str, place: str = f"s3://{BUCKET}/cession") -> Settings:
    return Settings(
        storage_url=place,
        storage_endpoint=endpoint,
        storage_access_key_id=SECRET,
        storage_secret_access_key=SECRET,
    )


@pytest.fixture(params=["memory", "folder", "s3"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ContentStorage]:
    """Give each kind of storage, empty."""
    if request.param == "memory":
        yield memory_storage()
    elif request.param == "folder":
        yield open_storage(Settings(data_dir=str(tmp_path / "data")))
    else:
        endpoint = request.getfixturevalue("bucket")
        yield open_storage(s3_settings(endpoint))


@pytest.fixture
def bucket(s3_endpoint: str) -> Iterator[str]:
    """Give the address of a server with an empty bucket."""
    client = s3_client(s3_endpoint)
    where = {"LocationConstraint": "eu-central-1"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    yield s3_endpoint
    for key in keys_in(s3_endpoint):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)


def keys_in(endpoint: str) -> list[str]:
    found = s3_client(endpoint).list_objects_v2(Bucket=BUCKET)
    return sorted(item["Key"] for item in found.get("Contents", []))


class TestContract:
    async def test_what_was_put_comes_back(self, stored: ContentStorage) -> None:
        assert await stored.put(DATA) == HASH
        assert await stored.get(HASH) == DATA

    async def test_same_bytes_are_one_file(self, stored: ContentStorage) -> None:
        assert {await stored.put(DATA), await stored.put(bytes(DATA))} == {HASH}
        assert await stored.get(HASH) == DATA

    async def test_same_bytes_at_once_are_one_file(self, stored: ContentStorage) -> None:
        assert set(await asyncio.gather(*(stored.put(DATA) for _ in range(8)))) == {HASH}
        assert await stored.get(HASH) == DATA

    @pytest.mark.parametrize("data", [b"", b"\x00", bytes(6_000_000)], ids=["none", "one", "6 MB"])
    async def test_any_size_is_kept(self, stored: ContentStorage, data: bytes) -> None:
        assert await stored.get(await stored.put(data)) == data

    @pytest.mark.parametrize("size", [0, 1, 12_000_000], ids=["none", "one", "12 MB"])
    async def test_open_file_is_kept_from_its_beginning(
        self, stored: ContentStorage, size: int
    ) -> None:
        data = bytes(size)
        with io.BytesIO(data) as file:
            file.seek(size)
            sha256 = await stored.put_file(file)
        assert sha256 == await stored.put(data)
        assert await stored.get(sha256) == data

    async def test_same_file_twice_is_one(self, stored: ContentStorage) -> None:
        assert {await stored.put_file(io.BytesIO(DATA)) for _ in range(2)} == {HASH}
        assert await stored.get(HASH) == DATA

    async def test_deleted_file_is_missing_and_may_come_again(self, stored: ContentStorage) -> None:
        await stored.put(DATA)
        await stored.delete(HASH)
        with pytest.raises(StoredFileMissing):
            await stored.get(HASH)
        assert await stored.put_file(io.BytesIO(DATA)) == HASH
        assert await stored.get(HASH) == DATA

    async def test_file_that_is_not_there_is_deleted_already(self, stored: ContentStorage) -> None:
        await stored.delete(HASH)
        await stored.delete("../../etc/passwd")
        with pytest.raises(StoredFileMissing):
            await stored.get(HASH)

    async def test_unknown_hash_is_missing(self, stored: ContentStorage) -> None:
        with pytest.raises(StoredFileMissing):
            await stored.get(HASH)


class TestFolder:
    async def test_survives_a_restart(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=str(tmp_path))
        await open_storage(settings).put(DATA)
        assert await open_storage(settings).get(HASH) == DATA
        assert (tmp_path / "files" / HASH[:2] / HASH).read_bytes() == DATA

    async def test_damaged_file_is_noticed(self, tmp_path: Path) -> None:
        storage = open_storage(Settings(data_dir=str(tmp_path)))
        await storage.put(DATA)
        (tmp_path / "files" / HASH[:2] / HASH).write_bytes(b"forged")
        with pytest.raises(StoredFileDamaged):
            await storage.get(HASH)

    async def test_leaves_no_half_written_file(self, tmp_path: Path) -> None:
        storage = open_storage(Settings(data_dir=str(tmp_path)))
        await storage.put(DATA)
        await storage.put(DATA)
        names = [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()]
        assert names == [HASH]

    @pytest.mark.parametrize("name", ["../../etc/passwd", "aa/../../x", "/etc/passwd", ""])
    async def test_name_that_is_no_hash_reaches_no_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "x").write_bytes(b"outside")
        storage = open_storage(Settings(data_dir=str(tmp_path)))
        with pytest.raises(StoredFileMissing):
            await storage.get(name)


class TestBucket:
    async def test_files_stand_under_the_prefix(self, bucket: str) -> None:
        for place in (f"s3://{BUCKET}/cession", f"s3://{BUCKET}/cession/", f"s3://{BUCKET}"):
            await open_storage(s3_settings(bucket, place)).put(DATA)
        path = f"{HASH[:2]}/{HASH}"
        assert keys_in(bucket) == sorted([path, f"cession/{path}"])

    async def test_damaged_file_is_noticed(self, bucket: str) -> None:
        storage = open_storage(s3_settings(bucket))
        await storage.put(DATA)
        s3_client(bucket).put_object(
            Bucket=BUCKET, Key=f"cession/{HASH[:2]}/{HASH}", Body=b"forged"
        )
        with pytest.raises(StoredFileDamaged):
            await storage.get(HASH)

    async def test_bucket_that_is_not_there_is_an_error(self, s3_endpoint: str) -> None:
        storage = open_storage(s3_settings(s3_endpoint, "s3://nowhere"))
        with pytest.raises(Exception, match=r"NoSuchBucket|404"):
            await storage.put(DATA)
