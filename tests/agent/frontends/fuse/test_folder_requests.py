"""The requests behind look-ups and listings, over a real store."""

from __future__ import annotations

from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, Layer, ObjectStore, operation
from s3d.agent.frontends.fuse.folder_requests import FolderRequests
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.metadata_table import FileMetadata
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from tests.agent.frontends.fuse.conftest import BUCKET, World

ROOT = (BUCKET, "")


class Denied(Layer):
    """Refuses to list the buckets, as a policy does."""

    @operation("ListBuckets")
    def list_buckets(self, request: S3Request[Any]) -> Answer:
        raise S3Error("AccessDenied")


async def test_an_object_and_the_folder_that_hides_it(world: World) -> None:
    requests = FolderRequests(world.client, MetadataMemory())
    await world.put("a", b"123")
    entry = await requests.look_up(ROOT, "a", beside_folder=False)
    assert entry is not None
    assert (entry.is_folder, entry.size) == (False, 3)
    assert await requests.look_up(ROOT, "a", beside_folder=True) is None
    await world.put("a/b")
    folder = await requests.look_up(ROOT, "a", beside_folder=False)
    assert folder is not None
    assert folder.is_folder
    hidden = await requests.look_up(ROOT, "a", beside_folder=True)
    assert hidden is not None
    assert (hidden.name, hidden.size, hidden.etag) == ("a%s3d-object", 3, entry.etag)
    assert await requests.look_up(ROOT, "none", beside_folder=False) is None


class OddBuckets(Layer):
    """Lists buckets that no service has."""

    @operation("ListBuckets")
    async def list_buckets(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        (row,) = response.output["Buckets"]
        names = ("../x", "a/b", "..", ".", "", "a%s3d-name", "Old_Name", row["Name"])
        return S3Response({**response.output, "Buckets": [{**row, "Name": one} for one in names]})


async def test_what_is_no_name_of_a_folder_is_no_bucket(world: World) -> None:
    requests = FolderRequests(S3Client(OddBuckets(world.store)), MetadataMemory())
    assert [entry.name for entry in await requests.buckets()] == ["Old_Name", BUCKET]


async def test_an_error_of_either_request_is_raised(world: World) -> None:
    requests = FolderRequests(world.client, MetadataMemory())
    with pytest.raises(S3Error, match="NoSuchBucket"):
        await requests.look_up(("missing", ""), "a", beside_folder=False)
    with pytest.raises(S3Error, match="KeyTooLong"):
        await requests.look_up(ROOT, "n" * 1_025, beside_folder=False)


class ChangedMeanwhile(Layer):
    """The mount sets the time of an object between a HeadObject and its answer."""

    def __init__(self, inner: ObjectStore, memory: MetadataMemory) -> None:
        super().__init__(inner)
        self._memory = memory

    @operation("HeadObject")
    async def head_object(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        self._memory.put(request.bucket, request.key, FileMetadata(response.output["ETag"], 7))
        return response


async def test_an_answer_does_not_undo_what_was_set_since(world: World) -> None:
    await world.put("f", b"123")
    memory = MetadataMemory()
    client = S3Client(ChangedMeanwhile(world.store, memory))
    entry = await FolderRequests(client, memory).look_up(ROOT, "f", beside_folder=False)
    assert entry is not None
    assert entry.mtime_ns == 7


async def test_a_page_has_what_begins_so(world: World) -> None:
    for key in ("d/ab", "d/ac/x", "d/b"):
        await world.put(key)
    page = await FolderRequests(world.client, MetadataMemory()).page((BUCKET, "d/"), "a", "")
    assert [info.key for info in page.objects] == ["d/ab"]
    assert page.prefixes == ["d/ac/"]


async def test_buckets(world: World) -> None:
    buckets = await FolderRequests(world.client, MetadataMemory()).buckets()
    assert [(entry.name, entry.is_folder) for entry in buckets] == [(BUCKET, True)]
    assert buckets[0].mtime_ns > 10**18


async def test_one_bucket_for_a_key_that_may_not_list_them(world: World) -> None:
    requests = FolderRequests(S3Client(Denied(world.store)), MetadataMemory())
    with pytest.raises(S3Error, match="AccessDenied"):
        await requests.buckets()
    entry = await requests.bucket(BUCKET)
    assert entry is not None
    assert entry.is_folder
    assert await requests.bucket("missing") is None
    assert await requests.bucket(".Trash-0") is None
