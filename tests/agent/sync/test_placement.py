"""See test_power.py and test_recover.py for what a power cut or a kill leaves."""

import pytest

from s3d.agent.sync.baseline import Baseline, Intent
from s3d.agent.sync.execute import Executor, SyncPolicy
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.recover import recover_all
from tests.agent.sync.test_power import Worst, replaced
from tests.agent.sync.world import FakeRemoteTree, World, _nothing


@pytest.mark.finding("S1")
def test_what_was_replaced_keeps_its_row_of_the_trash():
    """Its path and its place in the history are known, so it can be undone."""
    world = World(Worst())
    replaced(world)
    world.check()
    device = world.devices[0]
    (row,) = device.baseline.trash.rows()
    assert (row.path, list(device.tree.trash)) == ("p", [row.id])


@pytest.mark.finding("S1")
def test_a_stray_file_of_the_stage_goes_to_the_trash_and_can_be_undone():
    world = World()
    device = world.devices[0]
    device.tree.write("p", b"unseen")
    device.tree.stage["1234567890"] = device.tree.files.pop("p")
    device.tree._durable["stage"] = dict(device.tree.stage)
    world.check()
    assert device.tree.trash["1234567890"].data == b"unseen"
    row = device.baseline.history.last_trashed()
    assert (row.path, row.trash) == ("recovered 12345678", "1234567890")


@pytest.mark.finding("S1")
@pytest.mark.parametrize("is_placed", [False, True])
async def test_a_kill_between_the_steps_of_an_exchange_loses_nothing(tmp_path, is_placed):
    """Where the system has no exchange, see atomic_rename.py."""
    (tmp_path / "p").write_text("old")
    tree, baseline = FolderTree(tmp_path), Baseline(None)
    executor = Executor(tree, FakeRemoteTree({}, {}, None), baseline, SyncPolicy(_nothing))
    old = tree.look_now("p").signature
    stage = tmp_path / ".s3d/stage"
    (stage / "id").write_text("new")
    new = (stage / "id").stat()
    staged = old._replace(size=3, mtime_ns=new.st_mtime_ns, ino=new.st_ino)
    baseline.intend("p", Intent("download", old, "sha", '"e"', "id", staged=staged, size=3))
    (tmp_path / "p").rename(stage / "id.out")
    if is_placed:
        (stage / "id").rename(tmp_path / "p")
    await recover_all(executor)
    assert (tmp_path / "p").read_text() == ("new" if is_placed else "old")
    assert list(stage.iterdir()) == []
    trashed = [path.read_text() for path in (tmp_path / ".s3d/trash").iterdir()]
    assert trashed == (["old"] if is_placed else [])
    assert (baseline.get("p") is not None) is is_placed
    tree.close()
