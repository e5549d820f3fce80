import asyncio

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Layer
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.transfers.object_copier import EXISTS, CopyResult, ObjectCopier, same
from tests.agent.stores.write_queue.rig import Remote, refusal
from tests.contract.client import Client


@pytest.fixture
def there(opened) -> Remote:
    remote = Remote(opened("there"))
    remote.gate.set()
    return remote


@pytest.fixture
def opened(tmp_path, request):
    from s3d.agent.app.embedded import open_embedded

    def make(name: str) -> LocalStore:
        store = open_embedded(tmp_path / name, ephemeral=True)
        request.addfinalizer(store.close)
        return store.local

    return make


@pytest.fixture
def parts_to(tmp_path):
    """Transfers in parts to a store."""
    return lambda store: PartTransfers(S3Client(store), tmp_path / "maps")


@pytest.fixture
async def stores(opened, there, parts_to):
    """ObjectCopier, and clients of source and target; both have bucket bbb."""
    source = opened("here")
    for store in (source, there):
        await Client(store)("CreateBucket", Bucket="bbb")
    return ObjectCopier(source, there, parts_to(there)), Client(source), Client(there.inner)


async def test_an_object_arrives_with_all_that_it_has(stores):
    copier, here, there = stores
    await here(
        "PutObject",
        Bucket="bbb",
        Key="k",
        Body=b"data",
        ContentType="text/x",
        Metadata={"a": "b"},
        CacheControl="no-cache",
        Tagging="t=1&u=2",
        ChecksumCRC32="rfPzYw==",
    )
    assert await copier.copy("bbb", "k") is CopyResult.COPIED
    head = await there("HeadObject", Bucket="bbb", Key="k", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "b"})
    assert (head["CacheControl"], head["ChecksumCRC32"]) == ("no-cache", "rfPzYw==")
    tags = await there("GetObjectTagging", Bucket="bbb", Key="k")
    assert [(tag["Key"], tag["Value"]) for tag in tags["TagSet"]] == [("t", "1"), ("u", "2")]


@pytest.mark.parametrize("algorithm", ["AES256", "aws:kms", "aws:kms:dsse"])
async def test_an_encrypted_object_arrives(stores, algorithm):
    """Its ETag may be no MD5, which the target would compare the bytes with."""
    copier, here, there = stores
    place = {"Bucket": "bbb", "Key": "k"}
    await here("PutObject", **place, Body=b"data", ServerSideEncryption=algorithm)
    assert await copier.copy("bbb", "k") is CopyResult.COPIED
    assert (await there("GetObject", **place)).body == b"data"


async def test_parts_stay_parts_so_that_the_etag_stays(stores):
    copier, here, there = stores
    upload = {"Bucket": "bbb", "Key": "k"}
    upload["UploadId"] = (await here("CreateMultipartUpload", **upload))["UploadId"]
    parts = []
    for number, size in ((1, 5 << 20), (2, 7)):
        sent = await here("UploadPart", **upload, PartNumber=number, Body=b"x" * size)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    done = await here("CompleteMultipartUpload", **upload, MultipartUpload={"Parts": parts})
    assert await copier.copy("bbb", "k") is CopyResult.COPIED
    head = await there("HeadObject", Bucket="bbb", Key="k", PartNumber=2)
    assert (head["ETag"], head["ContentLength"], head["PartsCount"]) == (done["ETag"], 7, 2)


async def test_what_is_there_is_not_sent_again(stores, there):
    copier, here, _ = stores
    await here("PutObject", Bucket="bbb", Key="k", Body=b"data")
    await copier.copy("bbb", "k")
    assert await copier.copy("bbb", "k") is CopyResult.THERE
    assert there.names().count("PutObject") == 1


async def test_another_object_is_never_overwritten(stores):
    copier, here, there = stores
    await here("PutObject", Bucket="bbb", Key="k", Body=b"old")
    await there("PutObject", Bucket="bbb", Key="k", Body=b"new")
    with pytest.raises(S3Error) as caught:
        await copier.copy("bbb", "k")
    assert caught.value.code == EXISTS
    assert (await there("GetObject", Bucket="bbb", Key="k")).body == b"new"


async def test_a_remote_without_conditions_gets_it_without(stores, there):
    copier, here, _ = stores
    await here("PutObject", Bucket="bbb", Key="k", Body=b"data")
    there.fail("PutObject", refusal(501, "NotImplemented"))
    assert await copier.copy("bbb", "k") is CopyResult.COPIED
    assert "IfNoneMatch" not in there.of("PutObject")[-1]


