"""What each crash leaves, one by one; test_execute.py has them all in random histories."""

import pytest

from s3d.agent.core.path_names import original_of
from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.path_state import Signature
from s3d.agent.sync.recover import LANDED, recover_all
from tests.agent.sync.world import Crash, File, World, drive, md5, sha


@pytest.fixture
def world():
    return World()


def run_until(world: World, name: str) -> None:
    """A pass of the first device that dies at the first step of this name."""

    def at(step: str) -> None:
        if step == name:
            raise Crash

    assert not world.run(0, at)


def recovered(world: World) -> None:
    device = world.devices[0]
    drive(recover_all(device.executor()), lambda name: None)
    assert not device.baseline.intents()
    assert not device.tree.stage


def test_an_upload_that_has_arrived_was_agreed_on(world):
    world.write(0, "p")
    run_until(world, "stored")
    recovered(world)
    base = world.devices[0].baseline.get("p")
    assert base.etag == world.objects["p"].etag


def test_an_upload_that_has_not_arrived_is_forgotten(world):
    world.write(0, "p")
    run_until(world, "put")
    recovered(world)
    assert world.devices[0].baseline.get("p") is None
    world.check()


def test_an_upload_that_was_replaced_since_was_agreed_on(world):
    world.write(0, "p")
    run_until(world, "stored")
    world.store("p")
    recovered(world)
    assert world.devices[0].baseline.get("p").etag == LANDED
    world.check()
    assert list(world.objects) == ["p"]


def test_a_download_that_is_in_its_place_was_agreed_on(world):
    world.store("p")
    run_until(world, "placed")
    recovered(world)
    assert world.devices[0].baseline.get("p").etag == world.objects["p"].etag


def test_a_download_that_is_on_the_stage_is_thrown_away(world):
    world.store("p")
    run_until(world, "place")
    recovered(world)
    device = world.devices[0]
    assert (device.baseline.get("p"), device.tree.files) == (None, {})


def test_what_came_out_of_the_place_of_a_download_is_kept(world):
    world.store("p")
    world.check()
    world.store("p")
    tree = world.devices[0].tree

    def at(step: str) -> None:
        if step == "place":
            world.write(0, "p")
        if step == "placed":
            raise Crash

    world.run(0, at)
    recovered(world)
    (copy,) = [path for path in tree.files if original_of(path) == "p"]
    assert tree.files["p"].data == world.objects["p"].data != tree.files[copy].data
    world.check()


def test_a_discarded_file_that_was_written_to_comes_back(world):
    device = world.devices[0]
    world.write(0, "p")
    signature = Signature(1, 1, 0, 1)
    device.baseline.intend("p", Intent("discard", signature, stage="t"))
    device.tree._move("files", "p", "trash", "t")
    recovered(world)
    assert list(device.tree.files) == ["p"]
    world.check()


def test_a_discarded_file_that_is_the_right_one_stays_in_the_trash(world):
    device = world.devices[0]
    data = b"x"
    device.tree.trash["t"] = File(data, 5, 7)
    signature = Signature(1, 5, 9, 7)
    device.baseline.intend("p", Intent("discard", signature, stage="t"))
    recovered(world)
    assert device.tree.files == {}
    assert list(device.tree.trash) == ["t"]


@pytest.mark.parametrize("is_done", [False, True])
def test_a_rename_is_found_where_it_is(world, is_done):
    device = world.devices[0]
    data = b"x"
    file = File(data, 5, 7)
    device.tree.files["new" if is_done else "old"] = file
    intent = Intent("rename", Signature(1, 5, 0, 7), sha(data), '"e"', "old", size=1, md5=md5(data))
    device.baseline.intend("new", intent)
    recovered(world)
    assert (device.baseline.get("new") is not None) is is_done


@pytest.mark.parametrize("changed", [{"ino": 8}, {"mtime": 6}])
def test_another_file_at_the_new_path_of_a_rename_is_not_agreed_on(world, changed):
    """An agreement would have its object overwritten, as if that version had been seen."""
    device = world.devices[0]
    device.tree.files["new"] = File(**{"data": b"x", "mtime": 5, "ino": 7} | changed)
    intent = Intent("rename", Signature(1, 5, 0, 7), sha(b"y"), '"e"', "old", size=1)
    device.baseline.intend("new", intent)
    recovered(world)
    assert device.baseline.get("new") is None
    assert list(device.tree.files) == ["new"]
