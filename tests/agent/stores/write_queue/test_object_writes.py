"""Reads and writes of objects while nothing reaches the remote."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, StreamBody
from s3d.agent.s3.model import operations
from s3d.agent.storage.disk import Disk
from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState, PushError
from s3d.agent.stores.write_queue.object_writes import STATE
from tests.contract.client import Client
from tests.contract.queued import queue_before


def of(bucket, key, **members):
    return {"Bucket": bucket, "Key": key, **members}


async def test_a_put_is_read_back_before_the_remote_has_it(s3, there, bucket):
    answer = await s3.put(bucket, "k", b"data", Metadata={"a": "b"}, Tagging="x=y")
    assert await s3.read(bucket, "k", Range="bytes=1-2") == b"at"
    head = await s3("HeadObject", **of(bucket, "k"))
    assert (head["ETag"], head["Metadata"], head["TagCount"]) == (answer["ETag"], {"a": "b"}, 1)
    assert (await s3("GetObject", **of(bucket, "k", IfNoneMatch=answer["ETag"]))).status == 304
    attributes = await s3("GetObjectAttributes", **of(bucket, "k", ObjectAttributes=["ObjectSize"]))
    assert attributes["ObjectSize"] == 4
    await there.refused("NoSuchKey", "GetObject", **of(bucket, "k"))


async def test_a_pending_delete_is_a_404_although_the_remote_has_it(s3, there, bucket):
    await there.put(bucket, "k", b"old", Tagging="a=b")
    await s3("DeleteObject", **of(bucket, "k"))
    for name in ("GetObject", "HeadObject", "GetObjectTagging", "DeleteObjectTagging"):
        await s3.refused("NoSuchKey", name, **of(bucket, "k"))
    assert await there.read(bucket, "k") == b"old"


async def test_what_is_not_pending_is_the_remotes(s3, there, bucket):
    await there.put(bucket, "k", b"theirs")
    assert await s3.read(bucket, "k") == b"theirs"


async def test_tags_of_a_pending_put_go_out_with_it(s3, queue, bucket):
    await queue.journal.control.pause()
    await s3.put(bucket, "k", b"data")
    tags = [{"Key": "a", "Value": "b"}]
    await s3("PutObjectTagging", **of(bucket, "k", Tagging={"TagSet": tags}))
    assert (await s3("GetObjectTagging", **of(bucket, "k")))["TagSet"] == tags
    assert [write.kind for write in queue.journal.pending.writes(bucket, "k")] == [Kind.PUT]


async def test_tags_of_an_object_on_its_way_follow_it(s3, queue, there, bucket):
    await s3.put(bucket, "k", b"data")
    await queue.pusher.taken()
    tags = [{"Key": "a", "Value": "b"}]
    await s3("PutObjectTagging", **of(bucket, "k", Tagging={"TagSet": tags}))
    assert [write.kind for write in queue.journal.pending.writes(bucket, "k")] == [
        Kind.PUT,
        Kind.TAGS,
    ]
    await queue.pusher.push_now(bucket, "k", timeout=5)
    assert (await there("GetObjectTagging", **of(bucket, "k")))["TagSet"] == tags


async def test_a_conditional_put_is_judged_by_the_remote_after_what_is_pending(s3, there, bucket):
    await s3.put(bucket, "k", b"one")
    await s3.refused("PreconditionFailed", "PutObject", **of(bucket, "k", IfNoneMatch="*"))
    assert await there.read(bucket, "k") == b"one"
    etag = (await s3("HeadObject", **of(bucket, "k")))["ETag"]
    await s3.put(bucket, "k", b"two", IfMatch=etag)
    assert await there.read(bucket, "k") == b"two"


async def test_what_only_the_remote_can_do_waits_for_what_is_pending(s3, there, bucket):
    await s3.put(bucket, "k", b"one")
    assert (await s3("GetObjectAcl", **of(bucket, "k")))["Grants"]
    assert await there.read(bucket, "k") == b"one"


async def test_a_parked_key_is_read_with_a_mark(s3, queue, bucket):
    await s3.put(bucket, "k", b"data")
    write = queue.journal.pending.newest(bucket, "k")
    await queue.journal.outcomes.park(write.seq, PushError("AccessDenied", "no"))
    request = S3Request(operations()["GetObject"], of(bucket, "k"))
    response = await queue.store.call(request)
    assert response.headers == {STATE: "failed"}
    assert response.body.data == b"data"
    await s3.refused("AccessDenied", "GetObjectAcl", **of(bucket, "k"))


async def test_a_newer_put_takes_the_place_of_a_parked_one(s3, queue, bucket):
    await s3.put(bucket, "k", b"bad")
    await queue.journal.outcomes.park(
        queue.journal.pending.newest(bucket, "k").seq, PushError("AccessDenied")
    )
    await s3.put(bucket, "k", b"good")
    (write,) = queue.journal.pending.writes(bucket, "k")
    assert write.state in (PendingState.WAITING, PendingState.PUSHING)


async def test_an_object_larger_than_the_queue_goes_through(s3, queue, there, bucket):
    queue.store.admission.limits = Limits(max_size=3)
    await s3.put(bucket, "k", b"1234")
    assert await there.read(bucket, "k") == b"1234"
    assert queue.journal.totals().files == 0


async def test_what_the_remote_would_refuse_for_certain_is_refused_at_the_door(s3, queue, bucket):
    await s3.refused("KeyTooLongError", "PutObject", **of(bucket, "k" * 1025))
    await s3.refused("MetadataTooLarge", "PutObject", **of(bucket, "k", Metadata={"a": "b" * 3000}))
    await s3.refused("InvalidArgument", "PutObject", **of(bucket, "k", Tagging="a=1&a=2"))
    await s3.refused("BadDigest", "PutObject", **of(bucket, "k", ContentMD5="A" * 22 + "=="))
    assert queue.journal.totals().files == 0


async def test_a_read_of_a_key_pushed_a_moment_ago_asks_the_remote(s3, queue, there, bucket):
    """PendingWrites hears of a commit later than the stage."""
    await s3.put(bucket, "k", b"data")
    write = queue.journal.pending.newest(bucket, "k")
    await there.put(bucket, "k", b"data")
    await queue.journal.outcomes.acknowledge(write.seq)
    queue.journal.pending.add(write)
    assert await s3.read(bucket, "k") == b"data"


async def test_nothing_is_invented_when_the_remote_is_away(s3, queue, bucket):
    def away(request):
        raise S3Error("ServiceUnavailable")

    queue.store.inner.call = away
    await s3.refused("ServiceUnavailable", "GetObject", **of(bucket, "k"))
    await s3.refused("ServiceUnavailable", "ListObjectsV2", Bucket=bucket)
    await s3.put(bucket, "k", b"data")
    assert await s3.read(bucket, "k") == b"data"


async def test_a_full_queue_refuses_before_it_reads_and_still_takes_deletes(s3, queue, bucket):
    read = []

    async def body():
        read.append(1)
        yield b"data"

    queue.store.admission.limits = Limits(max_files=1, wait=0)
    await s3.put(bucket, "k", b"data", Tagging="a=b")
    error = await s3.refused("SlowDown", "PutObject", **of(bucket, "l", Body=StreamBody(body(), 4)))
    assert (read, error.detail["RetryAfter"]) == ([], 5)
    await s3("DeleteObjectTagging", **of(bucket, "k"))
    await s3("DeleteObject", **of(bucket, "l"))


@pytest.mark.finding("S4")
async def test_a_full_disk_takes_deletes_and_pushes_after_a_put_was_refused(
    there, remote, bucket, tmp_path, monkeypatch
):
    """The disk is one of SQLite's pages, of which the ballast holds some back."""
    await there.put(bucket, "old", b"data")
    async with queue_before(remote, tmp_path / "queue", lazy=True) as queue:
        s3, index = Client(queue.store), queue.index
        await s3.put(bucket, "k", b"data")
        index._write_thread.has_ballast = index.disk.lay_ballast()
        (pages,) = index._writer.execute("PRAGMA page_count").fetchone()
        index._writer.execute(f"PRAGMA max_page_count = {pages}")

        def drop_ballast():
            index._writer.execute(f"PRAGMA max_page_count = {pages + 4_000}")
            return Disk.drop_ballast(index.disk)

        monkeypatch.setattr(index.disk, "drop_ballast", drop_ballast)
        for number in range(40):
            name = f"{number}".zfill(1000)
            if await s3.code("PutObject", Bucket=bucket, Key=name, Body=bytes(3_000)):
                break
        await s3.refused("SlowDown", "PutObject", Bucket=bucket, Key="l" * 1000, Body=bytes(3_000))
        doomed = [{"Key": f"{number}".zfill(1000)} for number in range(40)] + [{"Key": "old"}]
        await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": doomed})
        await queue.pusher.push_now(bucket, timeout=10)
        assert await there.keys(bucket) == ["k"]


