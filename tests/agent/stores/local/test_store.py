import pytest

from s3d.agent.core.store import Completed
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.agent.storage.files import files
from tests.contract.client import Client

BIG = b"x" * 100_000


def call(store, name, **members):
    return store.call(S3Request(operations()[name], members))


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("HeadBucket", {}),
        ("GetBucketLocation", {}),
        ("GetBucketVersioning", {}),
        ("HeadObject", {"Key": "small"}),
        ("GetObject", {"Key": "small"}),
        ("GetObject", {"Key": "small", "Range": "bytes=1-2"}),
        ("GetObject", {"Key": "small", "IfNoneMatch": "*"}),
        ("GetObject", {"Key": "large"}),
        ("GetObjectTagging", {"Key": "small"}),
        ("GetObjectAttributes", {"Key": "small", "ObjectAttributes": ["ETag"]}),
    ],
)
async def test_what_needs_no_waiting_is_ready(local, s3, bucket, name, members):
    await s3.put(bucket, "small", b"data")
    await s3.put(bucket, "large", BIG)
    answer = call(local, name, Bucket=bucket, **members)
    assert isinstance(answer, Completed)
    if answer.response.body is not None:
        await answer.response.body.aclose()


async def test_errors_that_need_no_waiting_are_raised_by_the_call(local, bucket):
    with pytest.raises(S3Error) as refused:
        call(local, "GetObject", Bucket=bucket, Key="none")
    assert refused.value.code == "NoSuchKey"


async def test_an_operation_without_a_handler_is_not_implemented(local):
    for op in (UNKNOWN, operations()["SelectObjectContent"]):
        with pytest.raises(S3Error) as refused:
            local.call(S3Request(op, {"Bucket": "bucket", "Key": "k"}))
        assert refused.value.code == "NotImplemented"


async def reopened(folder):
    index = Index.open(folder / "index.sqlite")
    return index, LocalStore(index, Blobs(folder / "blobs"))


async def test_a_restart_finds_everything_and_sweeps_what_nobody_names(tmp_path):
    index, store = await reopened(tmp_path)
    s3 = Client(store)
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "small", b"data", Metadata={"a": "b"}, Tagging="t=1")
    await s3.put("bucket", "large", BIG)
    stray = await store._blobs.receive(BytesBody(BIG), [])
    index.close()
    assert len(files(tmp_path)) == 2

    index, store = await reopened(tmp_path)
    s3 = Client(store)
    await s3.put("bucket", "later", BIG)
    assert await store.sweep() == (1, 0)
    assert stray.blob not in files(tmp_path)
    small = await s3("GetObject", Bucket="bucket", Key="small")
    assert (small.body, small["Metadata"], small["TagCount"]) == (b"data", {"a": "b"}, 1)
    for key in ("large", "later"):
        assert await s3.read("bucket", key) == BIG
    index.close()


async def test_numbers_of_blobs_go_on_behind_those_in_the_index(tmp_path):
    for expected in (["0"], ["0", "1"], ["0", "1", "2"]):
        index, store = await reopened(tmp_path)
        s3 = Client(store)
        await s3("CreateBucket", Bucket="bucket")
        await s3.put("bucket", expected[-1], expected[-1].encode())
        assert [await s3.read("bucket", key) for key in expected] == [
            key.encode() for key in expected
        ]
        index.close()
