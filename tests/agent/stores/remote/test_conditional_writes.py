"""Conditional writes to a remote that ignores conditions, and to one that judges them."""

import asyncio
from dataclasses import replace

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.failures import Refusal, Refused
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.conditional_writes import ConditionalWrites
from tests.contract.client import Client

CONDITIONS = ("IfMatch", "IfNoneMatch", "IfMatchSize", "IfMatchLastModifiedTime")


class Remote:
    """A store whose refusals are a remote's; deaf: it takes no notice of conditions."""

    def __init__(self, inner, *, deaf):
        self.inner = inner
        self.deaf = deaf
        self.denies_head = False
        self.names = []

    async def call(self, request):
        self.names.append(request.op.name)
        await asyncio.sleep(0)  # others get in between
        if self.deaf:
            left = {k: v for k, v in request.input.items() if k not in CONDITIONS}
            request = replace(request, input=left)
        try:
            if self.denies_head and request.op.name == "HeadObject":
                raise S3Error("AccessDenied")
            return await self.inner.call(request)
        except S3Error as error:
            error.failure = Refused(Refusal(error.status, error.code))
            raise


class Lab:
    def __init__(self, store, file, *, deaf):
        self.remote = Remote(store, deaf=deaf)
        self.probing = CapabilityProber(self.remote, "http://s3.test", file)
        self.client = Client(ConditionalWrites(self.probing))

    async def probe(self):
        """Have the bucket's capabilities found out."""
        await self.probing._examine("bbb")
        self.remote.names.clear()


@pytest.fixture(params=[True, False], ids=["deaf", "judges"])
async def lab(tmp_path, request):
    store = open_embedded(tmp_path / "there", ephemeral=True)
    await Client(store.local)("CreateBucket", Bucket="bbb")
    yield Lab(store.local, tmp_path / "capabilities.json", deaf=request.param)
    store.close()


@pytest.fixture
async def deaf(tmp_path):
    store = open_embedded(tmp_path / "there", ephemeral=True)
    await Client(store.local)("CreateBucket", Bucket="bbb")
    yield Lab(store.local, tmp_path / "capabilities.json", deaf=True)
    store.close()


K = {"Bucket": "bbb", "Key": "k"}
WRONG = '"00000000000000000000000000000000"'


@pytest.mark.parametrize("probed", [False, True])
async def test_a_condition_counts_whatever_the_remote_does(lab, probed):
    if probed:
        await lab.probe()
    s3 = lab.client
    await s3.refused("NoSuchKey", "PutObject", **K, Body=b"x", IfMatch=WRONG)
    first = (await s3("PutObject", **K, Body=b"1", IfNoneMatch="*"))["ETag"]
    await s3.refused("PreconditionFailed", "PutObject", **K, Body=b"2", IfNoneMatch="*")
    await s3.refused("PreconditionFailed", "PutObject", **K, Body=b"2", IfMatch=WRONG)
    assert (await s3("GetObject", **K)).body == b"1"
    await s3("PutObject", **K, Body=b"2", IfMatch=first)
    await s3.refused("PreconditionFailed", "DeleteObject", **K, IfMatch=first)
    await s3.refused("PreconditionFailed", "DeleteObject", **K, IfMatchSize=7)
    copy = {**K, "CopySource": "bbb/k", "MetadataDirective": "REPLACE"}
    await s3.refused("PreconditionFailed", "CopyObject", **copy, IfNoneMatch="*")
    assert (await s3("GetObject", **K)).body == b"2"
    await s3("DeleteObject", **K, IfMatchSize=1)


@pytest.mark.parametrize("probed", [False, True])
async def test_so_does_the_condition_of_an_upload(lab, probed):
    if probed:
        await lab.probe()
    s3 = lab.client
    upload = (await s3("CreateMultipartUpload", **K))["UploadId"]
    part = (await s3("UploadPart", **K, UploadId=upload, PartNumber=1, Body=b"1"))["ETag"]
    await s3("PutObject", **K, Body=b"0")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    end = {**K, "UploadId": upload, "MultipartUpload": parts}
    await s3.refused("PreconditionFailed", "CompleteMultipartUpload", **end, IfNoneMatch="*")
    await s3.refused("PreconditionFailed", "CompleteMultipartUpload", **end, IfMatch=WRONG)
    assert (await s3("GetObject", **K)).body == b"0"


@pytest.mark.parametrize("probed", [False, True])
async def test_of_many_that_race_one_wins(lab, probed):
    if probed:
        await lab.probe()

    async def create(number):
        try:
            await lab.client("PutObject", **K, Body=b"%d" % number, IfNoneMatch="*")
        except S3Error as error:
            return error.code
        return ""

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(create(number)) for number in range(8)]
    codes = [task.result() for task in tasks]
    assert sorted(codes) == ["", *["PreconditionFailed"] * 7]
    assert (await lab.client("GetObject", **K)).body == b"%d" % codes.index("")


async def test_no_update_is_lost_among_clients_of_ours(deaf):
    await deaf.probe()
    await deaf.client("PutObject", **K, Body=b"0")

    async def add():
        while True:
            seen = await deaf.client("GetObject", **K)
            more = b"%d" % (int(seen.body) + 1)
            try:
                return await deaf.client("PutObject", **K, Body=more, IfMatch=seen["ETag"])
            except S3Error as error:
                if error.code != "PreconditionFailed":
                    raise

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(add())
    assert (await deaf.client("GetObject", **K)).body == b"6"


async def test_a_write_without_a_condition_does_not_get_in_between(deaf):
    await deaf.probe()
    entered, go = asyncio.Event(), asyncio.Event()
    inner = deaf.remote.inner

    class Slow:
        async def call(self, request):
            if request.op.name == "HeadObject":
                entered.set()
                await go.wait()
            return await inner.call(request)

    deaf.remote.inner = Slow()
    async with asyncio.TaskGroup() as group:
        group.create_task(deaf.client("PutObject", **K, Body=b"1", IfNoneMatch="*"))
        await entered.wait()
        group.create_task(deaf.client("PutObject", **K, Body=b"2"))
        await asyncio.sleep(0)
        assert "PutObject" not in deaf.remote.names
        go.set()
    assert (await deaf.client("GetObject", **K)).body == b"2"


async def test_a_remote_that_judges_is_not_asked_twice(tmp_path):
    store = open_embedded(tmp_path / "there", ephemeral=True)
    await Client(store.local)("CreateBucket", Bucket="bbb")
    lab = Lab(store.local, tmp_path / "capabilities.json", deaf=False)
    await lab.probe()
    await lab.client("PutObject", **K, Body=b"1", IfNoneMatch="*")
    assert lab.remote.names == ["PutObject"]
    store.close()


async def test_where_no_conditions_are_sent_nothing_is_asked(deaf):
    await deaf.client("PutObject", **K, Body=b"1")
    await deaf.client("DeleteObject", **K)
    assert deaf.remote.names == ["PutObject", "DeleteObject"]


async def test_who_may_not_look_leaves_it_to_a_remote_that_is_not_known(deaf):
    deaf.remote.denies_head = True
    await deaf.client("PutObject", **K, Body=b"1", IfNoneMatch="*")
    deaf.remote.denies_head = False
    await deaf.probe()
    deaf.remote.denies_head = True
    await deaf.client.refused("AccessDenied", "PutObject", **K, Body=b"1", IfNoneMatch="*")
