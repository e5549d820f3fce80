"""Multipart uploads before a write queue."""

import asyncio
import itertools

import pytest

from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.journal.pending_write import Kind, RemoteUpload
from tests.contract.client import Client
from tests.contract.queued import queue_before

AT = {"Bucket": "bucket", "Key": "k"}


async def upload(s3, *bodies):
    """Begin an upload with these parts; (its place, what completes it)."""
    at = {**AT, "UploadId": (await s3("CreateMultipartUpload", **AT))["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        part = await s3("UploadPart", PartNumber=number, Body=body, **at)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return at, {"MultipartUpload": {"Parts": parts}}


async def test_an_upload_is_completed_here_and_pushed_with_its_etag(s3, queue, there, bucket):
    at, parts = await upload(s3, b"data")
    assert (await s3("ListParts", **at)).names("Parts", "PartNumber") == [1]
    etag = (await s3("CompleteMultipartUpload", **at, **parts))["ETag"]
    assert [write.kind for write in queue.journal.pending.writes(bucket, "k")] == [Kind.PUT]
    assert await s3.read(bucket, "k") == b"data"
    await queue.pusher.push_now(bucket, "k", timeout=5)
    assert (await there("HeadObject", **AT))["ETag"] == etag
    assert "Uploads" not in await there("ListMultipartUploads", Bucket=bucket)


async def test_an_upload_begun_at_the_remote_ends_there(s3, queue, there, bucket):
    at, parts = await upload(there, b"data")
    assert (await s3("ListParts", **at)).names("Parts", "PartNumber") == [1]
    await s3("CompleteMultipartUpload", **at, **parts)
    assert await there.read(bucket, "k") == b"data"
    assert queue.journal.totals().files == 0


async def test_parts_count_as_used_until_they_are_given_up(s3, queue, bucket):
    at, _ = await upload(s3, b"12345")
    assert queue.journal.used().size == 5
    await s3("AbortMultipartUpload", **at)
    assert queue.journal.used().size == 0


async def test_what_was_completed_counts_once(s3, queue, bucket):
    at, parts = await upload(s3, b"12345")
    await s3("CompleteMultipartUpload", **at, **parts)
    assert queue.journal.used() == (1, 5)


@pytest.mark.parametrize("condition", [{"IfNoneMatch": "*"}, {"IfMatch": '"other"'}])
async def test_a_condition_is_judged_by_what_the_remote_has(s3, there, bucket, condition):
    await s3.put(bucket, "k", b"older")
    at, parts = await upload(s3, b"data")
    await s3.refused("PreconditionFailed", "CompleteMultipartUpload", **at, **parts, **condition)
    assert await there.read(bucket, "k") == b"older"


async def test_with_a_condition_the_answer_means_that_the_remote_has_it(s3, there, bucket):
    at, parts = await upload(s3, b"data")
    await s3("CompleteMultipartUpload", **at, **parts, IfNoneMatch="*")
    assert await there.read(bucket, "k") == b"data"


@pytest.mark.finding("Q9")
async def test_the_end_of_an_upload_wakes_a_write_that_waits_for_room(remote, bucket, tmp_path):
    async with queue_before(
        remote, tmp_path / "queue", limits=Limits(max_size=10), lazy=True
    ) as queue:
        s3 = Client(queue.store)
        at, _ = await upload(s3, b"12345678")
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(s3.put(bucket, "other", b"123"))
            for _ in range(20):  # until it waits: nothing on its way there takes a thread
                await asyncio.sleep(0)
            await s3("AbortMultipartUpload", **at)
        assert await s3.read(bucket, "other") == b"123"


@pytest.mark.finding("Q6")
async def test_a_complete_is_answered_again_after_the_push_and_over_restarts(
    remote, there, bucket, tmp_path
):
    async with queue_before(remote, tmp_path / "queue") as queue:
        s3 = Client(queue.store)
        at = {**AT, "ChecksumAlgorithm": "CRC32"}
        at = {**AT, "UploadId": (await s3("CreateMultipartUpload", **at))["UploadId"]}
        part = await s3("UploadPart", PartNumber=1, Body=b"data", ChecksumAlgorithm="CRC32", **at)
        listed = {"PartNumber": 1, **{n: part[n] for n in ("ETag", "ChecksumCRC32")}}
        parts = {"MultipartUpload": {"Parts": [listed]}}
        first = await s3("CompleteMultipartUpload", **at, **parts)
        assert "ChecksumCRC32" in first
        await queue.pusher.push_now(bucket, timeout=5)
        assert (await s3("CompleteMultipartUpload", **at, **parts)).output == first.output
        await s3.put(bucket, "k", b"newer")
    async with queue_before(remote, tmp_path / "queue") as queue:
        s3 = Client(queue.store)
        assert (await s3("CompleteMultipartUpload", **at, **parts)).output == first.output
        assert await s3.read(bucket, "k") == b"newer"
        await s3.refused("NoSuchUpload", "AbortMultipartUpload", **at)
        other = {**at, "UploadId": at["UploadId"][::-1]}
        await s3.refused("NoSuchUpload", "CompleteMultipartUpload", **other, **parts)


@pytest.mark.finding("Q6")
async def test_a_complete_is_not_answered_again_for_what_was_discarded(s3, queue, bucket):
    at, parts = await upload(s3, b"data")
    await s3("CompleteMultipartUpload", **at, **parts)
    (write,) = queue.journal.pending.writes(bucket, "k")
    while not await queue.journal.control.discard(write.seq):
        queue.journal.outcomes.retry_later(write.seq, 0.0)
    await s3.refused("NoSuchUpload", "CompleteMultipartUpload", **at, **parts)


async def begin(s3, key):
    return (await s3("CreateMultipartUpload", Bucket="bucket", Key=key))["UploadId"]


async def pages(s3, size, **members):
    """(key, id) of all uploads and names of common prefixes, in order."""
    found, marker = [], {}
    while True:
        page = await s3(
            "ListMultipartUploads", Bucket="bucket", MaxUploads=size, **members, **marker
        )
        rows = [(row["Key"], row["UploadId"]) for row in page.get("Uploads", [])]
        rows += [(one["Prefix"], "") for one in page.get("CommonPrefixes", [])]
        assert len(rows) <= size
        found += rows
        if not page["IsTruncated"]:
            return sorted(found), found
        marker = {"KeyMarker": page["NextKeyMarker"]}
        if "NextUploadIdMarker" in page:
            marker["UploadIdMarker"] = page["NextUploadIdMarker"]


async def test_both_are_listed_at_every_page_size(s3, there, bucket):
    uploads = [(k, await begin(c, k)) for c, k in itertools.product((there, s3), ("a", "b", "b"))]
    for size in range(1, 8):
        assert (await pages(s3, size))[0] == sorted(uploads)


async def test_common_prefixes_are_those_of_both(s3, there, bucket):
    for client, key in ((s3, "a/1"), (there, "a/2"), (there, "b/1"), (s3, "c")):
        await begin(client, key)
    for size in range(1, 5):
        keys = [key for key, _ in (await pages(s3, size, Delimiter="/"))[0]]
        assert keys == ["a/", "b/", "c"]


async def test_what_the_pusher_has_begun_is_not_shown(s3, queue, there, bucket):
    upload_id = await begin(there, "k")
    await s3.put(bucket, "k", b"data")
    write = queue.journal.pending.newest(bucket, "k")
    await queue.journal.uploads.save(write.seq, RemoteUpload(upload_id))
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=bucket)


async def test_names_are_encoded_when_asked_for(s3, bucket):
    await begin(s3, "a b")
    page = await s3("ListMultipartUploads", Bucket=bucket, EncodingType="url")
    assert page.names("Uploads", "Key") == ["a%20b"]


@pytest.mark.finding("Q5")
@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_pages_of_every_size_give_all_but_what_the_pusher_has_begun(
    s3, queue, there, bucket, delimiter
):
    """The remote's pages are cut before what the pusher has begun is left out of them."""
    expected = []
    for number, key in enumerate(("a/1", "a/2", "b/1", "c/1", "c/2", "d", "e", "f", "z")):
        ours = await begin(there, key)
        if number % 3 != 2:
            await s3.put(bucket, key, b"data")
            write = queue.journal.pending.newest(bucket, key)
            await queue.journal.uploads.save(write.seq, RemoteUpload(ours))
        else:
            expected.append((key, ours))
        if number % 2:
            expected.append((key, await begin(s3, key)))
    if delimiter:
        groups = {(key[:2], "") for key, _ in expected if "/" in key}
        expected = [(key, name) for key, name in expected if "/" not in key] + sorted(groups)
    members = {"Delimiter": delimiter} if delimiter else {}
    for size in range(1, 12):
        assert (await pages(s3, size, **members))[0] == sorted(expected)


@pytest.mark.finding("Q5")
async def test_nothing_of_ours_is_listed_behind_the_end_of_a_page_of_the_remote(s3, there, bucket):
    for client, key in ((there, "a"), (there, "b"), (there, "c"), (s3, "z"), (s3, "a")):
        await begin(client, key)
    for size in range(1, 6):
        keys = [key for key, _ in (await pages(s3, size))[1]]
        assert keys == ["a", "a", "b", "c", "z"]


class PushesMeanwhile:
    """A remote at which a push begins an upload, and ends, while it lists the uploads."""

    def __init__(self, inner):
        self.inner = inner
        self.journal = None

    async def call(self, request):
        if request.op.name != "ListMultipartUploads" or self.journal is None:
            return await self.inner.call(request)
        journal, self.journal = self.journal, None
        seq = journal.pending.newest("bucket", "k").seq
        await journal.uploads.save(seq, RemoteUpload(""))
        upload_id = await begin(Client(self.inner), "k")
        listed = await self.inner.call(request)
        await journal.uploads.save(seq, RemoteUpload(upload_id))
        await journal.outcomes.acknowledge(seq)
        return listed


@pytest.mark.parametrize("staged", [False, True])
async def test_what_the_pusher_begins_during_the_listing_is_not_shown(
    remote, bucket, tmp_path, staged
):
    """Seen now and then as an upload that is listed after its completion."""
    meanwhile = PushesMeanwhile(remote)
    async with queue_before(meanwhile, tmp_path / "queue", lazy=True) as queue:
        s3 = Client(queue.store)
        expected = [await begin(s3, "other")] if staged else []
        await s3.put(bucket, "k", b"data")
        meanwhile.journal = queue.journal
        listed = await s3("ListMultipartUploads", Bucket=bucket)
        assert listed.names("Uploads", "UploadId") == expected
