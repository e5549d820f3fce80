"""Large objects: in parts, continued after a restart, past a queue that is too small."""

from __future__ import annotations

import asyncio
import os
from random import Random

import pytest

from s3d.agent.large_objects import copied_parts
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.transfers import operations
from s3d.agent.transfers.transfer_status import transfer_of
from tests.agent.transfers.conftest import PART

SIZE = 5 * PART + 77
DATA = Random(5).randbytes(SIZE)


@pytest.fixture
def film(world):
    world.folder.mkdir()
    path = world.folder / "film.mkv"
    path.write_bytes(DATA)
    os.utime(path, ns=(1_700_000_000_250_000_000,) * 2)
    return path


def sent(world, operation="UploadPart"):
    return world.store.calls.count(operation)


async def uploads_of(world):
    output = await world.objects.output("ListMultipartUploads", {"Bucket": "one"})
    return output.get("Uploads", [])


def maps(world):
    folder = world.file.parent / "uploads"
    return os.listdir(folder) if folder.exists() else []


async def test_a_large_file_goes_up_and_comes_down_in_parts(world, film, tmp_path):
    job = await world.do("upload", paths=[str(film)])
    info = await world.objects.head("one", "film.mkv")
    assert (job.state, info.size, info.etag[-3:]) == ("done", SIZE, '-6"')
    assert (info.content_type, info.metadata["mtime"]) == (
        "video/x-matroska", "1700000000.250000000",
    )  # fmt: skip
    assert (job.progress.size_done, sent(world), maps(world)) == (SIZE, 6, [])
    job = await world.do("download", keys=["film.mkv"], to_path=str(tmp_path / "down"))
    assert (job.progress.size_done, sent(world, "GetObject")) == (SIZE, 6)
    assert os.listdir(tmp_path / "down") == ["film.mkv"]
    assert (tmp_path / "down" / "film.mkv").read_bytes() == DATA
    assert (tmp_path / "down" / "film.mkv").stat().st_mode & 0o777 == 0o644


def hang_from(world, operation, number):
    """Calls of an operation from this number on hang until they are cancelled."""
    reached, count = asyncio.Event(), 0
    inner = world.store.inner.call

    async def call(request):
        nonlocal count
        if request.op.name == operation:
            count += 1
            if count >= number:
                reached.set()
                await asyncio.Event().wait()
        return await inner(request)

    world.store.inner.call = call
    return reached


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("UploadPart", {"kind": "upload"}),
        ("GetObject", {"kind": "download"}),
    ],
)
async def test_a_restart_continues_where_it_was(world, film, tmp_path, operation, more):
    await world.objects.put("one", "old.mkv", BytesBody(DATA))
    if more["kind"] == "upload":
        request = {"kind": "upload", "paths": [str(film)]}
    else:
        request = {"kind": "download", "keys": ["old.mkv"], "to_path": str(tmp_path / "down")}
    inner = world.store.inner.call
    reached = hang_from(world, operation, 6)
    (job,) = await world.transfers.start(large_files_request(**request))
    await reached.wait()
    await world.stop()
    world.store.inner.call = inner
    world.store.calls.clear()
    world.transfers = world.opened()
    world.run()
    job = world.transfers.get(job.id)
    assert (await world.until(job)).state == "done"
    assert sent(world, operation) < 6
    if more["kind"] == "upload":
        assert await world.read("film.mkv") == DATA
    else:
        assert (tmp_path / "down" / "old.mkv").read_bytes() == DATA
    assert (await uploads_of(world), maps(world)) == ([], [])


def large_files_request(kind, **more):
    from s3d.shared.transfers import TransferRequest

    return TransferRequest(kind, "one", **more)


async def test_a_cancelled_transfer_leaves_nothing_behind(world, film, tmp_path):
    reached = hang_from(world, "UploadPart", 3)
    (job,) = await world.transfers.start(large_files_request("upload", paths=[str(film)]))
    await reached.wait()
    assert len(await uploads_of(world)) == 1
    await world.transfers.engine.cancel(job)
    assert (await uploads_of(world), maps(world)) == ([], [])
    await world.objects.put("one", "old.mkv", BytesBody(DATA))
    reached = hang_from(world, "GetObject", 3)
    request = large_files_request("download", keys=["old.mkv"], to_path=str(tmp_path / "down"))
    (job,) = await world.transfers.start(request)
    await reached.wait()
    assert len(os.listdir(tmp_path / "down")) == 2  # the file and its map
    await world.transfers.engine.cancel(job)
    assert os.listdir(tmp_path / "down") == []


async def test_what_is_larger_than_the_queue_goes_past_it_and_says_so(world, film):
    past = []
    world.store.fails = lambda request: (
        past.append(request.context.bypass_queue)
        if request.op.name == "CreateMultipartUpload"
        else None
    )
    job = await world.do("upload", paths=[str(film)])
    assert (past, transfer_of(job).notes) == ([False], [])
    world.queue_size = SIZE - 1
    job = await world.do("upload", paths=[str(film)])
    assert past == [False, True]
    (note,) = transfer_of(job).notes
    assert "larger than the write queue" in note


