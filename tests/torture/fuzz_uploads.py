"""What S3 answers to the requests of multipart uploads: a part of the model of fuzz_answers.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

from tests.torture.fuzz_model import (
    MIN_PART,
    Bucket,
    Buckets,
    Expected,
    Handler,
    Members,
    Refused,
    Upload,
    Version,
    check_lock,
    check_write,
    composed_etag,
    copy_source,
    etag_of,
    find_bucket,
    new_version,
    of_bucket,
    written,
)


def _create_upload(bucket: Bucket, members: Members) -> Expected:
    check_lock(bucket, members)
    upload = Upload(members["Key"], new_version(members))

    def learn(output: Members) -> None:
        assert output["UploadId"] not in bucket.uploads
        bucket.uploads[output["UploadId"]] = upload

    return Expected(members={"Key": members["Key"]}, learn=learn)


def _upload(bucket: Bucket, members: Members) -> Upload:
    upload = bucket.uploads.get(members["UploadId"])
    if upload is None or upload.key != members["Key"]:
        raise Refused("NoSuchUpload")
    return upload


def _upload_part(bucket: Bucket, members: Members) -> Expected:
    upload = _upload(bucket, members)
    upload.parts[members["PartNumber"]] = members["Body"]
    return Expected(members={"ETag": etag_of(members["Body"])})


def _copy_part(buckets: Buckets, members: Members) -> Expected:
    upload = _upload(find_bucket(buckets, members["Bucket"]), members)
    data = copy_source(buckets, members).content
    if "CopySourceRange" in members:
        first, last = map(int, members["CopySourceRange"].removeprefix("bytes=").split("-"))
        if last >= len(data):
            raise Refused("InvalidArgument")
        data = data[first : last + 1]
    upload.parts[members["PartNumber"]] = data
    return Expected(members={"CopyPartResult": {"ETag": etag_of(data)}})


def _complete(bucket: Bucket, members: Members) -> Expected:
    listed = members["MultipartUpload"]["Parts"]
    numbers = [part["PartNumber"] for part in listed]
    if numbers != sorted(numbers):
        raise Refused("InvalidPartOrder")
    done = bucket.completed.get(members["UploadId"])
    if done is not None:
        return _completed_again(bucket, *done, etags=[part["ETag"] for part in listed])
    upload = _upload(bucket, members)
    for part in listed:
        data = upload.parts.get(part["PartNumber"])
        if data is None or etag_of(data) != part["ETag"]:
            raise Refused("InvalidPart")
    chosen = [upload.parts[number] for number in numbers]
    if any(len(data) < MIN_PART for data in chosen[:-1]):
        raise Refused("EntityTooSmall")
    check_write(bucket, members)
    del bucket.uploads[members["UploadId"]]
    version = upload.like
    version.data, version.etag = b"".join(chosen), composed_etag(list(map(etag_of, chosen)))
    version.parts = [(n, len(data)) for n, data in zip(numbers, chosen, strict=True)]
    bucket.completed[members["UploadId"]] = upload.key, version
    return written(bucket, upload.key, version)


def _completed_again(bucket: Bucket, key: str, version: Version, etags: list[str]) -> Expected:
    """The same answer, as long as the object is still what the upload made of these parts."""
    if version is not bucket.current(key) or version.etag != composed_etag(etags):
        raise Refused("NoSuchUpload")
    return Expected(members={"ETag": version.etag})


def _abort(bucket: Bucket, members: Members) -> Expected:
    _upload(bucket, members)
    del bucket.uploads[members["UploadId"]]
    return Expected()


UPLOADS: dict[str, Handler] = {
    "abort_multipart_upload": of_bucket(_abort),
    "complete_multipart_upload": of_bucket(_complete),
    "create_multipart_upload": of_bucket(_create_upload),
    "upload_part": of_bucket(_upload_part),
    "upload_part_copy": _copy_part,
}
