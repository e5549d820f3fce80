"""Listings as boto3 gives them, from SeaweedFS."""

import math
from contextlib import closing

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from tests.gateway.conftest import peer_client
from tests.peers.dialects import without_quotes, without_token
from tests.peers.proxy import Drop, Fault

KEYS = ["a", "a b", "a%2Fb", "a+b", "d/ä", "d/\u0001", "e/f/g", "z"]


@pytest.fixture
def bucket(seaweedfs, bucket_name):
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    with closing(peer_client(seaweedfs)) as client:
        for key in KEYS:
            client.put_object(Bucket=bucket_name, Key=key, Body=b"1")
    return bucket_name


@pytest.mark.parametrize(
    "members",
    [{}, {"Prefix": "a "}, {"Delimiter": "/"}, {"MaxKeys": 2}, {"StartAfter": "a+b"},
     {"Prefix": "d/", "Delimiter": "/"}, {"EncodingType": "url"}],
)  # fmt: skip
async def test_a_page_is_as_boto3_has_it(open_remote, seaweedfs, bucket, members):
    store = open_remote(seaweedfs)
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": bucket, **members})
    found = (await store.call(request)).output
    with closing(peer_client(seaweedfs)) as client:
        wanted = client.list_objects_v2(Bucket=bucket, **members)
    del wanted["ResponseMetadata"]
    if "EncodingType" not in members:
        wanted.pop("EncodingType", None)
    found.pop("NextContinuationToken", None)
    wanted.pop("NextContinuationToken", None)
    assert found == wanted


async def test_a_page_without_an_answer_is_asked_for_again(faulty, faulty_seaweedfs, bucket):
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": bucket})
    before = (await faulty.call(request)).output
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER))
    assert (await faulty.call(request)).output == before


@pytest.mark.rule("REMOTE-6")
@pytest.mark.finding("F6")
async def test_an_etag_is_the_same_in_a_listing_and_in_headers(faulty, faulty_seaweedfs, bucket):
    faulty_seaweedfs.inject(Fault(edit_xml=without_quotes), times=math.inf)
    objects = S3Client(faulty)
    listed = await objects.page(bucket, limit=1_000)
    headers = [await objects.head(bucket, info.key) for info in listed.objects]
    assert [info.etag for info in listed.objects] == [info.etag for info in headers if info]


@pytest.mark.rule("REMOTE-2")
@pytest.mark.finding("F7")
async def test_a_listing_that_stops_in_the_middle_is_not_whole(faulty, faulty_seaweedfs, bucket):
    faulty_seaweedfs.inject(Fault(edit_xml=without_token), times=math.inf)
    found = S3Client(faulty)
    with pytest.raises(S3Error, match="does not say how it goes on"):
        await found.page(bucket, limit=3)
    with pytest.raises(S3Error, match="does not say how it goes on"):
        await found.versions(bucket, limit=3)
    assert not (await found.page(bucket, limit=1_000)).cursor
