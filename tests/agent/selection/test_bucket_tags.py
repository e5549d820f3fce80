"""Tags of buckets, from a real store."""

import asyncio

import pytest

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Response
from s3d.agent.selection.bucket_tags import FAILURE_TTL, TTL, BucketTags
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client


@pytest.fixture
def store(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    index.close()


def tagging(**tags):
    return {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}


async def test_they_are_kept_for_a_while(store):
    s3, now = Client(store), [0.0]
    tags = BucketTags(store, lambda: now[0])
    assert await tags.of("bucket") == {}  # which is not there
    await s3("CreateBucket", Bucket="bucket")
    tags.forget("bucket")
    assert await tags.of("bucket") == {}
    await s3("PutBucketTagging", Bucket="bucket", Tagging=tagging(env="prod"))
    assert await tags.of("bucket") == {}
    now[0] = TTL
    assert await tags.of("bucket") == {"env": "prod"}


async def test_a_failure_is_not_taken_for_no_tags():
    class Away:
        async def call(self, request):
            raise S3Error("ServiceUnavailable", "away")

    with pytest.raises(S3Error, match="away"):
        await BucketTags(Away()).of("bucket")


class Slow:
    """Answers when it is let go, with an error if it has one."""

    def __init__(self, error=None):
        self.error = error
        self.asked = 0
        self.go = asyncio.Event()

    async def call(self, request):
        self.asked += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return S3Response({"TagSet": [{"Key": "env", "Value": "prod"}]})


async def test_nobody_waits_for_ever_and_not_once_more_for_the_same():
    store, now = Slow(), [0.0]
    tags = BucketTags(store, lambda: now[0], timeout=0.01)
    for _ in range(3):
        with pytest.raises(S3Error, match=r"within 0\.01 s") as caught:
            await tags.of("b")
        assert classify(caught.value) is FailureClass.TRANSIENT
    assert store.asked == 1
    store.go.set()
    now[0] = FAILURE_TTL
    assert [await tags.of("b") for _ in range(2)] == [{"env": "prod"}] * 2
    assert store.asked == 2


async def test_one_question_for_all_who_ask_at_the_same_time():
    store = Slow()
    tags = BucketTags(store)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(tags.of("b")) for _ in range(5)]
        await asyncio.sleep(0)
        store.go.set()
    assert [each.result() for each in asking] == [{"env": "prod"}] * 5
    assert store.asked == 1
