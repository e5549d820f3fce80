import itertools

import pytest

from s3d.agent.core.context import report_write
from s3d.agent.core.path_names import original_of
from s3d.agent.sync.decide import Action, Step
from s3d.agent.sync.moves import Move, carry_out, find_copies, find_moves
from s3d.agent.sync.passes import failed_steps
from s3d.agent.sync.path_state import BaselineEntry, Difference, LocalEntry, RemoteEntry, Signature
from tests.agent.sync.world import Crash, World, drive

SEEN = Signature(3, 10, 10, 1)


def gone_here(path: str, signature: Signature = SEEN, sha256: str = "sha") -> Step:
    base = BaselineEntry(path, signature, 0, sha256, '"e"', signature.size)
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


def test_of_several_of_one_size_the_bytes_tell():
    """A folder was copied and its source removed: no inode is the same."""
    gone = [gone_here(path, sha256=f"sha {path}") for path in ("a", "b")]
    new = [new_here(path, SEEN._replace(ino=9, mtime_ns=1)) for path in ("x", "y", "z")]
    steps = [*gone, *new]
    assert [local.path for local in find_copies(steps)] == ["x", "y", "z"]
    moves, rest = find_moves(steps, {"x": "sha b", "y": "sha a", "z": "sha c"})
    assert [(move.gone.path, move.new.path) for move in moves] == [("b", "x"), ("a", "y")]
    assert [step.path for step in rest] == ["z"]
    assert find_copies([gone_here("a"), new[0]]) == [], "one alone is tried without being read"
    renamed = new_here("x", SEEN._replace(ctime_ns=99))
    assert find_copies([*gone, renamed]) == []


def test_a_copied_folder_whose_source_is_gone_is_copied_there():
    world = World()
    for number in range(3):
        world.write(0, f"old/{number}")
    world.check()
    files = world.devices[0].tree.files
    for number in range(3):
        file = files.pop(f"old/{number}")
        world.devices[0].tree.write(f"new/{number}", file.data)
    names: list[str] = []
    world.run(0, names.append)
    assert sorted(world.objects) == [f"new/{number}" for number in range(3)]
    assert (names.count("copy"), names.count("put")) == (3, 0)
    for path, stored in world.objects.items():
        assert stored.data == files[path].data


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


def test_a_path_with_an_upload_of_unknown_outcome_is_no_rename(world):
    """The separate steps find out first what came of it."""
    device = world.devices[0]
    device.remote_tree.loses_answers = 1
    world.write(0, "new")
    assert not world.run(0)
    world.rename(0, "old", "new")
    executor = device.executor()
    old, new = device.baseline.get("old"), device.tree.entries()[0]
    gone = Step(
        Difference("old", old, None, RemoteEntry("old", old.etag, old.size, 0.0)),
        Action.DELETE_REMOTE,
    )
    move = Move(gone, Step(Difference("new", None, new, None), Action.UPLOAD))
    before = device.baseline.intent("new")
    assert drive(carry_out(executor, move), lambda name: None) is None
    assert device.baseline.intent("new") == before
    world.check()


def test_both_paths_of_a_rename_that_fails_are_looked_at_again():
    move = Move(gone_here("a"), new_here("x", SEEN))
    failed = failed_steps(move, "busy")
    assert [(each.path, each.action, each.may_pass) for each in failed] == [
        ("x", Action.WAIT, True),
        ("a", Action.WAIT, True),
    ]


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


def test_copy_and_deletion_of_a_rename_are_reported_together():
    """Another device that sees one without the other downloads the file again."""
    world = World()
    world.write(0, "old")
    world.check()
    world.rename(0, "old", "new")
    reported: list[str] = []
    held: list[str] = []

    def at(name):
        before = len(reported)
        report_write(lambda: reported.append(name))
        if len(reported) == before:
            held.append(name)

    world.run(0, at)
    assert [name for name in held if name in ("copy", "delete")] == ["copy", "delete"]
    assert set(held) <= set(reported)


# While a rename of the bucket is carried out in the folder


def renamed_world():
    """A world in which the first device has renamed a file, and the second has not seen that."""
    world = World()
    world.write(0, "old")
    world.write(0, "other")
    world.check()
    world.rename(0, "old", "new")
    world.run(0)
    return world


@pytest.fixture
def renamed():
    return renamed_world()


def run_with(world, at_step, crash=None):
    """A pass of the second device. at_step: what its user does at each step of a number or name,
    once. crash: the step at which the agent dies. The names of the steps."""
    names = []

    def at(name):
        deed = at_step.pop(len(names), None) or at_step.pop(name, None)
        names.append(name)
        if deed is not None:
            deed(world)
        if name == crash:
            raise Crash

    world.run(1, at)
    return names


def saved(path):
    """As an editor saves: a new file in the place of the old one."""
    return lambda world: world.replace(1, path)


def test_a_file_that_is_saved_before_the_move_stays_where_it_was_saved(renamed):
    run_with(renamed, {"move": saved("old")})
    files = renamed.devices[1].tree.files
    (data,) = [data for path, data in renamed.ledger.claims - renamed.ledger.done if path == "old"]
    assert files["old"].data == data
    renamed.check()
    assert sorted(files) == ["new", "old", "other"]


def test_a_file_that_is_saved_before_the_pass_comes_to_it_is_not_moved(renamed):
    names = run_with(renamed, {"head": saved("old")})
    assert "move" not in names
    renamed.check()
    assert sorted(renamed.objects) == ["new", "old", "other"]


def test_a_file_that_cannot_go_back_is_a_conflict_copy_of_its_own_path(renamed):
    def save_again(world):
        saved("old")(world)
        at_step["move"] = saved("old")

    at_step = {"move": save_again}
    run_with(renamed, at_step)
    renamed.check()
    (copy,) = [path for path in renamed.objects if original_of(path)]
    assert original_of(copy) == "old"


def deeds():
    """What the user of the second device, or a third-party writer, may do meanwhile."""
    paths = ("old", "new", "other", "third")
    for path in paths:
        yield lambda world, path=path: world.write(1, path)
        yield lambda world, path=path: world.replace(1, path)
        yield lambda world, path=path: world.delete(1, path)
        yield lambda world, path=path: world.store(path)
        yield lambda world, path=path: world.remove(path)
    for path, to in itertools.permutations(paths, 2):
        yield lambda world, path=path, to=to: world.rename(1, path, to)


STEPS = range(14)


@pytest.mark.parametrize("step", STEPS)
def test_whatever_is_done_at_any_step_of_a_rename_is_kept(step):
    for deed in deeds():
        world = renamed_world()
        run_with(world, {step: deed})
        world.check()


@pytest.mark.parametrize("step", STEPS)
def test_a_rename_that_a_crash_interrupts_loses_nothing(step):
    """After the crash nobody can tell a file that was saved at the new path just now from one that
    was saved at the old path just before, so both versions may be kept: one is resurrected."""
    wrong = []
    for deed in deeds():
        world = renamed_world()
        run_with(world, {step: deed}, crash="moved")
        try:
            world.check()
        except AssertionError as error:
            wrong.append(str(error).partition(":")[0])
    assert set(wrong) <= {"resurrected"}