async def test_a_remote_that_keeps_other_bytes_is_found_out(stores, there):
    copier, here, _ = stores
    await here("PutObject", Bucket="bbb", Key="k", Body=b"data")
    there.edit = lambda name, answer: answer | {"ETag": '"x"'} if name == "HeadObject" else answer
    with pytest.raises(S3Error) as caught:
        await copier.copy("bbb", "k")
    assert caught.value.code == "BadDigest"


async def put_in_parts(here) -> None:
    upload = {"Bucket": "bbb", "Key": "k"}
    upload["UploadId"] = (await here("CreateMultipartUpload", **upload))["UploadId"]
    sent = await here("UploadPart", **upload, PartNumber=1, Body=b"x")
    parts = [{"PartNumber": 1, "ETag": sent["ETag"]}]
    await here("CompleteMultipartUpload", **upload, MultipartUpload={"Parts": parts})


class Stuck(Layer):
    """A target at which a part, and then the abortion of its upload, may never end."""

    def __init__(self, inner, *names) -> None:
        super().__init__(inner)
        self.names = names
        self.reached = asyncio.Event()
        self.bodies = []

    async def call(self, request):
        if request.op.name in self.names:
            self.bodies.append(request.body)
            self.reached.set()
            await asyncio.Event().wait()
        return await self.inner.call(request)


class Closing:
    """A body that tells whether it was closed."""

    def __init__(self, body) -> None:
        self.body, self.size, self.trailers, self.closed = body, body.size, body.trailers, False

    def __aiter__(self):
        return self.body.__aiter__()

    async def aclose(self) -> None:
        self.closed = True
        await self.body.aclose()


class Watched(Layer):
    """A source that keeps the bodies that it gives."""

    def __init__(self, inner) -> None:
        super().__init__(inner)
        self.bodies = []

    async def call(self, request):
        response = await self.inner.call(request)
        if response.body is not None:
            response.body = Closing(response.body)
            self.bodies.append(response.body)
        return response


@pytest.mark.finding("Q13")
@pytest.mark.parametrize("stuck", [("UploadPart",), ("CompleteMultipartUpload",)])
async def test_a_migration_that_is_cancelled_leaves_no_upload(stores, there, stuck, parts_to):
    copier, here, client = stores
    await put_in_parts(here)
    source, target = Watched(copier.source), Stuck(there, *stuck)
    task = asyncio.ensure_future(ObjectCopier(source, target, parts_to(target)).copy("bbb", "k"))  # noqa: TID251
    await target.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client("ListMultipartUploads", Bucket="bbb")).get("Uploads", []) == []
    assert all(body.closed for body in source.bodies)


@pytest.mark.finding("Q13")
async def test_a_remote_that_is_silent_does_not_keep_a_migration_from_ending(
    stores, there, monkeypatch, parts_to
):
    monkeypatch.setattr("s3d.agent.large_objects.begun_uploads.ABORT_PATIENCE", 0.01)
    copier, here, _ = stores
    await put_in_parts(here)
    target = Stuck(there, "AbortMultipartUpload")
    there.fail("UploadPart", refusal(403, "AccessDenied"))
    with pytest.raises(S3Error, match="AccessDenied"):
        await ObjectCopier(copier.source, target, parts_to(target)).copy("bbb", "k")


@pytest.mark.finding("Q13")
@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented"])
async def test_a_copy_that_is_refused_closes_what_it_read(stores, there, code, parts_to):
    copier, here, _ = stores
    source = Watched(copier.source)
    await here("PutObject", Bucket="bbb", Key="k", Body=b"data")
    there.fail("PutObject", refusal(403 if code == "AccessDenied" else 501, code), 2)
    with pytest.raises(S3Error):
        await ObjectCopier(source, there, parts_to(there)).copy("bbb", "k")
    assert source.bodies
    assert all(body.closed for body in source.bodies)


async def test_an_upload_that_fails_leaves_nothing(stores, there):
    copier, here, client = stores
    await put_in_parts(here)
    there.fail("UploadPart", refusal(403, "AccessDenied"))
    with pytest.raises(S3Error):
        await copier.copy("bbb", "k")
    assert (await client("ListMultipartUploads", Bucket="bbb")).get("Uploads", []) == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, True),
        ({"ETag": '"b"'}, False),
        ({"ContentLength": 2}, False),
        ({"ETag": '"b"', "ServerSideEncryption": "aws:kms"}, True),
        ({"ETag": '"b"', "ServerSideEncryption": "AES256"}, False),
    ],
)
def test_sizes_and_etags_tell_whether_two_are_the_same(other, expected):
    one = {"ContentLength": 1, "ETag": '"a"'}
    assert same(one, one | other) is expected
