"""How the cache answers reads of objects, and when it asks the remote."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading

import pytest

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import MountHints, RequestContext, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache import object_reads
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.listings import STALE_HEADER
from s3d.agent.stores.read_cache.revalidate import Freshness
from tests.agent.stores.read_cache.rig import open_rig, outage
from tests.contract.client import read

MIB = 1 << 20
SIZES = (0, 1, 65_536, 65_537, MIB, 3 * MIB + 500_000)


def data_of(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{size} {seed}").randbytes(size)


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_read_once_is_not_fetched_again(rig, size):
    data = data_of(size)
    await rig.there.put("bbb", "k", data, Metadata={"a": "1"}, ContentType="text/plain")
    first = await rig.s3("GetObject", Bucket="bbb", Key="k")
    second = await rig.s3("GetObject", Bucket="bbb", Key="k")
    assert first.body == second.body == data
    assert first.output == second.output
    assert (first["ContentLength"], first["Metadata"]) == (size, {"a": "1"})
    head = await rig.s3("HeadObject", Bucket="bbb", Key="k")
    assert (head["ETag"], head["ContentLength"]) == (first["ETag"], size)
    assert rig.remote.calls == {"GetObject": 1}


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_there_after_a_restart(rig, size):
    data = data_of(size)
    await rig.there.put("bbb", "k", data)
    assert await rig.s3.read("bbb", "k") == data
    await rig.restart()
    assert await rig.s3.read("bbb", "k") == data
    assert rig.remote.gets() == 1


async def test_the_answer_is_that_of_the_store(rig):
    await rig.there.put("bbb", "k", b"12345", ChecksumAlgorithm="CRC32C", Tagging="a=1")
    for members in (
        {},
        {"ChecksumMode": "ENABLED"},
        {"Range": "bytes=1-2"},
        {"Range": "bytes=-2", "ResponseContentType": "text/html"},
        {"IfNoneMatch": '"827ccb0eea8a706c4c34a16891f84e7b"'},
    ):
        wanted = await rig.there("GetObject", Bucket="bbb", Key="k", **members)
        for _ in range(2):
            assert await rig.s3("GetObject", Bucket="bbb", Key="k", **members) == wanted


async def test_conditions_that_are_met_are_judged_here(rig):
    await rig.there.put("bbb", "k", b"12345")
    etag = (await rig.s3("GetObject", Bucket="bbb", Key="k"))["ETag"]
    place = {"Bucket": "bbb", "Key": "k"}
    assert (await rig.s3("GetObject", **place, IfMatch=etag)).body == b"12345"
    assert (await rig.s3("GetObject", **place, IfNoneMatch=etag)).status == 304
    await rig.s3.refused("InvalidRange", "GetObject", **place, Range="bytes=9-")
    assert rig.remote.calls == {"GetObject": 1}


@pytest.mark.finding("Q2")
@pytest.mark.parametrize("name", ["GetObject", "HeadObject"])
async def test_a_condition_that_names_the_remote_s_version_is_met(rig, name):
    """Somebody else has written the object, and the client knows."""
    place = {"Bucket": "bbb", "Key": "k"}
    await rig.there.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    new = (await rig.there.put("bbb", "k", b"newer"))["ETag"]
    assert (await rig.s3(name, **place, IfNoneMatch=new)).status == 304
    await rig.s3.read("bbb", "k")
    newest = (await rig.there.put("bbb", "k", b"newest"))["ETag"]
    assert (await rig.s3(name, **place, IfMatch=newest))["ContentLength"] == 6


@pytest.mark.finding("Q2")
async def test_a_condition_that_is_not_met_costs_one_question_and_no_fetch(rig):
    place = {"Bucket": "bbb", "Key": "k"}
    await rig.there.put("bbb", "k", b"12345")
    await rig.s3.read("bbb", "k")
    await rig.s3.refused("PreconditionFailed", "GetObject", **place, IfMatch='"x"')
    assert (await rig.s3("GetObject", **place, IfNoneMatch='"x"')).body == b"12345"
    assert rig.remote.calls == {"GetObject": 1, "HeadObject": 2}


@pytest.mark.finding("Q2")
@pytest.mark.rule("AWAY-6")
async def test_a_condition_that_cannot_be_judged_is_not_answered_wrongly(rig):
    place = {"Bucket": "bbb", "Key": "k"}
    await rig.there.put("bbb", "k", b"12345")
    etag = (await rig.s3("GetObject", **place))["ETag"]
    rig.remote.error = outage
    await rig.s3.refused("ServiceUnavailable", "GetObject", **place, IfMatch='"x"')
    assert (await rig.s3("GetObject", **place, IfMatch=etag)).body == b"12345"
    assert (await rig.s3("GetObject", **place, IfNoneMatch='"x"')).body == b"12345"


async def test_after_its_age_the_remote_is_asked_once_however_many_read(rig):
    await rig.there.put("bbb", "k", b"12345")
    await rig.s3.read("bbb", "k")
    rig.time.now += 61
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(rig.s3.read("bbb", "k")) for _ in range(20)]
    assert {reader.result() for reader in readers} == {b"12345"}
    assert rig.remote.calls == {"GetObject": 1, "HeadObject": 1}
    await rig.s3.read("bbb", "k")
    assert rig.remote.calls == {"GetObject": 1, "HeadObject": 1}


@pytest.mark.parametrize("size", [100, 200_000])
async def test_an_answer_without_a_size_is_passed_on(rig, size):
    rig.remote.hides_size = True
    await rig.there.put("bbb", "k", data_of(size))
    for _ in range(2):
        assert await rig.s3.read("bbb", "k") == data_of(size)
    span = await rig.s3("GetObject", Bucket="bbb", Key="k", Range="bytes=1-9")
    assert span.body == data_of(size)[1:10]


@pytest.mark.rule("MOUNT-7")
@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_version_that_a_listing_of_the_mount_does_not_show_is_revalidated(rig, size):
    await rig.there.put("bbb", "k", data_of(size, 1))
    await rig.s3.read("bbb", "k")
    etag = (await rig.there.put("bbb", "k", data_of(size, 2)))["ETag"]
    rig.s3.context = RequestContext(mount=MountHints(shown=etag))
    assert await rig.s3.read("bbb", "k") == data_of(size, 2)
    calls = dict(rig.remote.calls)
    assert await rig.s3.read("bbb", "k") == data_of(size, 2)
    assert rig.remote.calls == calls


@pytest.mark.parametrize("size", [100, 200_000])
async def test_what_has_changed_is_read_anew_after_its_age(rig, size):
    await rig.there.put("bbb", "k", data_of(size, 1))
    await rig.s3.read("bbb", "k")
    await rig.there.put("bbb", "k", data_of(size, 2))
    assert await rig.s3.read("bbb", "k") == data_of(size, 1)
    rig.time.now += 61
    assert await rig.s3.read("bbb", "k") == data_of(size, 2)


async def test_what_is_gone_is_404_after_its_age(rig):
    await rig.there.put("bbb", "k", b"12345")
    await rig.s3.read("bbb", "k")
    await rig.there("DeleteObject", Bucket="bbb", Key="k")
    rig.time.now += 61
    await rig.s3.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="k")


async def test_a_404_is_believed_for_seconds_unless_the_key_is_written(rig):
    for _ in range(3):
        await rig.s3.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="k")
    assert rig.remote.gets() == 1
    await rig.there.put("bbb", "k", b"behind")
    await rig.s3.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="k")
    rig.time.now += 6
    assert await rig.s3.read("bbb", "k") == b"behind"
    await rig.s3.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="other")
    await rig.s3.put("bbb", "other", b"through")
    assert await rig.s3.read("bbb", "other") == b"through"


@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_write_through_the_cache_is_seen_at_once(rig, size):
    s3, place = rig.s3, {"Bucket": "bbb", "Key": "k"}

    async def shows(data: bytes) -> None:
        assert await s3.read("bbb", "k") == await s3.read("bbb", "k") == data

    for seed in range(2):
        await s3.put("bbb", "k", data_of(size, seed))
        await shows(data_of(size, seed))
    await s3.put("bbb", "source", data_of(size, 3))
    await s3("CopyObject", **place, CopySource="bbb/source")
    await shows(data_of(size, 3))
    upload = await s3("CreateMultipartUpload", **place)
    named = {**place, "UploadId": upload["UploadId"]}
    part = await s3("UploadPart", **named, PartNumber=1, Body=data_of(size, 4))
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    await s3("CompleteMultipartUpload", **named, MultipartUpload={"Parts": parts})
    await shows(data_of(size, 4))
    await s3("PutObjectTagging", **place, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert (await s3("GetObject", **place))["TagCount"] == 1
    await s3("DeleteObjects", Bucket="bbb", Delete={"Objects": [{"Key": "k"}]})
    await s3.refused("NoSuchKey", "GetObject", **place)


async def test_what_is_being_fetched_when_it_is_written_is_kept_for_nobody(rig):
    await rig.there.put("bbb", "k", data_of(500_000, 1))
    rig.remote.gate.clear()
    reading = asyncio.get_running_loop().create_task(rig.s3.read("bbb", "k"))
    await rig.until(lambda: rig.remote.sent > 0)
    await rig.s3.put("bbb", "k", data_of(500_000, 2))
    rig.remote.gate.set()
    assert await reading == data_of(500_000, 1)
    assert await rig.s3.read("bbb", "k") == data_of(500_000, 2)
    assert await rig.s3.read("bbb", "k") == data_of(500_000, 2)


async def test_while_the_remote_is_away_what_is_here_is_given_and_marked(rig):
    for key, size in (("small", 100), ("large", 200_000)):
        await rig.there.put("bbb", key, data_of(size))
        await rig.s3.read("bbb", key)
    rig.remote.error = outage
    rig.time.now += 3_600
    for key, size in (("small", 100), ("large", 200_000)):
        for name in ("GetObject", "HeadObject"):
            request = S3Request(operations()[name], {"Bucket": "bbb", "Key": key})
            response = await rig.cache.call(request)
            assert (response.headers[STALE_HEADER], response.output["ContentLength"]) == ("1", size)
            if response.body is not None:
                assert await read(response.body) == data_of(size)
    with pytest.raises(S3Error) as caught:
        await rig.s3.read("bbb", "nothing")
    assert (caught.value.status, type(caught.value.__cause__)) == (503, Unreachable)
    rig.remote.error = None
    rig.time.now += 6
    await rig.there.put("bbb", "small", b"new")
    assert await rig.s3.read("bbb", "small") == b"new"


async def test_nothing_stale_is_given_where_that_is_not_wanted(tmp_path):
    async with open_rig(tmp_path, freshness=Freshness(serve_stale=False)) as rig:
        await rig.there.put("bbb", "k", b"12345")
        await rig.s3.read("bbb", "k")
        rig.remote.error = outage
        assert await rig.s3.read("bbb", "k") == b"12345"
        rig.time.now += 61
        with pytest.raises(S3Error) as caught:
            await rig.s3.read("bbb", "k")
        assert caught.value.status == 503


@pytest.mark.parametrize(
    "members", [{"VersionId": "null"}, {"PartNumber": 1}, {"ExpectedBucketOwner": "me"}]
)
async def test_what_only_the_remote_can_answer_it_answers(rig, members):
    await rig.there.put("bbb", "k", b"12345")
    for _ in range(2):
        assert await rig.s3.read("bbb", "k", **members) == b"12345"
    assert rig.remote.gets() == 2


async def test_no_read_is_wrong_whatever_happens(tmp_path):
    """Reads, ranges, writes through and behind the cache, evictions, restarts, faults."""
    random_ = random.Random(7)
    limits, max_age = Limits(size=6 << 20, files=12), 60.0
    async with open_rig(tmp_path, limits, Freshness(max_age, negative_ttl=0.0)) as rig:
        history: dict[str, list[tuple[float, bytes | None]]] = {}
        for _ in range(400):
            key, what = f"k{random_.randrange(20)}", random_.random()
            versions = history.setdefault(key, [(rig.time.now - 1e6, None)])
            if what < 0.25:
                data = random_.randbytes(random_.choice((10, 70_000, 1_500_000)))
                behind = random_.random() < 0.3
                await (rig.there if behind else rig.s3).put("bbb", key, data)
                if not behind:
                    versions.clear()
                versions.append((rig.time.now, data))
            elif what < 0.3:
                await rig.s3("DeleteObject", Bucket="bbb", Key=key)
                versions[:] = [(rig.time.now, None)]
            elif what < 0.33:
                await rig.restart()
            elif what < 0.45:
                rig.time.now += random_.choice((1, 20, 70))
            elif what < 0.5:
                rig.remote.truncate = random_.choice((None, 5, 80_000))
            else:
                await check_read(rig, random_, key, versions, max_age)
            assert rig.cache.catalog.room.used <= limits.size


async def check_read(rig, random_, key, versions, max_age) -> None:
    """What is read is a version that was current no longer than max_age ago, or an error."""
    current = [versions[-1]]
    for (_, data), (until, _) in itertools.pairwise(versions):
        if until >= rig.time.now - max_age:
            current.append((until, data))
    allowed = [data for _, data in current]
    start, end = sorted(random_.choices(range(2_000_000), k=2))
    ranged = random_.random() < 0.5
    members = {"Range": f"bytes={start}-{end}"} if ranged else {}
    try:
        answer = await rig.s3("GetObject", Bucket="bbb", Key=key, **members)
    except S3Error as error:
        is_explained = {
            "NoSuchKey": None in allowed,
            "InvalidRange": any(data is not None and start >= len(data) for data in allowed),
        }
        if not is_explained.get(error.code, rig.remote.truncate is not None):
            raise
        return
    wanted = [data[start : end + 1] if ranged else data for data in allowed if data is not None]
    if rig.remote.truncate is None or len(answer.body) == answer["ContentLength"]:
        assert answer.body in wanted


@pytest.mark.finding("Q11")
async def test_what_was_just_read_is_not_damaged(rig):
    """Its row may not be written yet when all that is here is verified."""
    await rig.there.put("bbb", "k", b"12345")
    written = threading.Event()
    late = rig.cache.catalog.index.post(lambda tx: written.wait(10))
    await rig.s3.read("bbb", "k")
    asyncio.get_running_loop().call_later(0.05, written.set)
    assert await rig.cache.verify(rig.cache.catalog.peek("bbb", "k"))
    assert rig.cache.catalog.peek("bbb", "k") is not None
    await late


@pytest.mark.finding("S9")
@pytest.mark.parametrize(
    ("name", "members"),
    [("HeadObject", {}), ("GetObject", {"VersionId": "1"}), ("GetObject", {"IfMatch": '"x"'})],
)
async def test_a_remote_that_was_away_a_moment_ago_is_not_waited_for_long(
    rig, monkeypatch, name, members
):
    await rig.there.put("bbb", "k", b"12345")
    await rig.s3.read("bbb", "k")
    rig.remote.error = outage
    rig.time.now += 61
    await rig.s3.read("bbb", "k")
    rig.remote.error, rig.remote.mute = None, name
    with monkeypatch.context() as patch:
        patch.setattr(object_reads, "OUTAGE_TIMEOUT", 0.05)
        await rig.s3.refused("ServiceUnavailable", name, Bucket="bbb", Key="other", **members)
    rig.remote.mute = ""
    await rig.s3.refused("NoSuchKey", "HeadObject", Bucket="bbb", Key="other")
