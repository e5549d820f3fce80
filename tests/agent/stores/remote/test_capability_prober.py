import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.failures import Refusal, Refused
from s3d.agent.core.path_names import new_probe_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.refused_headers import OptionalGroup
from s3d.agent.stores.remote.capability_file import decode_records
from s3d.agent.stores.remote.capability_probe import LEFT_AFTER
from s3d.agent.stores.remote.capability_prober import DAY, SOON, CapabilityProber
from tests.agent.stores.write_queue.rig import Remote, refusal, unreachable
from tests.contract.client import Client


class Refusing:
    """A store whose errors are those of a remote."""

    def __init__(self, inner) -> None:
        self.inner = inner

    async def call(self, request):
        try:
            return await self.inner.call(request)
        except S3Error as error:
            error.failure = Refused(Refusal(error.status, error.code))
            raise


class Lab:
    """A bucket bbb behind CapabilityProber, with a clock that a test moves."""

    def __init__(self, remote: Remote, folder) -> None:
        self.remote = remote
        self.folder = folder
        self.now = 1_000_000.0
        self.file = folder / "capabilities.json"
        self.make()

    def make(self, endpoint: str = "http://s3.test", *, allowed: bool = True) -> None:
        self.prober = CapabilityProber(
            self.remote, endpoint, self.file, allowed=allowed, clock=lambda: self.now
        )
        self.client = Client(self.prober)

    @property
    def levels(self) -> dict[str, str]:
        return {name: str(found.level) for name, found in self.prober.known.items()}

    def has_saved(self) -> bool:
        """Whether the file has what was found at this remote."""
        remotes = decode_records(self.file.read_bytes()) if self.file.exists() else []
        return any(each.endpoint == self.prober._file.endpoint and each.results for each in remotes)

    def probes(self) -> int:
        """So many were carried out."""
        return self.remote.names().count("GetBucketEncryption")

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.prober.run())
            yield
            task.cancel()

    async def until(self, condition) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.to_thread(int)  # a turn for files too


@pytest.fixture
async def lab(tmp_path):
    store = open_embedded(tmp_path / "there", ephemeral=True, clock=lambda: lab.now)
    remote = Remote(Refusing(store.local))
    remote.gate.set()
    lab = Lab(remote, tmp_path)
    await Client(store.local)("CreateBucket", Bucket="bbb")
    yield lab
    store.close()


async def conditional(lab, bucket="bbb", key="k") -> None:
    await lab.client("PutObject", Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*")


async def make_bucket(lab, bucket, **members) -> None:
    await Client(lab.remote.inner)("CreateBucket", Bucket=bucket, **members)


async def left_in(lab, bucket) -> list[str]:
    """Keys of all versions and delete markers."""
    found = await Client(lab.remote.inner)("ListObjectVersions", Bucket=bucket)
    return sorted(found.names("Versions", "Key") + found.names("DeleteMarkers", "Key"))


async def test_a_bucket_is_probed_after_its_first_conditional_write(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)
    assert lab.levels == {"bbb": "A"}
    assert lab.prober.known["bbb"].listing_order == "bytes"
    listed = await Client(lab.remote.inner)("ListObjectsV2", Bucket="bbb")
    assert listed.names("Contents", "Key") == ["k"]


async def test_a_bucket_without_conditional_writes_is_left_alone(lab):
    async with lab.running():
        await lab.client("PutObject", Bucket="bbb", Key="k", Body=b"1")
        await lab.client("GetObject", Bucket="bbb", Key="k", IfNoneMatch='"x"')
        await asyncio.sleep(0)
    assert lab.remote.names() == ["PutObject", "GetObject"]


@pytest.mark.rule("REMOTE-5")
@pytest.mark.finding("D28")
async def test_one_probe_serves_all_buckets_of_a_state_of_versioning(lab):
    await make_bucket(lab, "other")
    await make_bucket(lab, "versioned")
    enabled = {"Status": "Enabled"}
    await Client(lab.remote.inner)(
        "PutBucketVersioning", Bucket="versioned", VersioningConfiguration=enabled
    )
    async with lab.running():
        for number, bucket in enumerate(("bbb", "other", "versioned"), 1):
            await conditional(lab, bucket)
            await lab.until(lambda number=number: len(lab.levels) == number)
    assert lab.probes() == 2
    assert lab.prober.known["other"].bucket == "bbb"
    assert lab.prober.known["versioned"].versioning == "Enabled"
    assert await left_in(lab, "other") == ["k"]
    assert await left_in(lab, "versioned") == ["k"], "no delete marker is left"


async def test_a_bucket_whose_versioning_changes_is_looked_at_again(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)
        enabled = {"Status": "Enabled"}
        await lab.client("PutBucketVersioning", Bucket="bbb", VersioningConfiguration=enabled)
        await lab.until(lambda: lab.levels)
        assert lab.prober.known["bbb"].versioning == "Enabled"


@pytest.mark.rule("REMOTE-5")
async def test_a_bucket_with_object_lock_is_never_probed(lab):
    await make_bucket(lab, "locked", ObjectLockEnabledForBucket=True)
    async with lab.running():
        await conditional(lab, "locked")
        await lab.until(lambda: lab.prober._states.get("locked"))
        assert lab.levels == {}
        await conditional(lab)
        await lab.until(lambda: lab.levels)
    assert await left_in(lab, "locked") == ["k"]
    assert lab.levels == {"bbb": "A"}


@pytest.mark.rule("REMOTE-5")
async def test_nothing_is_probed_where_it_is_forbidden(lab):
    lab.make(allowed=False)
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.prober._states)
    assert (lab.levels, lab.probes()) == ({}, 0)
    assert lab.remote.names().count("PutObject") == 1


