"""What was accepted before the account was known goes to the account that it turned out to be."""

from types import SimpleNamespace

import msgspec

from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.remote_folders import claim, read_identity
from s3d.agent.app.take_over import take_over
from s3d.agent.app.waiting_writes import WaitingWrites
from s3d.agent.stores.remote.identity import TakeOver
from s3d.agent.stores.write_queue.move_writes import Target
from tests.agent.app.test_waiting_writes import FIRST, SECOND, stage
from tests.contract.client import Client


async def test_only_the_later_writes_go_and_only_once(tmp_path):
    base, state = tmp_path / "write_queue", tmp_path / "state"
    claim(base, FIRST)
    await stage(base, "before", "after")
    identity = msgspec.structs.replace(SECOND, take_over=TakeOver("first", 1))
    claim(state, identity)
    store = open_embedded(tmp_path / "store")
    target = Client(store.local)
    await target("CreateBucket", Bucket="bbb")
    waiting = WaitingWrites(base, None, Target(store.local))
    here = SimpleNamespace(identity=identity, places=SimpleNamespace(remote_state_dir=state))
    await take_over(here, waiting)
    assert (await target("ListObjectsV2", Bucket="bbb")).names("Contents", "Key") == ["after"]
    assert waiting.status()[0].writes.files == 1
    assert read_identity(state) == SECOND
    store.close()


async def test_a_queue_that_is_gone_is_no_trouble(tmp_path):
    identity = msgspec.structs.replace(SECOND, take_over=TakeOver("gone", 1))
    claim(tmp_path, identity)
    store = open_embedded(tmp_path / "store")
    waiting = WaitingWrites(tmp_path / "write_queue", None, Target(store.local))
    here = SimpleNamespace(identity=identity, places=SimpleNamespace(remote_state_dir=tmp_path))
    await take_over(here, waiting)
    assert read_identity(tmp_path).take_over is None
    store.close()
