import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.copy_source import (
    SourceReplaced,
    check_unchanged,
    find_source,
    source_name,
)
from tests.agent.stores.local.keys import KEY_B, SOURCE, customer

BIG = os.urandom(300_000)


def find(index, **members):
    return index.read_inline(lambda reader: find_source(members, reader))


async def test_the_range_is_cut_out_of_the_layout(s3, index, bucket):
    await s3.put(bucket, "k", BIG)
    source = find(index, CopySource=f"{bucket}/k", CopySourceRange="bytes=10-99")
    assert source.span == (10, 90)
    (extent,) = source.layout.extents
    assert (extent.offset, extent.size) == (10, 90)
    assert source.members() == {}


async def test_the_key_of_the_source_is_checked(s3, index, bucket):
    await s3.put(bucket, "k", BIG, **customer())
    place = {"CopySource": f"{bucket}/k"}
    assert find(index, **place, **customer(prefix=SOURCE)).customer_key is not None
    for wrong, code in (({}, "InvalidRequest"), (customer(KEY_B, SOURCE), "AccessDenied")):
        with pytest.raises(S3Error) as caught:
            find(index, **place, **wrong)
        assert caught.value.code == code


async def test_another_version_is_another_source(s3, index, bucket):
    await s3.put(bucket, "k", b"old")
    place = {"CopySource": f"{bucket}/k"}
    source = find(index, **place)
    check_unchanged(source, find(index, **place))
    await s3.put(bucket, "k", b"new")
    with pytest.raises(SourceReplaced):
        check_unchanged(source, find(index, **place))


def test_the_name_is_that_of_bucket_and_key():
    assert source_name({"CopySource": "/bucket/a%20b?versionId=null"}) == "bucket/a b"