async def test_what_was_found_is_kept_and_not_probed_again(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lab.has_saved)
    lab.now += 10 * DAY
    lab.make()
    lab.remote.calls.clear()
    async with lab.running():
        await conditional(lab, key="k2")
        await lab.until(lambda: lab.levels)
        assert (lab.levels, lab.probes()) == ({"bbb": "A"}, 0)


@pytest.mark.finding("D2")
async def test_what_is_known_of_another_remote_survives(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lab.has_saved)
    lab.make("http://other.test")
    lab.prober.quirks.refused.add(OptionalGroup.CHECKSUMS)
    async with lab.running():
        assert lab.levels == {}
        await conditional(lab, key="k2")
        await lab.until(lab.has_saved)
    for endpoint, refused in (
        ("http://s3.test", set()), ("http://other.test", {OptionalGroup.CHECKSUMS}),
    ):  # fmt: skip
        lab.make(endpoint)
        await asyncio.to_thread(lab.prober._load)
        assert list(lab.prober._results) == [""]
        assert lab.prober.quirks.refused == refused


@pytest.mark.parametrize("text", [b"[{", b'{"version": 3, "remotes": []}', b"[]"])
async def test_a_file_that_cannot_be_read_is_as_good_as_none(lab, text):
    lab.file.write_bytes(text)
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)


async def test_a_file_of_the_first_version_is_probed_anew(lab):
    """It knew nothing of the order of listings."""
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)
    old = msgspec.to_builtins(lab.prober.known["bbb"])
    del old["listing_order"]
    lab.file.write_bytes(msgspec.json.encode([old]))
    lab.make()
    async with lab.running():
        await conditional(lab, key="k2")
        await lab.until(lambda: lab.levels)
    assert lab.prober.known["bbb"].listing_order == "bytes"


async def test_a_remote_that_is_away_is_probed_later(lab):
    async with lab.running():
        lab.remote.fail("PutObject", unreachable(), 1)
        lab.prober._due["bbb"] = 0.0
        lab.prober._wakeup.set()
        await lab.until(lambda: lab.prober._due["bbb"] > lab.now)
        await lab.until(lambda: lab.remote.calls)
    assert lab.levels == {}


async def test_a_first_push_can_wait_until_its_bucket_is_probed(lab):
    async with lab.running():
        await lab.prober.learn("bbb")
        assert set(lab.levels) == {"bbb"}
        lab.remote.calls.clear()
        await lab.prober.learn("bbb")
        assert lab.remote.calls == []


async def test_nobody_waits_for_a_probe_that_has_just_failed(lab):
    lab.remote.fail("", unreachable(), 1)
    async with lab.running():
        await lab.prober.learn("bbb")
        assert lab.levels == {}
        asked = len(lab.remote.calls)
        await lab.prober.learn("bbb")
        assert len(lab.remote.calls) == asked
        lab.now += SOON + 1
        await lab.prober.learn("bbb")
        assert set(lab.levels) == {"bbb"}


async def test_what_an_interrupted_probe_has_left_is_removed_later(lab):
    """The agent is killed in the middle of it, or the network goes."""
    there = Client(lab.remote.inner)
    lab.remote.fail("DeleteObject", unreachable(), 1_000)
    async with lab.running():
        await lab.prober.learn("bbb")
    assert await there.keys("bbb") != []
    lab.remote.troubles.clear()
    lab.make()
    async with lab.running(), asyncio.timeout(10):
        await lab.prober.learn("bbb")
        while await there.keys("bbb"):
            await asyncio.to_thread(int)


async def test_what_an_interrupted_probe_has_left_is_removed_where_uploads_cannot_be_listed(lab):
    there = Client(lab.remote.inner)
    lab.remote.fail("DeleteObject", unreachable(), 1_000)
    async with lab.running():
        await lab.prober.learn("bbb")
    assert await there.keys("bbb") != []
    lab.remote.troubles.clear()
    lab.remote.fail("ListMultipartUploads", refusal(501, "NotImplemented"), 1_000)
    lab.make()
    lab.remote.calls.clear()
    async with lab.running():
        await lab.until(lambda: lab.remote.calls and not lab.prober._unfinished)
    assert await there.keys("bbb") == []


@pytest.mark.parametrize("state", ["", "Enabled", "Suspended"])
async def test_a_probe_removes_what_one_of_another_agent_has_left(lab, state):
    """Which has lost its folder of state since: killed, nobody knows any longer what it wrote."""
    there = Client(lab.remote.inner)
    if state:
        configuration = {"Status": state}
        await there("PutBucketVersioning", Bucket="bbb", VersioningConfiguration=configuration)
    left = f"{new_probe_key()}-put", f"{new_probe_key()}-order/a"
    others = ".s3d/probe-mine", f"work/{new_probe_key()}-put"
    for key in (*left, *others):
        await there.put("bbb", key, b"first")
    await there("DeleteObject", Bucket="bbb", Key=left[1])
    lab.now += LEFT_AFTER
    running = f"{new_probe_key()}-put"
    await there.put("bbb", running, b"first")
    async with lab.running():
        await lab.prober.learn("bbb")
    assert lab.levels
    assert await left_in(lab, "bbb") == sorted((*others, running))
    assert lab.remote.names().count("ListObjectVersions") == (2 if state else 0)
