"""ListMultipartUploads of the stage and of the remote together."""

import itertools

import pytest

from s3d.agent.stores.write_queue.pending import RemoteUpload
from tests.contract.client import Client
from tests.contract.queued import queue_before


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
    write = queue.journal.pending(bucket, "k")
    await queue.journal.progress(write.seq, RemoteUpload(upload_id))
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=bucket)


async def test_names_are_encoded_when_asked_for(s3, bucket):
    await begin(s3, "a b")
    page = await s3("ListMultipartUploads", Bucket=bucket, EncodingType="url")
    assert page.names("Uploads", "Key") == ["a+b"]


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
            write = queue.journal.pending(bucket, key)
            await queue.journal.progress(write.seq, RemoteUpload(ours))
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
        seq = journal.pending("bucket", "k").seq
        await journal.progress(seq, RemoteUpload(""))
        upload_id = await begin(Client(self.inner), "k")
        listed = await self.inner.call(request)
        await journal.progress(seq, RemoteUpload(upload_id))
        await journal.done(seq)
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
