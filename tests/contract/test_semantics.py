"""The rules of docs/semantics.md, each on every stack of world.py that it speaks of.

A rule's id is in its marker; tests/architecture/test_semantics.py holds the two lists together.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.world import WORLDS, World

MAX_AGE = 60.0
"""Seconds, the default of S3D_READ_CACHE_MAX_AGE."""
NEGATIVE_MAX_AGE = 5.0
"""Seconds for which the agent believes that a key does not exist."""

BEFORE_A_REMOTE = [name for name in WORLDS if name != "embedded"]
WITH_A_QUEUE = [name for name in BEFORE_A_REMOTE if name != "cache"]
WITH_A_CACHE = [name for name in BEFORE_A_REMOTE if name != "queue"]
IN_PROCESS = [name for name in BEFORE_A_REMOTE if name != "seaweedfs"]


@pytest.fixture(params=list(WORLDS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    def peer() -> object:
        return request.getfixturevalue("seaweedfs")

    async with WORLDS[request.param](tmp_path, peer) as made:
        made.bucket = f"world-{uuid.uuid4().hex[:12]}"
        await made.behind("CreateBucket", Bucket=made.bucket)
        yield made


def on(*names: str) -> pytest.MarkDecorator:
    """Run the test on these stacks only."""
    return pytest.mark.parametrize("world", names, indirect=True)


async def refused(world: World, operation: str, **members: object) -> str:
    """The code with which the agent refuses it; "" when it does not."""
    return await world.top.code(operation, Bucket=world.bucket, **members)


@pytest.mark.rule("RYW-1")
async def test_a_read_shows_the_last_acknowledged_write(world):
    for data in (b"one", b"two"):
        await world.top.put(world.bucket, "k", data)
        assert await world.read("k") == data
        assert await world.keys() == ["k"]
    await world.pushed()
    assert await world.read("k") == b"two"
    assert await world.read_behind("k") == b"two"


@pytest.mark.rule("RYW-1")
@on(*WITH_A_QUEUE)
async def test_a_read_shows_the_last_acknowledged_write_while_the_remote_is_away(world):
    await world.put_through("k", b"one")
    assert await world.read("k") == b"one"
    world.go_away()
    await world.top.put(world.bucket, "k", b"two")
    assert await world.read("k") == b"two"


@pytest.mark.rule("RYW-2")
async def test_a_deleted_object_is_gone_for_every_reader(world):
    await world.put_through("k", b"one")
    assert await world.read("k") == b"one"
    await world.top("DeleteObject", Bucket=world.bucket, Key="k")
    assert await world.read("k") is None
    assert await world.keys() == []
    await world.pushed()
    assert await world.read("k") is None
    assert await world.keys_behind() == []


@pytest.mark.rule("RYW-3")
async def test_tags_are_read_as_they_were_written_last(world):
    await world.top.put(world.bucket, "k", b"one", Tagging="a=1")
    for value in ("2", "3"):
        tags = [{"Key": "a", "Value": value}]
        await world.top("PutObjectTagging", Bucket=world.bucket, Key="k", Tagging={"TagSet": tags})
        answer = await world.top("GetObjectTagging", Bucket=world.bucket, Key="k")
        assert answer["TagSet"] == tags
    await world.pushed()
    answer = await world.behind("GetObjectTagging", Bucket=world.bucket, Key="k")
    assert answer["TagSet"] == [{"Key": "a", "Value": "3"}]


@pytest.mark.rule("RYW-1")
@on(*WITH_A_QUEUE)
async def test_a_copy_over_a_deleted_key_is_listed_and_read(world):
    """The copy passes through, after the delete: which an earlier push could still undo."""
    await world.put_through("source", b"copied")
    world.faults.lose_answer("PutObject")
    await world.put_through("k", b"one")
    world.go_away()
    await world.top("DeleteObject", Bucket=world.bucket, Key="k")
    world.come_back()
    await world.top("CopyObject", Bucket=world.bucket, Key="k", CopySource=f"{world.bucket}/source")
    assert await world.keys() == ["k", "source"]
    assert await world.read("k") == b"copied"


@pytest.mark.rule("STALE-1")
async def test_a_foreign_write_is_read_after_the_maximum_age_at_the_latest(world):
    await world.put_through("k", b"ours")
    assert await world.read("k") == b"ours"
    await world.behind.put(world.bucket, "k", b"theirs")
    assert await world.read("k") in ([b"ours", b"theirs"] if world.has_cache else [b"theirs"])
    await world.advance(MAX_AGE + 1)
    assert await world.read("k") == b"theirs"


@pytest.mark.rule("STALE-1")
async def test_a_foreign_delete_is_seen_after_the_maximum_age_at_the_latest(world):
    await world.put_through("k", b"ours")
    assert await world.read("k") == b"ours"
    await world.behind("DeleteObject", Bucket=world.bucket, Key="k")
    await world.advance(MAX_AGE + 1)
    assert await world.read("k") is None


@pytest.mark.rule("STALE-2")
async def test_a_foreign_object_is_found_a_few_seconds_after_a_404(world):
    assert await world.read("k") is None
    await world.behind.put(world.bucket, "k", b"theirs")
    await world.advance(NEGATIVE_MAX_AGE + 1)
    assert await world.read("k") == b"theirs"


@pytest.mark.rule("STALE-3")
async def test_a_listing_shows_foreign_writes_at_once(world):
    assert await world.keys() == []
    await world.behind.put(world.bucket, "k", b"theirs")
    assert await world.keys() == ["k"]
    await world.behind("DeleteObject", Bucket=world.bucket, Key="k")
    assert await world.keys() == []


@pytest.mark.rule("AWAY-1")
@on(*WITH_A_CACHE)
async def test_what_is_cached_is_read_while_the_remote_is_away(world):
    await world.behind.put(world.bucket, "k", b"cached")
    assert await world.read("k") == b"cached"
    world.go_away()
    assert await world.read("k") == b"cached"
    await world.advance(MAX_AGE + 1)
    assert await world.read("k") == b"cached"


@pytest.mark.rule("AWAY-2")
@on(*BEFORE_A_REMOTE)
async def test_what_nobody_here_knows_is_no_404_while_the_remote_is_away(world):
    world.go_away()
    assert await refused(world, "GetObject", Key="never-read") == "ServiceUnavailable"
    assert await refused(world, "HeadObject", Key="never-read") == "ServiceUnavailable"


@pytest.mark.rule("AWAY-3")
@on(*WITH_A_QUEUE)
async def test_writes_are_taken_while_the_remote_is_away_and_arrive_later(world):
    await world.put_through("old", b"old")
    world.go_away()
    await world.top.put(world.bucket, "new", b"new")
    await world.top("DeleteObject", Bucket=world.bucket, Key="old")
    world.come_back()
    await world.pushed()
    assert await world.keys_behind() == ["new"]
    assert await world.read_behind("new") == b"new"


@pytest.mark.finding("S5")
@pytest.mark.rule("ORD-2")
@pytest.mark.rule("ORD-4")
@on(*WITH_A_QUEUE)
@pytest.mark.parametrize("delete", [False, True])
async def test_a_push_does_not_replace_what_somebody_else_wrote_later(world, delete):
    await world.put_through("k", b"old")
    world.go_away()
    if delete:
        await world.top("DeleteObject", Bucket=world.bucket, Key="k")
    else:
        await world.top.put(world.bucket, "k", b"ours")
    await world.behind.put(world.bucket, "k", b"theirs")
    world.come_back()
    await world.pushed()
    assert world.queue.journal.totals().conflicts.files == 1
    assert await world.read_behind("k") == b"theirs"
    assert await world.read("k") == b"theirs"
    assert await world.keys() == ["k"]
    await world.top.put(world.bucket, "k", b"later")
    assert await world.read("k") == b"later"
    await world.pushed()
    assert await world.read_behind("k") == b"later"


@pytest.mark.finding("S5")
@pytest.mark.rule("ORD-2")
@on(*WITH_A_QUEUE)
@pytest.mark.parametrize("name", ["PutObject", "DeleteObject"])
async def test_a_repeated_push_does_not_replace_what_somebody_else_wrote_meanwhile(world, name):
    await world.put_through("k", b"old")
    world.faults.lose_answer(name)
    if name == "PutObject":
        await world.top.put(world.bucket, "k", b"ours")
    else:
        await world.top("DeleteObject", Bucket=world.bucket, Key="k")
    while not any(write.attempts for write in world.queue.journal.pending):
        await world.advance(0)
    await world.behind.put(world.bucket, "k", b"theirs")
    await world.pushed()
    assert await world.read_behind("k") == b"theirs"
    (conflict,) = world.queue.journal.conflicts
    theirs = await world.behind("HeadObject", Bucket=world.bucket, Key="k")
    assert conflict.remote_etag == theirs["ETag"]


@pytest.mark.rule("ORD-2")
@pytest.mark.finding("user-4")
@on(*[name for name in WITH_A_QUEUE if name in IN_PROCESS])
async def test_a_client_has_no_conflict_with_its_own_writes_at_the_remote(world):
    versioning = {"Status": "Enabled"}
    await world.top("PutBucketVersioning", Bucket=world.bucket, VersioningConfiguration=versioning)
    for key in ("one", "many"):
        await world.top("PutObject", Bucket=world.bucket, Key=key, Body=b"1", IfNoneMatch="*")
        removed = {"Key": key, "VersionId": "null"}
        if key == "one":
            await world.top("DeleteObject", Bucket=world.bucket, **removed)
        else:
            await world.top("DeleteObjects", Bucket=world.bucket, Delete={"Objects": [removed]})
        await world.advance(0.1)
        await world.put_through(key, b"2")
        assert await world.read_behind(key) == b"2"


@pytest.mark.rule("ORD-2")
@pytest.mark.finding("user-9")
@on(*[name for name in WITH_A_QUEUE if name in IN_PROCESS])
async def test_a_write_is_not_in_conflict_with_one_that_was_being_forwarded(world):
    waits = world.faults.hold("PutObject")
    async with asyncio.TaskGroup() as tasks:
        first = {"Bucket": world.bucket, "Key": "k", "Body": b"first", "IfNoneMatch": "*"}
        forwarded = tasks.create_task(world.top("PutObject", **first))
        await waits.wait()
        await world.top.put(world.bucket, "k", b"second")
        world.faults.release("PutObject")
        await forwarded
    await world.pushed()
    assert await world.read("k") == await world.read_behind("k") == b"second"


@pytest.mark.rule("ORD-2")
@pytest.mark.finding("user-10")
@on(*[name for name in WITH_A_QUEUE if name in IN_PROCESS])
async def test_a_write_is_not_in_conflict_with_one_whose_answer_is_due(world):
    await world.put_through("source", b"renamed")
    waits = world.faults.hold_answer("RenameObject")
    async with asyncio.TaskGroup() as tasks:
        rename = {"Bucket": world.bucket, "Key": "k", "RenameSource": f"{world.bucket}/source"}
        forwarded = tasks.create_task(world.top("RenameObject", **rename))
        await waits.wait()
        for key in ("k", "source"):
            await world.top.put(world.bucket, key, b"second")
        await world.advance(1.0)
        world.faults.release("RenameObject")
        await forwarded
    await world.pushed()
    for key in ("k", "source"):
        assert await world.read(key) == await world.read_behind(key) == b"second"


@pytest.mark.rule("ORD-1")
@on(*WITH_A_QUEUE)
async def test_writes_of_a_key_arrive_in_their_order(world):
    await world.behind(
        "PutBucketVersioning",
        Bucket=world.bucket,
        VersioningConfiguration={"Status": "Enabled"},
    )
    world.go_away()
    for number in range(4):
        await world.top.put(world.bucket, "k", b"%d" % number)
    world.come_back()
    await world.pushed()
    listing = await world.behind("ListObjectVersions", Bucket=world.bucket, Prefix="k")
    contents = []
    for version in listing.names("Versions", "VersionId"):
        answer = await world.behind("GetObject", Bucket=world.bucket, Key="k", VersionId=version)
        contents.append(answer.body)
    assert contents == sorted(contents, reverse=True)
    assert contents[0] == b"3"


@pytest.mark.rule("IDEM-1")
@on(*WITH_A_QUEUE)
async def test_a_push_whose_answer_was_lost_is_no_second_version(world):
    await world.behind(
        "PutBucketVersioning",
        Bucket=world.bucket,
        VersioningConfiguration={"Status": "Enabled"},
    )
    world.faults.lose_answer("PutObject")
    await world.put_through("k", b"once")
    listing = await world.behind("ListObjectVersions", Bucket=world.bucket, Prefix="k")
    assert len(listing.names("Versions", "VersionId")) == 1
    assert await world.read_behind("k") == b"once"


@pytest.mark.rule("IDEM-2")
async def test_deleting_twice_is_as_good_as_once(world):
    await world.top.put(world.bucket, "k", b"one")
    for _ in range(2):
        answer = await world.top("DeleteObject", Bucket=world.bucket, Key="k")
        assert answer.status == 204
    await world.pushed()
    assert await world.read_behind("k") is None


@pytest.mark.rule("COND-1")
async def test_a_conditional_write_is_judged_by_what_the_remote_has(world):
    await world.behind.put(world.bucket, "k", b"theirs")
    code = await refused(world, "PutObject", Key="k", Body=b"ours", IfNoneMatch="*")
    assert code == "PreconditionFailed"
    etag = (await world.behind("HeadObject", Bucket=world.bucket, Key="k"))["ETag"]
    assert await refused(world, "PutObject", Key="k", Body=b"ours", IfMatch=etag) == ""
    assert await world.read_behind("k") == b"ours"


@pytest.mark.rule("COND-1")
@on(*WITH_A_QUEUE)
async def test_a_conditional_write_is_no_guess_while_the_remote_is_away(world):
    world.go_away()
    code = await refused(world, "PutObject", Key="k", Body=b"ours", IfNoneMatch="*")
    assert code == "ServiceUnavailable"


@pytest.mark.rule("IDEM-3")
async def test_a_repeated_complete_gets_its_answer_again(world):
    place = {"Bucket": world.bucket, "Key": "k"}
    upload = (await world.top("CreateMultipartUpload", **place))["UploadId"]
    part = await world.top("UploadPart", **place, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    first = await world.top(
        "CompleteMultipartUpload", **place, UploadId=upload, MultipartUpload=parts
    )
    await world.pushed()
    second = await world.top(
        "CompleteMultipartUpload", **place, UploadId=upload, MultipartUpload=parts
    )
    assert second["ETag"] == first["ETag"]
    assert await world.read_behind("k") == b"part"


@pytest.mark.rule("IDEM-3")
@pytest.mark.finding("user-1")
async def test_a_complete_with_other_parts_does_not_get_the_answer_of_the_first(world):
    place = {"Bucket": world.bucket, "Key": "k"}
    upload = (await world.top("CreateMultipartUpload", **place))["UploadId"]
    etags = []
    for number in (1, 2):
        data = b"part %d" % number
        part = await world.top("UploadPart", **place, UploadId=upload, PartNumber=number, Body=data)
        etags.append(part["ETag"])
    first, second = (
        {"Parts": [{"PartNumber": number, "ETag": etag}]} for number, etag in enumerate(etags, 1)
    )
    await world.top("CompleteMultipartUpload", **place, UploadId=upload, MultipartUpload=first)
    members = {"Key": "k", "UploadId": upload, "MultipartUpload": second}
    assert await refused(world, "CompleteMultipartUpload", **members) == "NoSuchUpload"
    await world.pushed()
    assert await refused(world, "CompleteMultipartUpload", **members) == "NoSuchUpload"
    assert await world.read_behind("k") == b"part 1"


@pytest.mark.rule("COND-2")
async def test_a_conditional_read_is_judged_by_what_the_remote_has(world):
    await world.put_through("k", b"ours")
    assert await world.read("k") == b"ours"
    await world.behind.put(world.bucket, "k", b"theirs")
    etag = (await world.behind("HeadObject", Bucket=world.bucket, Key="k"))["ETag"]
    answer = await world.top("GetObject", Bucket=world.bucket, Key="k", IfMatch=etag)
    assert answer.body == b"theirs"


@pytest.mark.rule("COND-2")
async def test_what_a_reader_has_already_is_304(world):
    await world.put_through("k", b"ours")
    await world.behind.put(world.bucket, "k", b"theirs")
    etag = (await world.behind("HeadObject", Bucket=world.bucket, Key="k"))["ETag"]
    assert await world.read("k") is not None
    answer = await world.top("GetObject", Bucket=world.bucket, Key="k", IfNoneMatch=etag)
    assert answer.status == 304