def copy(source, key, **members):
    return {"Bucket": "bucket", "Key": key, "CopySource": source, **members}


async def test_a_pending_source_is_copied_here(s3, queue, there, bucket):
    await s3.put(bucket, "k", b"data", Metadata={"a": "b"})
    await s3("CopyObject", **copy("bucket/k", "copy"))
    assert await s3.read(bucket, "copy") == b"data"
    assert await there.keys(bucket) == []
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await queue.pusher.push_now(bucket, timeout=5)
    assert await there.keys(bucket) == ["copy"]
    assert (await there("HeadObject", Bucket=bucket, Key="copy"))["Metadata"] == {"a": "b"}


async def test_a_source_of_the_remote_is_copied_there_after_what_is_pending(s3, there, bucket):
    await there.put(bucket, "k", b"new")
    await s3.put(bucket, "copy", b"older")
    await s3("CopyObject", **copy("bucket/k", "copy"))
    assert await s3.read(bucket, "copy") == b"new"
    assert await there.read(bucket, "copy") == b"new"


async def test_a_source_that_is_about_to_go_is_not_there(s3, there, bucket):
    await there.put(bucket, "k", b"data")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3.refused("NoSuchKey", "CopyObject", **copy("bucket/k", "copy"))


async def test_a_part_is_made_of_an_object_of_the_remote(s3, there, bucket):
    await there.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"]}
    part = await s3(
        "UploadPartCopy",
        **copy("bucket/k", "copy", PartNumber=1, CopySourceRange="bytes=2-4", **at),
    )
    etag = part["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    await s3("CompleteMultipartUpload", Bucket=bucket, Key="copy", MultipartUpload=parts, **at)
    assert await s3.read(bucket, "copy") == b"234"


async def test_a_part_is_made_of_a_pending_object(s3, bucket):
    await s3.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    part = await s3("UploadPartCopy", **copy("bucket/k", "copy", **at))
    assert part["CopyPartResult"]["ETag"]


async def test_a_part_is_not_made_of_a_delete_marker(s3, there, bucket):
    enabled = {"Status": "Enabled"}
    await there("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=enabled)
    marker = (await there("DeleteObject", Bucket=bucket, Key="k"))["VersionId"]
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    source = f"bucket/k?versionId={marker}"
    await s3.refused("InvalidRequest", "UploadPartCopy", **copy(source, "copy", **at))


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
async def test_a_source_that_is_pushed_before_it_is_copied_is_the_remotes(
    s3, queue, there, bucket, monkeypatch, operation
):
    data = b"data" * 50_000
    await s3.put(bucket, "from", data)
    copy = of(bucket, "to", CopySource=f"{bucket}/from")
    upload = await s3("CreateMultipartUpload", **of(bucket, "to"))
    if operation == "UploadPartCopy":
        copy |= {"UploadId": upload["UploadId"], "PartNumber": 1}
    stage = queue.store._handlers[operation].__self__._stage
    write = stage.write

    async def overtaken(request, *arguments, **keywords):
        await queue.pusher.push_now(bucket, "from", timeout=10)
        return await write(request, *arguments, **keywords)

    monkeypatch.setattr(stage, "write", overtaken)
    done = await s3(operation, **copy)
    monkeypatch.undo()
    if operation == "UploadPartCopy":
        parts = {"Parts": [{"PartNumber": 1, "ETag": done["CopyPartResult"]["ETag"]}]}
        end = of(bucket, "to", UploadId=upload["UploadId"], MultipartUpload=parts)
        await s3("CompleteMultipartUpload", **end)
    assert await s3.read(bucket, "to") == data


async def test_conditions_on_the_source_of_a_part_hold(s3, there, bucket):
    await there.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    for condition in ({"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": "*"}):
        await s3.refused(
            "PreconditionFailed", "UploadPartCopy", **copy("bucket/k", "copy", **at, **condition)
        )


@pytest.mark.finding("Q4")
@pytest.mark.parametrize("where", ["remote", "queue"])
@pytest.mark.parametrize(
    "header",
    ["foo", "bytes=5-", "bytes=-5", "bytes=5-2", "bytes=0-1,3-4", "bytes=0-10", "bytes=10-11"],
)
async def test_a_part_is_not_made_of_a_range_that_is_none(s3, there, bucket, where, header):
    await (there if where == "remote" else s3).put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    request = copy("bucket/k", "copy", CopySourceRange=header, **at)
    await s3.refused("InvalidArgument", "UploadPartCopy", **request)
    assert "Parts" not in await s3("ListParts", Bucket=bucket, Key="copy", UploadId=at["UploadId"])


class WithoutRanges:
    """A remote that sends the whole object whatever range it is asked for."""

    def __init__(self, inner):
        self.inner = inner

    async def call(self, request):
        members = {name: value for name, value in request.input.items() if name != "Range"}
        return await self.inner.call(request.replace(input=members))


@pytest.mark.finding("Q4")
async def test_a_part_of_a_range_that_the_remote_ignores_is_refused(
    remote, there, bucket, tmp_path
):
    await there.put(bucket, "k", b"0123456789")
    async with queue_before(WithoutRanges(remote), tmp_path / "queue", lazy=True) as queue:
        s3 = Client(queue.store)
        made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
        at = {"UploadId": made["UploadId"], "PartNumber": 1}
        request = copy("bucket/k", "copy", CopySourceRange="bytes=0-1", **at)
        await s3.refused("InternalError", "UploadPartCopy", **request)
        whole = copy("bucket/k", "copy", CopySourceRange="bytes=0-9", **at)
        assert (await s3("UploadPartCopy", **whole))["CopyPartResult"]


def delete(*objects, **further):
    return {"Bucket": "bucket", "Delete": {"Objects": list(objects), **further}}


async def test_each_key_is_a_write_of_its_own(s3, queue, there, bucket):
    await there.put(bucket, "a", b"data")
    await s3.put(bucket, "b", b"data")
    answer = await s3("DeleteObjects", **delete({"Key": "a"}, {"Key": "b"}, {"Key": "b"}))
    assert answer.names("Deleted", "Key") == ["a", "b", "b"]
    newest = [queue.journal.pending.newest(bucket, key).kind for key in "ab"]
    assert newest == [Kind.DELETE, Kind.DELETE]
    assert await s3.keys(bucket) == []
    await queue.pusher.push_now(bucket, timeout=5)
    assert await there.keys(bucket) == []


async def test_a_key_that_cannot_be_one_is_refused_by_itself(s3, queue, bucket):
    answer = await s3("DeleteObjects", **delete({"Key": "k" * 1025}, {"Key": "k"}, Quiet=True))
    assert answer.names("Errors", "Code") == ["KeyTooLongError"]
    assert "Deleted" not in answer
    assert queue.journal.pending.newest(bucket, "k") is not None


async def test_conditions_and_versions_are_judged_by_the_remote(s3, queue, there, bucket):
    await s3.put(bucket, "a", b"data")
    await there.put(bucket, "b", b"data")
    answer = await s3(
        "DeleteObjects",
        **delete({"Key": "a", "ETag": '"other"'}, {"Key": "b", "VersionId": "null"}, {"Key": "c"}),
    )
    assert answer.names("Errors", "Key") == ["a"]
    assert sorted(answer.names("Deleted", "Key")) == ["b", "c"]
    assert await there.keys(bucket) == ["a"]
    assert queue.journal.pending.newest(bucket, "c").kind is Kind.DELETE


async def test_none_and_too_many_are_malformed(s3, bucket):
    await s3.refused("MalformedXML", "DeleteObjects", **delete())
    await s3.refused("MalformedXML", "DeleteObjects", **delete(*[{"Key": "k"}] * 1001))