async def test_a_copy_that_is_too_large_for_one_request_is_made_of_parts(world, monkeypatch):
    monkeypatch.setattr(copied_parts, "MAX_SINGLE", SIZE - 1)
    monkeypatch.setattr(copied_parts, "COPIED_PART", PART)
    members = {"Bucket": "one", "Key": "a", "Metadata": {"who": "me"}, "ContentType": "x/y"}
    await world.objects.output("PutObject", members | {"Tagging": "t=1&u=%2B"}, BytesBody(DATA))
    job = await world.do("copy", keys=["a"], to_bucket="two", as_key="b")
    info = await world.objects.head("two", "b")
    assert (job.state, sent(world, "UploadPartCopy")) == ("done", 6)
    assert (info.metadata, info.content_type) == ({"who": "me"}, "x/y")
    assert await world.objects.tags("two", "b") == {"t": "1", "u": "+"}
    assert await world.read("b", "two") == DATA


async def test_an_older_version_is_copied_in_parts(world, monkeypatch):
    monkeypatch.setattr(copied_parts, "MAX_SINGLE", SIZE - 1)
    monkeypatch.setattr(copied_parts, "COPIED_PART", PART)
    status = {"VersioningConfiguration": {"Status": "Enabled"}}
    await world.objects.output("PutBucketVersioning", {"Bucket": "one", **status})
    members = {"Bucket": "one", "Key": "a", "Tagging": "t=1"}
    old = await world.objects.output("PutObject", members, BytesBody(DATA))
    await world.put("a", b"newer")
    job = await world.do("copy", keys=["a"], to_bucket="two", as_key="b", version=old["VersionId"])
    assert job.state == "done"
    assert await world.read("b", "two") == DATA
    assert await world.objects.tags("two", "b") == {"t": "1"}


async def test_a_download_of_an_object_that_is_replaced_starts_over(world, tmp_path):
    await world.objects.put("one", "k", BytesBody(DATA))
    count = 0

    async def call(request, inner=world.store.inner.call):
        nonlocal count
        count += request.op.name == "GetObject"
        if request.op.name == "GetObject" and count == 4:
            await world.objects.put("one", "k", BytesBody(DATA[::-1]))
        return await inner(request)

    world.store.inner.call = call
    job = await world.do("download", keys=["k"], to_path=str(tmp_path / "down"))
    assert job.state == "done"
    assert (tmp_path / "down" / "k").read_bytes() == DATA[::-1]


async def test_a_file_that_is_overwritten_is_read_again(world, film, monkeypatch):
    monkeypatch.setattr(operations, "CHANGE_PAUSES", (0.0, 0.0))
    changes = iter([DATA[::-1]])

    def overwrite(request):
        if request.op.name == "CompleteMultipartUpload":
            return
        if request.op.name == "UploadPart" and (data := next(changes, None)):
            film.write_bytes(data)

    world.store.fails = overwrite
    job = await world.do("upload", paths=[str(film)])
    assert job.state == "done"
    assert await world.read("film.mkv") == DATA[::-1]
    assert await uploads_of(world) == []


async def test_a_file_that_never_stays_the_same_is_named(world, film, monkeypatch):
    monkeypatch.setattr(operations, "CHANGE_PAUSES", (0.0, 0.0))
    small = world.folder / "small"
    small.write_bytes(b"0")
    count = 0

    def overwrite(request):
        nonlocal count
        count += 1
        if request.op.name in ("UploadPart", "PutObject"):
            film.write_bytes(DATA[count:] + DATA[:count])
            small.write_bytes(b"%06d" % count)

    world.store.fails = overwrite
    for path in (film, small):
        job = await world.do("upload", paths=[str(path)])
        error = transfer_of(job).error
        assert (job.state, error.code) == ("failed", "NotTransferable")
        assert "changes while it is read" in error.message
    assert await uploads_of(world) == []


async def test_an_outage_keeps_what_has_arrived(world, tmp_path, monkeypatch):
    await world.objects.put("one", "k", BytesBody(DATA))
    failed = 0

    def away(request):
        nonlocal failed
        if request.op.name == "GetObject" and sent(world, "GetObject") == 4 and not failed:
            failed = 1
            raise S3Error("ServiceUnavailable", "away")

    world.store.fails = away
    monkeypatch.setattr("s3d.agent.transfers.user_transfers.RETRY_PAUSES", (0.0,))
    job = await world.do("download", keys=["k"], to_path=str(tmp_path / "down"))
    assert (job.state, job.attempts) == ("done", 2)
    assert (tmp_path / "down" / "k").read_bytes() == DATA
