import asyncio
from contextlib import asynccontextmanager

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.failures import Refusal, Refused
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.probing import DAY, Probing
from tests.agent.stores.write_queue.rig import Remote, unreachable
from tests.contract.client import Client


class Refusing:
    """A store whose errors are those of a remote."""

    def __init__(self, inner) -> None:
        self.inner = inner

    async def call(self, request):
        try:
            return await self.inner.call(request)
        except S3Error as error:
            error.__cause__ = Refused(Refusal(error.status, error.code))
            raise


class Lab:
    """A bucket bbb behind Probing, with a clock that a test moves."""

    def __init__(self, remote: Remote, folder) -> None:
        self.remote = remote
        self.folder = folder
        self.now = 1000.0
        self.make()

    def make(self, endpoint: str = "http://s3.test") -> None:
        file = self.folder / "capabilities.json"
        self.probing = Probing(self.remote, endpoint, file, clock=lambda: self.now)
        self.client = Client(self.probing)

    @property
    def levels(self) -> dict[str, str]:
        return {name: str(found.level) for name, found in self.probing.known.items()}

    def probes(self) -> int:
        """So many began."""
        return self.remote.names().count("GetBucketVersioning")

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.probing.run())
            yield
            task.cancel()

    async def until(self, condition) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.to_thread(int)  # a turn for files too


@pytest.fixture
async def lab(tmp_path):
    store = open_embedded(tmp_path / "there", ephemeral=True)
    remote = Remote(Refusing(store.local))
    remote.gate.set()
    await Client(store.local)("CreateBucket", Bucket="bbb")
    yield Lab(remote, tmp_path)
    store.close()


async def conditional(lab) -> None:
    await lab.client("PutObject", Bucket="bbb", Key="k", Body=b"1", IfNoneMatch="*")


async def test_a_bucket_is_probed_after_its_first_conditional_write(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)
    assert lab.levels == {"bbb": "A"}
    listed = await Client(lab.remote.inner)("ListObjectsV2", Bucket="bbb")
    assert listed.names("Contents", "Key") == ["k"]


async def test_a_bucket_without_conditional_writes_is_left_alone(lab):
    async with lab.running():
        await lab.client("PutObject", Bucket="bbb", Key="k", Body=b"1")
        await lab.client("GetObject", Bucket="bbb", Key="k", IfNoneMatch='"x"')
        await asyncio.sleep(0)
    assert lab.remote.names() == ["PutObject", "GetObject"]


async def test_what_was_found_is_kept_and_redone_after_a_day(lab):
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: (lab.folder / "capabilities.json").exists())
    lab.make()
    lab.remote.calls.clear()
    async with lab.running():
        await lab.until(lambda: lab.levels)
        assert (lab.levels, lab.probes()) == ({"bbb": "A"}, 0)
    lab.now += DAY
    lab.make()
    async with lab.running():
        await lab.until(lambda: lab.probing.known and lab.probing.known["bbb"].probed == lab.now)
    lab.make("http://other.test")
    async with lab.running():
        await asyncio.sleep(0.05)
        assert lab.levels == {}


async def test_a_remote_that_is_away_is_probed_later(lab):
    async with lab.running():
        lab.remote.fail("PutObject", unreachable(), 1)
        lab.probing._due["bbb"] = 0.0
        lab.probing._news.set()
        await lab.until(lambda: lab.probing._due["bbb"] > lab.now)
        await lab.until(lambda: lab.remote.calls)
    assert lab.levels == {}


async def test_a_file_that_is_torn_is_as_good_as_none(lab):
    (lab.folder / "capabilities.json").write_bytes(b"[{")
    async with lab.running():
        await conditional(lab)
        await lab.until(lambda: lab.levels)
