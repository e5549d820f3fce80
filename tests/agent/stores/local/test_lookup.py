import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lookup import find_bucket, find_upload, find_version


async def refused(index, function, *arguments):
    with pytest.raises(S3Error) as error:
        index.read_inline(lambda reader: function(reader, *arguments))
    return error.value


async def test_what_is_not_there_is_named(index, bucket):
    error = await refused(index, find_bucket, "none")
    assert (error.code, error.detail) == ("NoSuchBucket", {"BucketName": "none"})
    record = index.read_inline(lambda reader: find_bucket(reader, bucket))
    error = await refused(index, find_version, record, "k")
    assert (error.code, error.detail) == ("NoSuchKey", {"Key": "k"})
    error = await refused(index, find_version, record, "k", "0" * 16)
    assert (error.code, error.detail["VersionId"]) == ("NoSuchVersion", "0" * 16)
    error = await refused(index, find_version, record, "k", "what")
    assert (error.code, error.detail["ArgumentName"]) == ("InvalidArgument", "versionId")
    error = await refused(index, find_upload, bucket, "k", "u")
    assert (error.code, error.detail) == ("NoSuchUpload", {"UploadId": "u"})


async def test_a_delete_marker_says_that_it_is_one(index, s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = (await s3("DeleteObject", Bucket=bucket, Key="k"))["VersionId"]
    record = index.read_inline(lambda reader: find_bucket(reader, bucket))
    hidden = await refused(index, find_version, record, "k")
    named = await refused(index, find_version, record, "k", marker)
    assert (hidden.code, named.code) == ("NoSuchKey", "MethodNotAllowed")
    for error in (hidden, named):
        assert (error.detail["DeleteMarker"], error.detail["VersionId"]) == ("true", marker)
