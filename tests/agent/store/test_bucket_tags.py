"""Tags of buckets, from a real store."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.store.blobs import Blobs
from s3d.agent.store.bucket_tags import LIFE, BucketTags
from s3d.agent.store.index import Index
from s3d.agent.store.local.store import LocalStore
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
    now[0] = LIFE
    assert await tags.of("bucket") == {"env": "prod"}


async def test_a_failure_is_not_taken_for_no_tags():
    class Away:
        async def call(self, request):
            raise S3Error("ServiceUnavailable", "away")

    with pytest.raises(S3Error, match="away"):
        await BucketTags(Away()).of("bucket")
