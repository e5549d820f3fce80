"""Writes that somebody else has overtaken at the remote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Extent, Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.parked_conflicts import (
    drop_conflict,
    find_object,
    insert_conflict,
    load_conflicts,
)
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Conflict,
    Kind,
    NewerWritePending,
    PendingState,
    PushError,
    new_write,
)
from s3d.agent.stores.write_queue.push.maintenance import INTERVAL
from s3d.agent.stores.write_queue.push.push_plan import plan
from s3d.shared.config.values import ConflictPolicy
from tests.agent.stores.write_queue.rig import PATIENCE, Rig, lost, open_rig, refusal

pytestmark = pytest.mark.finding("S5")

OURS, THEIRS = b"ours", b"theirs"
CONDITIONS = ("IfMatch", "IfNoneMatch")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def overtaken(rig: Rig, *, delete: bool = False) -> tuple[Conflict, str]:
    """A write that is accepted, and pushed after somebody else has written; their ETag."""
    await put_old(rig)
    if delete:
        await rig.journal.recorder.delete("bbb", ["k"])
    else:
        await rig.staged.put("bbb", "k", OURS)
    rig.time.advance(10)
    theirs = str((await rig.there.put("bbb", "k", THEIRS))["ETag"])
    rig.start()
    await rig.until(lambda: bool(list(rig.journal.conflicts)))
    (conflict,) = rig.journal.conflicts
    return conflict, theirs


async def put_old(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"old")
    rig.time.advance(60)


def conditions(rig: Rig, name: str) -> list[dict[str, Any]]:
    return [
        {each: members[each] for each in CONDITIONS if each in members}
        for members in rig.remote.of(name)
    ]


@pytest.mark.parametrize("delete", [False, True])
async def test_a_newer_foreign_write_is_kept_and_ours_is_parked(rig: Rig, delete: bool) -> None:
    conflict, theirs = await overtaken(rig, delete=delete)
    assert await rig.there.read("bbb", "k") == THEIRS
    assert conflict.remote_etag == theirs
    assert bool(conflict.etag) is not delete
    assert conflict.write.state is PendingState.CONFLICT
    assert conflict.write.error is not None
    assert theirs in conflict.write.error.message
    status = rig.journal.totals()
    assert (status.files, status.conflicts.files) == (0, 1)
    assert rig.journal.used().files == 1
    # Reads and later writes see the remote's version.
    assert rig.journal.pending.newest("bbb", "k") is None
    assert await rig.staged.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"
    await rig.staged.put("bbb", "k", b"later")
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == b"later"
    assert conditions(rig, "PutObject")[-1] == {"IfMatch": theirs}


async def test_the_same_for_a_write_in_parts(rig: Rig) -> None:
    await put_old(rig)
    await rig.put_parts("k", 5 << 20, 3)
    rig.time.advance(10)
    await rig.there.put("bbb", "k", THEIRS)
    rig.start()
    await rig.until(lambda: bool(list(rig.journal.conflicts)))
    assert await rig.there.read("bbb", "k") == THEIRS
    assert await rig.there("ListMultipartUploads", Bucket="bbb") is not None
    assert not (await rig.there("ListMultipartUploads", Bucket="bbb")).get("Uploads")


async def test_a_completion_carries_the_condition(rig: Rig) -> None:
    await put_old(rig)
    old = (await rig.there("HeadObject", Bucket="bbb", Key="k"))["ETag"]
    rig.start()
    await rig.put_parts("k", 5 << 20, 3)
    await rig.pushed()
    assert conditions(rig, "CompleteMultipartUpload") == [{"IfMatch": old}]


async def test_an_older_foreign_write_is_replaced(rig: Rig) -> None:
    await put_old(rig)
    rig.start()
    await rig.staged.put("bbb", "k", OURS)
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == OURS
    assert rig.remote.names() == ["PutObject", "HeadObject", "PutObject"]


async def test_a_new_key_and_its_overwrites_cost_one_request_each(rig: Rig) -> None:
    rig.start()
    for data in (b"1", b"2"):
        await rig.staged.put("bbb", "k", data)
        await rig.pushed()
    await rig.journal.recorder.delete("bbb", ["k"])
    await rig.pushed()
    assert rig.remote.names() == ["PutObject", "PutObject", "DeleteObject"]
    one, two = conditions(rig, "PutObject")
    assert one == {"IfNoneMatch": "*"}
    assert set(two) == {"IfMatch"}
    assert set(conditions(rig, "DeleteObject")[0]) == {"IfMatch"}


async def test_writes_of_one_client_are_no_conflict_however_fast_they_follow(rig: Rig) -> None:
    await rig.there("PutBucketVersioning", Bucket="bbb",
                    VersioningConfiguration={"Status": "Enabled"})  # fmt: skip
    rig.start()
    for number in range(5):
        await rig.staged.put("bbb", "k", b"%d" % number)
    await rig.journal.recorder.delete("bbb", ["k"])
    await rig.staged.put("bbb", "k", b"end")
    await rig.pushed()
    assert rig.journal.totals().conflicts.files == 0
    assert await rig.there.read("bbb", "k") == b"end"
    versions = await rig.there("ListObjectVersions", Bucket="bbb")
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (6, 1)


async def test_a_write_after_a_restart_is_no_conflict_with_our_own_last_push(
    tmp_path: Path,
) -> None:
    async with open_rig(tmp_path) as rig:
        rig.start()
        await rig.staged.put("bbb", "k", b"1")
        await rig.pushed()
    async with open_rig(tmp_path) as rig:
        rig.start()
        await rig.staged.put("bbb", "k", b"2")
        await rig.pushed()
        assert rig.remote.names() == ["PutObject"]
        assert await rig.there.read("bbb", "k") == b"2"


async def test_a_key_that_was_deleted_at_the_remote_is_a_conflict(rig: Rig) -> None:
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.pushed()
    await rig.stop()
    await rig.staged.put("bbb", "k", b"2")
    await rig.there("DeleteObject", Bucket="bbb", Key="k")
    rig.start()
    await rig.until(lambda: bool(list(rig.journal.conflicts)))
    (conflict,) = rig.journal.conflicts
    assert conflict.remote_etag == NO_OBJECT
    assert await rig.there.keys("bbb") == []


@pytest.mark.parametrize("delete", [False, True])
async def test_a_lost_answer_and_a_third_party_write(rig: Rig, delete: bool) -> None:
    await put_old(rig)
    rig.remote.fail("DeleteObject", lost, after=True)
    rig.remote.fail("PutObject", lost, 2, after=True)  # the first is refused: the key is there
    if delete:
        await rig.journal.recorder.delete("bbb", ["k"])
    else:
        await rig.staged.put("bbb", "k", OURS)
    rig.start()
    await rig.back()
    theirs = (await rig.there.put("bbb", "k", THEIRS))["ETag"]
    await rig.advance(301)
    await rig.until(lambda: bool(list(rig.journal.conflicts)))
    (conflict,) = rig.journal.conflicts
    assert conflict.remote_etag == theirs
    assert await rig.there.read("bbb", "k") == THEIRS


async def test_a_lost_answer_of_our_own_push_is_no_conflict(rig: Rig) -> None:
    rig.remote.fail("PutObject", lost, after=True)
    rig.start()
    await rig.staged.put("bbb", "k", OURS, Tagging="a=1")
    await rig.back()
    await rig.advance(301)
    await rig.pushed()
    assert rig.journal.totals().conflicts.files == 0


async def test_a_lost_answer_is_recognised_by_the_bytes_at_a_remote_with_other_etags(
    rig: Rig,
) -> None:
    rig.remote.edit = lambda name, answer: (
        answer | {"ETag": f'"kms-{str(answer["ETag"])[1:5]}"'} if "ETag" in answer else answer
    )
    rig.remote.fail("PutObject", lost, after=True)
    rig.start()
    await rig.staged.put("bbb", "k", OURS)
    await rig.back()
    await rig.advance(301)
    await rig.pushed()
    assert rig.journal.totals().conflicts.files == 0
    assert rig.remote.names().count("PutObject") == 1


async def test_a_forbidden_condition_is_left_out_and_the_write_is_not_parked(rig: Rig) -> None:
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.pushed()
    rig.remote.fail("PutObject", refusal(403, "AccessDenied"))
    await rig.staged.put("bbb", "k", b"2")
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == b"2"
    assert rig.remote.names() == ["PutObject", "PutObject", "HeadObject", "PutObject"]
    assert conditions(rig, "PutObject")[-1] == {}


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchKey"), (412, "PreconditionFailed")])
async def test_a_condition_that_is_refused_wrongly_is_left_out(
    rig: Rig, status: int, code: str
) -> None:
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.pushed()
    rig.remote.fail("PutObject", refusal(status, code))
    await rig.staged.put("bbb", "k", b"2")
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == b"2"


async def test_a_race_is_looked_at_and_tried_again(rig: Rig) -> None:
    rig.remote.fail("PutObject", refusal(409, "ConditionalRequestConflict"))
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.pushed()
    assert rig.remote.names() == ["PutObject", "HeadObject", "PutObject"]


async def test_a_completion_that_lost_a_race_is_uploaded_again(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", refusal(409, "ConditionalRequestConflict"))
    rig.start()
    await rig.put_parts("k", 5 << 20, 3)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert rig.remote.names().count("CreateMultipartUpload") == 2
    assert not (await rig.there("ListMultipartUploads", Bucket="bbb")).get("Uploads")


@pytest.mark.parametrize("delete", [False, True])
async def test_the_policy_ours_replaces_the_newer_version(tmp_path: Path, delete: bool) -> None:
    async with open_rig(tmp_path, policy=ConflictPolicy.OURS) as rig:
        await put_old(rig)
        if delete:
            await rig.journal.recorder.delete("bbb", ["k"])
        else:
            await rig.staged.put("bbb", "k", OURS)
        rig.time.advance(10)
        await rig.there.put("bbb", "k", THEIRS)
        rig.start()
        await rig.pushed()
        assert rig.journal.totals().conflicts.files == 0
        assert await rig.there.keys("bbb") == ([] if delete else ["k"])
        assert delete or await rig.there.read("bbb", "k") == OURS


async def test_the_policy_theirs_drops_the_write(tmp_path: Path) -> None:
    async with open_rig(tmp_path, policy=ConflictPolicy.THEIRS) as rig:
        await put_old(rig)
        await rig.staged.put("bbb", "k", OURS)
        rig.time.advance(10)
        await rig.there.put("bbb", "k", THEIRS)
        with rig.events.subscribe(["queue"]) as events:
            rig.start()
            await rig.pushed()
            kinds = [event.kind for event in await events.take()]
        assert "queue.yielded" in kinds
        assert rig.journal.totals().conflicts.files == 0
        assert await rig.there.read("bbb", "k") == THEIRS
        assert await rig.staged.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"


async def test_a_conflict_can_be_pushed_over_the_version_that_it_was_parked_for(
    rig: Rig,
) -> None:
    conflict, theirs = await overtaken(rig)
    await rig.journal.conflicts.force(conflict.write.seq)
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == OURS
    assert conditions(rig, "PutObject")[-1] == {"IfMatch": theirs}
    assert list(rig.journal.conflicts) == []


async def test_a_forced_delete_deletes(rig: Rig) -> None:
    conflict, _ = await overtaken(rig, delete=True)
    await rig.journal.conflicts.force(conflict.write.seq)
    await rig.pushed()
    assert await rig.there.keys("bbb") == []


async def test_a_conflict_can_go_to_another_key(rig: Rig) -> None:
    conflict, _ = await overtaken(rig)
    await rig.journal.conflicts.force(conflict.write.seq, "other")
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == THEIRS
    assert await rig.there.read("bbb", "other") == OURS


@pytest.mark.finding("A1")
@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("one_version", [True, False])
@pytest.mark.parametrize("delete", [True, False])
async def test_a_forced_conflict_does_not_replace_a_newer_pending_write(
    rig: Rig, one_version: bool, delete: bool
) -> None:
    if one_version:
        rig.journal.unversioned.add("bbb")
    conflict, _ = await overtaken(rig, delete=delete)
    await rig.stop()
    await rig.staged.put("bbb", "k", b"newest")
    with pytest.raises(NewerWritePending) as refused:
        await rig.journal.conflicts.force(conflict.write.seq)
    assert str(refused.value) == "a newer write of bbb/k is pending"
    assert [each.write.seq for each in rig.journal.conflicts] == [conflict.write.seq]
    assert await rig.staged.read("bbb", "k") == b"newest"
    rig.start()
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == b"newest"


@pytest.mark.finding("A2")
@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("one_version", [True, False])
async def test_a_conflict_does_not_replace_a_pending_write_of_another_key(
    rig: Rig, one_version: bool
) -> None:
    if one_version:
        rig.journal.unversioned.add("bbb")
    conflict, _ = await overtaken(rig)
    await rig.stop()
    await rig.staged.put("bbb", "other", b"newest")
    with pytest.raises(NewerWritePending):
        await rig.journal.conflicts.force(conflict.write.seq, "other")
    assert [each.write.seq for each in rig.journal.conflicts] == [conflict.write.seq]
    rig.start()
    await rig.pushed()
    assert await rig.there.read("bbb", "other") == b"newest"


@pytest.mark.finding("A1")
async def test_the_policy_theirs_drops_no_newer_write(tmp_path: Path) -> None:
    async with open_rig(tmp_path, policy=ConflictPolicy.THEIRS) as rig:
        await put_old(rig)
        await rig.staged.put("bbb", "k", OURS)
        rig.time.advance(10)
        await rig.there.put("bbb", "k", THEIRS)
        rig.time.advance(10)
        rig.remote.gate.clear()
        rig.start()
        await rig.until(lambda: bool(rig.remote.calls))
        await rig.staged.put("bbb", "k", b"newest")
        rig.remote.gate.set()
        await rig.pushed()
        assert await rig.there.read("bbb", "k") == b"newest"


async def test_a_conflict_survives_a_restart_and_can_be_discarded(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        before, _ = await overtaken(rig)
    async with open_rig(tmp_path) as rig:
        (conflict,) = rig.journal.conflicts
        assert conflict == before
        seq = conflict.write.seq
        stored = rig.journal.conflicts.find(seq)
        assert stored is not None
        assert stored.record.etag == conflict.etag
        assert plan("put", "bbb", "k", stored)
        with rig.events.subscribe(["queue"]) as events:
            assert await rig.journal.conflicts.discard(seq)
            (event,) = await events.take()
        assert (event.kind, event.subject) == ("queue.discarded", "bbb/k")
        assert rig.journal.conflicts.get(seq) is None
        assert rig.journal.used() == (0, 0)


async def test_new_tags_of_a_conflict_stay_with_it(rig: Rig) -> None:
    await put_old(rig)
    await rig.staged.put("bbb", "k", OURS)
    rig.time.advance(10)
    await rig.there.put("bbb", "k", THEIRS)
    rig.remote.gate.clear()
    rig.start()
    await rig.until(lambda: bool(rig.remote.calls))
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    await rig.staged("PutObjectTagging", Bucket="bbb", Key="k", Tagging=tags)
    rig.remote.gate.set()
    await rig.pushed()
    (conflict,) = rig.journal.conflicts
    stored = rig.journal.conflicts.find(conflict.write.seq)
    assert stored is not None
    assert stored.record.description.tags == {"a": "b"}
    assert "PutObjectTagging" not in rig.remote.names()
    assert await rig.staged.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"


async def test_a_write_after_one_that_our_client_sent_to_the_remote_itself_is_no_conflict(
    rig: Rig,
) -> None:
    """Its ETag was not read: it is known by its date, also when the first push is lost."""
    await rig.there.put("bbb", "k", b"copied")
    rig.journal.remote_states.note("bbb", "k", None)
    rig.time.advance(1)
    rig.remote.fail("PutObject", lost, 2)
    rig.start()
    await rig.staged.put("bbb", "k", OURS)
    await rig.back()
    await rig.advance(301)
    await rig.back(2)
    await rig.advance(301)
    await rig.pushed()
    assert rig.journal.totals().conflicts.files == 0
    assert await rig.there.read("bbb", "k") == OURS


async def test_an_upload_that_was_begun_again_is_aborted_when_the_first_has_landed_late(
    rig: Rig,
) -> None:
    rig.remote.fail("CompleteMultipartUpload", lost)  # it is on its way
    rig.remote.fail("UploadPart", lost, 2)
    etag = await rig.put_parts("k", 5 << 20, 3)
    rig.start()
    await rig.back()
    # What was on its way arrives now, as another upload of the same parts.
    named = {"Bucket": "bbb", "Key": "k"}
    made = await rig.there("CreateMultipartUpload", **named)
    parts = []
    for number, size in ((1, 5 << 20), (2, 3)):
        members = {**named, "UploadId": made["UploadId"], "PartNumber": number}
        part = await rig.there("UploadPart", **members, Body=bytes([number]) * size)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    done = await rig.there(
        "CompleteMultipartUpload",
        **named,
        UploadId=made["UploadId"],
        MultipartUpload={"Parts": parts},
    )
    assert done["ETag"] == etag
    await rig.advance(301)
    await rig.pushed()
    await rig.asleep()
    await rig.advance(INTERVAL)
    await rig.until(lambda: "AbortMultipartUpload" in rig.remote.names())
    async with asyncio.timeout(PATIENCE):  # the call is recorded before it is carried out
        while (await rig.there("ListMultipartUploads", Bucket="bbb")).get("Uploads"):
            await rig.asleep()


async def test_a_lost_push_whose_place_was_taken_meanwhile_is_ours(rig: Rig) -> None:
    rig.journal.unversioned.add("bbb")
    rig.remote.fail("PutObject", lost, after=True)
    rig.remote.gate.clear()
    await rig.staged.put("bbb", "k", b"1")
    write = await rig.journal.take()
    row = await rig.journal.load(write)
    assert row is not None
    # The row goes between the look at who is being pushed and the push.
    rig.journal._writes.claims.pushing.discard(write.seq)
    await rig.journal.recorder.delete("bbb", ["k"])
    rig.journal.outcomes.mark_unresolved(write, NO_OBJECT, '"left"')
    rig.journal.outcomes.retry_later(write.seq, 0.0)
    newest = rig.journal.pending.newest("bbb", "k")
    assert newest is not None
    assert "left" in rig.journal.outcomes.unresolved.etags((newest.bucket, newest.key))


def conflict(seq, kind=Kind.PUT):
    write = new_write(seq, kind, "b", f"k{seq}", 5, 9.0, PendingState.CONFLICT)
    write.error = PushError("Conflict", "why", at=1.0)
    return Conflict(write, '"ours"', '"theirs"', None)


async def test_a_conflict_is_loaded_as_it_was_and_holds_its_bytes(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    freed: list[int] = []
    index.on_freed = freed.extend
    stored = Stored(ObjectRecord("k1", etag='"ours"'), Layout((Extent(7, 0, 5),)))

    def enter(tx):
        tx.add_blob(7, 5)
        insert_conflict(tx, conflict(1), stored)
        insert_conflict(tx, conflict(2, Kind.DELETE), None)
        tx.decref(stored.layout)

    await index.write(enter)
    assert await index.read_in_thread(load_conflicts) == [conflict(1), conflict(2, Kind.DELETE)]
    assert index.read_inline(lambda reader: find_object(reader, 1)) == stored
    assert index.read_inline(lambda reader: find_object(reader, 2)) is None
    assert freed == []
    assert await index.write(lambda tx: drop_conflict(tx, 1))
    assert freed == [7]
    assert not await index.write(lambda tx: drop_conflict(tx, 1))
    index.close()
