import pytest

from s3d.agent.sync.decide import Action, Step
from s3d.agent.sync.moves import carry_out, find_moves
from s3d.agent.sync.path_state import BaselineEntry, Difference, LocalEntry, RemoteEntry, Signature
from tests.agent.sync.world import World, drive

SEEN = Signature(3, 10, 10, 1)


def gone_here(path: str, signature: Signature = SEEN) -> Step:
    base = BaselineEntry(path, signature, 0, "sha", '"e"', signature.size)
    return Step(
        Difference(path, base, None, RemoteEntry(path, '"e"', 3, 0.0)), Action.DELETE_REMOTE
    )


def new_here(path: str, signature: Signature) -> Step:
    return Step(Difference(path, None, LocalEntry(path, signature), None), Action.UPLOAD)


def test_the_inode_tells_which_of_several_it_was():
    steps = [
        gone_here("a"),
        gone_here("b", SEEN._replace(ino=2)),
        new_here("x", SEEN._replace(ino=2, ctime_ns=99)),
        new_here("y", SEEN._replace(ctime_ns=99)),
        new_here("z", SEEN._replace(ino=3, size=9)),
    ]
    moves, rest = find_moves(steps)
    assert [(move.gone.path, move.new.path) for move in moves] == [("b", "x"), ("a", "y")]
    assert [step.path for step in rest] == ["z"]


def test_another_inode_is_tried_when_only_one_of_its_size_is_gone():
    other = SEEN._replace(ino=9, mtime_ns=1)
    moves, _ = find_moves([gone_here("a"), new_here("x", other)])
    assert len(moves) == 1
    moves, _ = find_moves([gone_here("a"), gone_here("b"), new_here("x", other)])
    assert moves == []


def test_an_object_is_known_by_etag_and_size():
    base = BaselineEntry("a", SEEN, 0, "sha", '"e"', 3)
    gone = Step(Difference("a", base, LocalEntry("a", SEEN), None), Action.DELETE_LOCAL)
    for etag, size, count in (('"e"', 3, 1), ('"f"', 3, 0), ('"e"', 4, 0)):
        new = Step(Difference("x", None, None, RemoteEntry("x", etag, size, 0.0)), Action.DOWNLOAD)
        assert len(find_moves([gone, new])[0]) == count


def test_empty_files_are_not_renamed():
    empty = SEEN._replace(size=0)
    assert find_moves([gone_here("a", empty), new_here("x", empty)])[0] == []


@pytest.fixture
def world():
    world = World()
    world.write(0, "old")
    world.check()
    return world


def test_a_rename_here_is_a_copy_there(world):
    number = world.objects["old"].number
    world.rename(0, "old", "new")
    names: list[str] = []
    world.run(0, names.append)
    assert list(world.objects) == ["new"]
    assert "put" not in names
    assert world.objects["new"].number > number
    world.check()


def test_a_rename_there_is_one_here(world):
    world.rename(0, "old", "new")
    world.run(0)
    names: list[str] = []
    world.run(1, names.append)
    assert list(world.devices[1].tree.files) == ["new"]
    assert "get" not in names


def test_other_bytes_of_the_same_size_are_no_rename(world):
    device = world.devices[0]
    device.tree.files["new"] = device.tree.files.pop("old")
    moved = device.tree.files["new"]
    moved.data = moved.data[::-1]
    base = device.baseline.get("old")
    local = LocalEntry("new", base.signature)
    remote = RemoteEntry("old", base.etag, base.size, 0.0)
    gone = Step(Difference("old", base, None, remote), Action.DELETE_REMOTE)
    new = Step(Difference("new", None, local, None), Action.UPLOAD)
    (move,), rest = find_moves([gone, new])
    assert rest == []
    assert drive(carry_out(device.executor(), move), lambda name: None) is None
    assert list(world.objects) == ["old"]
