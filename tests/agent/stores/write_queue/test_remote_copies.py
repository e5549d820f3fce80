"""Renames and changes of metadata that wait in the queue until the remote carries them out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import ListedObject, MountHints, RequestContext, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.write_queue.journal import journal_history
from s3d.agent.stores.write_queue.journal.journal_history import EtagAlias
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState
from s3d.agent.stores.write_queue.push import copy_description
from tests.agent.stores.write_queue.rig import EPOCH, Rig, open_rig
from tests.contract.client import Client
from tests.contract.conftest import local
from tests.contract.queued import Queue, queue_before

BIG = b"data" * 40_000


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    """One that pushes only when it must."""
    async with local(tmp_path) as remote:
        await Client(remote)("CreateBucket", Bucket="bbb")
        async with queue_before(remote, tmp_path / "queue", lazy=True) as queue:
            queue.journal.unversioned.add("bbb")
            yield queue


async def rename(queue: Queue, old: str, new: str) -> None:
    await Client(queue.store)("RenameObject", Bucket="bbb", Key=new, RenameSource=f"/bbb/{old}")


async def change_metadata(queue: Queue, key: str, metadata: dict[str, str], etag: str) -> str:
    members = {
        "Bucket": "bbb", "Key": key, "CopySource": f"bbb/{key}", "CopySourceIfMatch": etag,
        "MetadataDirective": "REPLACE", "Metadata": metadata, "ContentType": "text/x-new",
    }  # fmt: skip
    context = RequestContext(replaces=etag)
    request = S3Request(operations()["CopyObject"], members, context=context)
    return str((await queue.store.call(request)).output["CopyObjectResult"]["ETag"])


async def keys(store: object) -> list[str]:
    return (await Client(store)("ListObjectsV2", Bucket="bbb")).names("Contents", "Key")


def kinds(queue: Queue) -> list[tuple[str, str]]:
    return [(write.kind, write.key) for write in queue.journal.pending]


async def pushed(queue: Queue) -> None:
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    queue.gate.open.set()
    async with asyncio.timeout(10):
        while queue.journal.totals().files:
            changed.clear()
            await changed.wait()


async def parked(queue: Queue) -> None:
    """Wait until the remote has refused a write."""
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    queue.gate.open.set()
    async with asyncio.timeout(10):
        while not list(queue.journal.conflicts) and not any(
            write.state is PendingState.FAILED for write in queue.journal.pending
        ):
            changed.clear()
            await changed.wait()


async def test_an_object_of_the_remote_is_renamed_at_once_and_copied_later(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    members = {"Metadata": {"a": "b"}, "Tagging": "t=u", "ContentType": "x/y"}
    etag = (await remote.put("bbb", "old", BIG, **members))["ETag"]
    await rename(queue, "old", "new")
    assert await keys(queue.store) == ["new"]
    assert await keys(queue.inner) == ["old"]
    assert await here.read("bbb", "new") == BIG
    assert await here.read("bbb", "new", Range="bytes=1-3") == BIG[1:4]
    got, head = (
        await here("GetObject", Bucket="bbb", Key="new"),
        await here("HeadObject", Bucket="bbb", Key="new"),
    )
    for found in (got, head):
        assert (found["ETag"], found["Metadata"], found["ContentType"]) == (etag, {"a": "b"}, "x/y")
        assert found["ContentLength"] == len(BIG)
    tags = await here("GetObjectTagging", Bucket="bbb", Key="new")
    assert tags["TagSet"] == [{"Key": "t", "Value": "u"}]
    await here.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="old")
    assert queue.journal.totals().size == 0
    await pushed(queue)
    assert await keys(queue.inner) == ["new"]
    there = await remote("GetObject", Bucket="bbb", Key="new")
    assert (there.body, there["ETag"], there["Metadata"]) == (BIG, etag, {"a": "b"})
    assert there["TagCount"] == 1


async def test_a_pending_object_gets_another_key_without_the_remote(queue):
    here = Client(queue.store)
    await here.put("bbb", "old", BIG, Metadata={"a": "b"})
    await rename(queue, "old", "new")
    assert kinds(queue)[-2:] == [(Kind.PUT, "new"), (Kind.DELETE, "old")]
    assert await here.read("bbb", "new") == BIG
    await pushed(queue)
    assert await keys(queue.inner) == ["new"]


async def test_the_old_key_is_deleted_only_after_the_copy(queue, monkeypatch):
    await Client(queue.inner).put("bbb", "old", b"data")
    await rename(queue, "old", "new")
    calls: list[tuple[str, str]] = []
    call = queue.gate.inner.call

    async def note(request):
        calls.append((request.op.name, request.key))
        return await call(request)

    monkeypatch.setattr(queue.gate.inner, "call", note)
    await pushed(queue)
    changes = [one for one in calls if one[0] in ("CopyObject", "DeleteObject")]
    assert changes == [("CopyObject", "new"), ("DeleteObject", "old")]


@pytest.mark.finding("mount-1")
async def test_a_renamed_object_is_read_although_it_is_pushed_meanwhile(queue, monkeypatch):
    await Client(queue.inner).put("bbb", "old", BIG)
    await rename(queue, "old", "new")
    call = queue.inner.call

    async def push_first(request):
        monkeypatch.setattr(queue.inner, "call", call)
        await pushed(queue)
        return await call(request)

    monkeypatch.setattr(queue.inner, "call", push_first)
    assert await Client(queue.store).read("bbb", "new") == BIG


async def test_the_marker_of_a_folder_is_deleted_after_what_is_below_it(queue, monkeypatch):
    """SeaweedFS keeps the folder otherwise."""
    names = ["d/", "d/e/", "d/e/f", "d/g"]
    for key in names:
        etag = (await Client(queue.inner).put("bbb", key, b""))["ETag"]
        queue.journal.remote_states.note("bbb", key, etag)
    deleted: list[str] = []
    call = queue.gate.inner.call

    async def note(request):
        if request.op.name == "DeleteObject":
            deleted.append(request.key)
            await asyncio.sleep(0)
        return await call(request)

    monkeypatch.setattr(queue.gate.inner, "call", note)
    objects = [{"Key": key} for key in names]
    await Client(queue.store)("DeleteObjects", Bucket="bbb", Delete={"Objects": objects})
    await pushed(queue)
    assert set(deleted) == set(names)
    assert deleted[-1] == "d/"
    assert deleted.index("d/e/f") < deleted.index("d/e/")


async def test_a_new_object_of_the_old_key_waits_for_the_copy(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "old", b"data")
    await rename(queue, "old", "backup")
    await here.put("bbb", "old", b"edited")
    assert (await here.read("bbb", "old"), await here.read("bbb", "backup")) == (b"edited", b"data")
    await pushed(queue)
    assert await remote.read("bbb", "old") == b"edited"
    assert await remote.read("bbb", "backup") == b"data"


async def test_a_request_that_needs_the_old_key_waits_for_the_copy(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "old", b"data")
    await rename(queue, "old", "new")
    await here("PutObject", Bucket="bbb", Key="old", Body=b"other", IfNoneMatch="*")
    assert await remote.read("bbb", "new") == b"data"
    assert await remote.read("bbb", "old") == b"other"


async def test_a_write_of_the_new_key_replaces_the_copy(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "old", b"data")
    await rename(queue, "old", "new")
    await here.put("bbb", "new", b"other")
    await pushed(queue)
    assert (await keys(queue.inner), await remote.read("bbb", "new")) == (["new"], b"other")


async def test_a_renamed_object_is_renamed_again(queue):
    remote = Client(queue.inner)
    await remote.put("bbb", "a", b"data")
    await rename(queue, "a", "b")
    await rename(queue, "b", "c")
    assert await keys(queue.store) == ["c"]
    await pushed(queue)
    assert (await keys(queue.inner), await remote.read("bbb", "c")) == (["c"], b"data")


async def test_a_rename_is_undone(queue):
    remote = Client(queue.inner)
    await remote.put("bbb", "a", b"data")
    await rename(queue, "a", "b")
    await rename(queue, "b", "a")
    assert await keys(queue.store) == ["a"]
    await pushed(queue)
    assert (await keys(queue.inner), await remote.read("bbb", "a")) == (["a"], b"data")


async def test_two_objects_are_exchanged(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "a", b"1")
    await remote.put("bbb", "b", b"2")
    await rename(queue, "a", "t")
    await rename(queue, "b", "a")
    await rename(queue, "t", "b")
    assert (await here.read("bbb", "a"), await here.read("bbb", "b")) == (b"2", b"1")
    await pushed(queue)
    assert (await remote.read("bbb", "a"), await remote.read("bbb", "b")) == (b"2", b"1")
    assert await keys(queue.inner) == ["a", "b"]


async def test_metadata_change_at_once_and_at_the_remote_later(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    etag = (await remote.put("bbb", "k", BIG, Metadata={"a": "b"}, Tagging="t=u"))["ETag"]
    assert await change_metadata(queue, "k", {"mtime": "1"}, etag) == etag
    found = await here("GetObject", Bucket="bbb", Key="k")
    assert (found.body, found["Metadata"], found["ContentType"]) == (
        BIG,
        {"mtime": "1"},
        "text/x-new",
    )
    assert (await remote("HeadObject", Bucket="bbb", Key="k"))["Metadata"] == {"a": "b"}
    await pushed(queue)
    there = await remote("HeadObject", Bucket="bbb", Key="k")
    assert (there["Metadata"], there["TagCount"], there["ETag"]) == ({"mtime": "1"}, 1, etag)


async def test_a_rename_takes_changed_metadata_along(queue):
    remote = Client(queue.inner)
    etag = (await remote.put("bbb", "a", b"data"))["ETag"]
    await change_metadata(queue, "a", {"mtime": "1"}, etag)
    await rename(queue, "a", "b")
    await pushed(queue)
    there = await remote("HeadObject", Bucket="bbb", Key="b")
    assert (await keys(queue.inner), there["Metadata"]) == (["b"], {"mtime": "1"})


async def test_metadata_of_a_pending_object_change_in_the_stage(queue):
    here = Client(queue.store)
    etag = (await here.put("bbb", "k", BIG))["ETag"]
    await change_metadata(queue, "k", {"mtime": "1"}, etag)
    assert {kind for kind, _ in kinds(queue)} == {Kind.PUT}
    assert (await here("HeadObject", Bucket="bbb", Key="k"))["Metadata"] == {"mtime": "1"}


async def test_metadata_of_another_version_are_not_changed(queue):
    await Client(queue.inner).put("bbb", "k", b"data")
    with pytest.raises(S3Error, match="PreconditionFailed"):
        await change_metadata(queue, "k", {}, '"another"')


async def test_tags_of_a_copy_that_waits(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "old", b"data", Tagging="t=u")
    await rename(queue, "old", "new")
    tag_set = [{"Key": "v", "Value": "w"}]
    await here("PutObjectTagging", Bucket="bbb", Key="new", Tagging={"TagSet": tag_set})
    assert await here.read("bbb", "new") == b"data"
    await pushed(queue)
    assert (await remote("GetObjectTagging", Bucket="bbb", Key="new"))["TagSet"] == tag_set
    assert await remote.read("bbb", "new") == b"data"


async def test_a_copy_of_an_object_whose_copy_waits(queue):
    remote, here = Client(queue.inner), Client(queue.store)
    await remote.put("bbb", "old", b"data")
    await rename(queue, "old", "new")
    await here("CopyObject", Bucket="bbb", Key="third", CopySource="bbb/new")
    assert await here.read("bbb", "third") == b"data"
    await pushed(queue)
    assert await keys(queue.inner) == ["new", "third"]


async def test_an_object_without_bytes_is_stored_again_and_not_copied(queue):
    """Some remotes refuse to copy the marker of a folder."""
    remote = Client(queue.inner)
    await remote.put("bbb", "old/", b"", Metadata={"a": "b"})
    await rename(queue, "old/", "new/")
    assert kinds(queue) == [(Kind.PUT, "new/"), (Kind.DELETE, "old/")]
    await pushed(queue)
    assert await keys(queue.inner) == ["new/"]
    assert (await remote("HeadObject", Bucket="bbb", Key="new/"))["Metadata"] == {"a": "b"}


async def test_what_is_not_there_is_not_renamed(queue):
    here = Client(queue.store)
    await here.put("bbb", "deleted", b"")
    await here("DeleteObject", Bucket="bbb", Key="deleted")
    for key in ("absent", "deleted"):
        members = {"Bucket": "bbb", "Key": "new", "RenameSource": f"/bbb/{key}"}
        await here.refused("NoSuchKey", "RenameObject", **members)
    assert await keys(queue.store) == []


async def test_an_object_that_one_request_cannot_copy_is_refused(queue, monkeypatch):
    monkeypatch.setattr(copy_description, "MAX_COPY", 3)
    await Client(queue.inner).put("bbb", "old", b"data")
    members = {"Bucket": "bbb", "Key": "new", "RenameSource": "/bbb/old"}
    await Client(queue.store).refused("NotImplemented", "RenameObject", **members)


async def test_a_discarded_copy_leaves_the_deletion_which_the_user_discards_too(queue):
    await Client(queue.inner).put("bbb", "old", b"data")
    await queue.journal.control.pause()
    await rename(queue, "old", "new")
    for write in list(queue.journal.pending):
        assert await queue.journal.control.discard(write.seq)
    assert await keys(queue.store) == ["old"]


async def test_a_source_that_was_replaced_parks_the_copy_and_keeps_both(tmp_path):
    async with open_rig(tmp_path) as rig:
        await check_replaced_source(rig, tmp_path)


async def check_replaced_source(rig: Rig, folder: Path) -> None:
    async with queue_before(rig.remote, folder / "other", lazy=True) as queue:
        await rig.there.put("bbb", "old", b"data")
        await rename(queue, "old", "new")
        await rig.there.put("bbb", "old", b"foreign")
        changed = asyncio.Event()
        queue.journal.on_change.append(changed.set)
        queue.gate.open.set()
        async with asyncio.timeout(10):
            while not any(queue.journal.pending.in_state(PendingState.FAILED)):
                changed.clear()
                await changed.wait()
        assert await rig.there.read("bbb", "old") == b"foreign"
        assert [write.key for write in queue.journal.pending] == ["new", "old"]
        assert queue.journal.totals().blocked.files == 1  # so nobody waits for the deletion


async def test_a_foreign_object_of_the_new_key_stays_and_the_copy_is_beside_it(queue):
    remote = Client(queue.inner)
    await remote.put("bbb", "old", b"data")
    await Client(queue.store).code("HeadObject", Bucket="bbb", Key="new")
    await rename(queue, "old", "new")
    await remote.put("bbb", "new", b"foreign")
    await pushed(queue)
    assert await remote.read("bbb", "new") == b"foreign"
    (copy,) = [key for key in await keys(queue.inner) if key.startswith("new (conflict ")]
    assert await remote.read("bbb", copy) == b"data"


async def test_a_copy_survives_a_restart(tmp_path):
    async with local(tmp_path) as remote:
        await Client(remote)("CreateBucket", Bucket="bbb")
        await Client(remote).put("bbb", "old", b"data")
        async with queue_before(remote, tmp_path / "queue", lazy=True) as queue:
            await rename(queue, "old", "new")
        async with queue_before(remote, tmp_path / "queue", lazy=True) as queue:
            assert await Client(queue.store).read("bbb", "new") == b"data"
            assert queue.journal.pending.copies.of("bbb", "old")
            await pushed(queue)
        assert await keys(remote) == ["new"]


async def rename_shown(queue: Queue, old: str, new: str, etag: str, size: int) -> None:
    """As a mount renames what a listing has shown."""
    members = {"Bucket": "bbb", "Key": new, "RenameSource": f"/bbb/{old}"}
    context = RequestContext(mount=MountHints(renames=ListedObject(etag, size, 1_000.0)))
    await queue.store.call(S3Request(operations()["RenameObject"], members, context=context))


@contextmanager
def away(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def refuse(request):
        raise S3Error("ServiceUnavailable")

    with monkeypatch.context() as patched:
        patched.setattr(queue.inner, "call", refuse)
        yield


OLD_MEMBERS = {
    "Metadata": {"a": "b"}, "Tagging": "t=u", "ContentType": "x/y", "StorageClass": "GLACIER_IR",
}  # fmt: skip


@pytest.mark.finding("mount-rename-of-unopened-while-away")
async def test_an_object_that_was_only_listed_is_renamed_while_the_remote_is_away(
    queue, monkeypatch
):
    remote, here = Client(queue.inner), Client(queue.store)
    etag = (await remote.put("bbb", "old", BIG, **OLD_MEMBERS))["ETag"]
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
        await rename_shown(queue, "new", "newest", "", 0)  # pending, so nothing has to be known
        await here.refused("NoSuchKey", "HeadObject", Bucket="bbb", Key="old")
        for operation in ("HeadObject", "GetObject", "GetObjectTagging"):  # only the source knows
            await here.refused("ServiceUnavailable", operation, Bucket="bbb", Key="newest")
    for operation in ("HeadObject", "GetObject"):
        found = await here(operation, Bucket="bbb", Key="newest")
        assert (found["ETag"], found["Metadata"], found["ContentType"]) == (etag, {"a": "b"}, "x/y")
    tags = await here("GetObjectTagging", Bucket="bbb", Key="newest")
    assert tags["TagSet"] == [{"Key": "t", "Value": "u"}]
    await pushed(queue)
    assert await keys(queue.inner) == ["newest"]
    there = await remote("GetObject", Bucket="bbb", Key="newest")
    assert (there.body, there["Metadata"], there["ContentType"]) == (BIG, {"a": "b"}, "x/y")
    assert (there["StorageClass"], there["TagCount"]) == ("GLACIER_IR", 1)


async def test_metadata_of_an_object_that_was_only_listed_are_changed_and_nothing_else(
    queue, monkeypatch
):
    remote, here = Client(queue.inner), Client(queue.store)
    etag = (await remote.put("bbb", "old", BIG, **OLD_MEMBERS))["ETag"]
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
    await change_metadata(queue, "new", {"a": "c"}, etag)
    head = await here("HeadObject", Bucket="bbb", Key="new")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "c"}, "text/x-new")
    await here("PutObjectTagging", Bucket="bbb", Key="new",
               Tagging={"TagSet": [{"Key": "v", "Value": "w"}]})  # fmt: skip
    await pushed(queue)
    there = await remote("GetObject", Bucket="bbb", Key="new")
    assert (there.body, there["Metadata"], there["TagCount"]) == (BIG, {"a": "c"}, 1)
    tags = await remote("GetObjectTagging", Bucket="bbb", Key="new")
    assert tags["TagSet"] == [{"Key": "v", "Value": "w"}]


async def test_what_has_changed_since_it_was_listed_is_not_copied(queue, monkeypatch):
    remote = Client(queue.inner)
    etag = (await remote.put("bbb", "old", BIG))["ETag"]
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
    await remote.put("bbb", "old", b"of another writer")
    await parked(queue)
    assert await remote.read("bbb", "old") == b"of another writer"
    assert await keys(queue.inner) == ["old"]


async def test_empty_objects_are_renamed_while_the_remote_is_away(queue, monkeypatch):
    """Also the marker of a folder, whose ETag not every caller knows."""
    remote = Client(queue.inner)
    etag = (await remote.put("bbb", "d/", b"", **OLD_MEMBERS))["ETag"]
    await remote.put("bbb", "d/empty", b"", **OLD_MEMBERS)
    with away(queue, monkeypatch):
        await rename_shown(queue, "d/", "e/", "", 0)
        await rename_shown(queue, "d/empty", "e/empty", etag, 0)
        await Client(queue.store).refused("NoSuchKey", "HeadObject", Bucket="bbb", Key="d/empty")
    await pushed(queue)
    assert await keys(queue.inner) == ["e/", "e/empty"]
    for key in ("e/", "e/empty"):
        there = await remote("HeadObject", Bucket="bbb", Key=key)
        assert (there["Metadata"], there["ContentType"]) == ({"a": "b"}, "x/y")
        assert there["TagCount"] == 1


async def test_an_object_that_is_not_empty_any_more_stays(queue, monkeypatch):
    remote = Client(queue.inner)
    etag = (await remote.put("bbb", "old", b""))["ETag"]
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, 0)
    await remote.put("bbb", "old", b"of another writer")
    await parked(queue)
    assert await remote.read("bbb", "old") == b"of another writer"
    assert await keys(queue.inner) == ["old"]


async def test_the_remote_is_not_asked_for_each_object_while_it_is_away(queue, monkeypatch):
    remote, asked = Client(queue.inner), []
    shown = {key: (await remote.put("bbb", key, b"data"))["ETag"] for key in ("a", "b", "c")}
    await rename_shown(queue, "c", "known", shown["c"], 4)

    async def refuse(request):
        asked.append(request.key)
        raise S3Error("ServiceUnavailable")

    monkeypatch.setattr(queue.inner, "call", refuse)
    for key in ("a", "b"):
        await rename_shown(queue, key, f"new {key}", shown[key], 4)
    assert asked == ["a"]


@pytest.mark.parametrize("keeps_versions", [False, True])
async def test_a_rename_is_taken_back_while_the_remote_is_away(queue, monkeypatch, keeps_versions):
    if keeps_versions:
        queue.journal.unversioned.clear()
        monkeypatch.setattr(queue.journal, "unversioned", set())
    remote, here = Client(queue.inner), Client(queue.store)
    etag = (await remote.put("bbb", "old", BIG))["ETag"]
    await queue.journal.control.pause()
    with away(queue, monkeypatch):
        for _ in range(3):
            await rename_shown(queue, "old", "new", etag, len(BIG))
            await rename(queue, "new", "old")
            await here.refused("ServiceUnavailable", "HeadObject", Bucket="bbb", Key="new")
    assert not list(queue.journal.pending)
    assert await here.read("bbb", "old") == BIG
    await queue.journal.control.resume()
    assert await keys(queue.store) == ["old"]
    assert await keys(queue.inner) == ["old"]


async def test_an_object_that_a_rename_replaced_stays_replaced(queue, monkeypatch):
    remote, here = Client(queue.inner), Client(queue.store)
    etag = (await remote.put("bbb", "old", BIG))["ETag"]
    replaced = (await remote.put("bbb", "new", b"replaced"))["ETag"]
    queue.journal.remote_states.note("bbb", "new", replaced)
    await queue.journal.control.pause()
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
        await rename(queue, "new", "old")
        await here.refused("NoSuchKey", "HeadObject", Bucket="bbb", Key="new")
    assert {write.kind for write in queue.journal.pending} == {Kind.DELETE}
    await queue.journal.control.resume()
    await pushed(queue)
    assert await keys(queue.inner) == ["old"]


async def test_a_rename_that_is_taken_back_deletes_nothing_of_another_writer(queue, monkeypatch):
    remote = Client(queue.inner)
    etag = (await remote.put("bbb", "old", BIG))["ETag"]
    await queue.journal.control.pause()
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
        await rename(queue, "new", "old")
    assert not list(queue.journal.pending)
    await remote.put("bbb", "new", b"of another writer")
    await queue.journal.control.resume()
    assert await keys(queue.inner) == ["new", "old"]


async def test_a_rename_is_taken_back_when_its_push_has_failed(queue, monkeypatch):
    etag = (await Client(queue.inner).put("bbb", "old", BIG))["ETag"]
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", etag, len(BIG))
        await queue.pusher.taken()
        await rename(queue, "new", "old")
        unknown = {"Bucket": "bbb", "Key": "new"}
        await Client(queue.store).refused("ServiceUnavailable", "HeadObject", **unknown)
    await pushed(queue)
    assert await keys(queue.inner) == ["old"]


async def test_a_rename_back_keeps_what_was_changed_meanwhile(queue):
    await Client(queue.inner).put("bbb", "old", BIG)
    await rename(queue, "old", "new")
    etag = (await Client(queue.store)("HeadObject", Bucket="bbb", Key="new"))["ETag"]
    await change_metadata(queue, "new", {"a": "c"}, etag)
    await rename(queue, "new", "old")
    await pushed(queue)
    there = await Client(queue.inner)("HeadObject", Bucket="bbb", Key="old")
    assert there["Metadata"] == {"a": "c"}
    assert await keys(queue.inner) == ["old"]


async def test_an_object_is_copied_by_the_etag_that_the_remote_gave_it(queue, monkeypatch):
    """A listing of the mount may have the one that s3d has told its clients."""
    etag = (await Client(queue.inner).put("bbb", "old", BIG))["ETag"]
    alias = EtagAlias('"told"', etag)
    await queue.journal.change(
        lambda tx: journal_history.put_alias(tx, ("bbb", "old"), alias, EPOCH)
    )
    with away(queue, monkeypatch):
        await rename_shown(queue, "old", "new", '"told"', len(BIG))
    await pushed(queue)
    assert await keys(queue.inner) == ["new"]


async def test_the_marker_of_a_folder_that_the_remote_has_made_meanwhile_is_no_conflict(
    queue, monkeypatch
):
    """A remote with real folders makes it with the first object in it."""
    remote = Client(queue.inner)
    await remote.put("bbb", "d/", b"", Metadata={"a": "b"})
    with away(queue, monkeypatch):
        await rename_shown(queue, "d/", "e/", "", 0)
    await remote.put("bbb", "e/", b"")
    await pushed(queue)
    assert await keys(queue.inner) == ["e/"]
    assert (await remote("HeadObject", Bucket="bbb", Key="e/"))["Metadata"] == {"a": "b"}
