import os
import stat

import pytest

from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.sync import local_tree
from s3d.agent.sync.interfaces import ConcurrentChange, FileAttributes, PathBlocked
from s3d.agent.sync.local_tree import FolderTree


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    found = FolderTree(root, umask=0o022)
    yield found
    found.close()


@pytest.fixture
def outside(tmp_path, tree):
    """A folder that a link in the tree leads to."""
    found = tmp_path / "outside"
    found.mkdir()
    (found / "secret").write_text("secret")
    (tree.root / "link").symlink_to(found)
    return found


async def staged(tree, data=b"new", **attributes):
    return await tree.receive("stage-id", BytesBody(data), FileAttributes(**attributes))


def stage(tree):
    return os.listdir(tree.root / ".s3d/stage")


async def test_a_download_has_time_mode_and_content(tree):
    found = await staged(tree, mtime_ns=1_700_000_000_123_456_789, mode=0o4755)
    assert await tree.place(found, "a/b/file", None) is None
    facts = (tree.root / "a/b/file").stat()
    assert (facts.st_mtime_ns, stat.S_IMODE(facts.st_mode)) == (1_700_000_000_123_456_789, 0o755)
    assert (tree.root / "a/b/file").read_bytes() == b"new"
    assert stat.S_IMODE((tree.root / "a").stat().st_mode) == 0o755
    assert stage(tree) == []


async def test_without_a_mode_the_users_umask_counts(tree):
    await tree.place(await staged(tree), "f", None)
    assert stat.S_IMODE((tree.root / "f").stat().st_mode) == 0o644
    await tree.make_folder("d/")
    assert stat.S_IMODE((tree.root / "d").stat().st_mode) == 0o755


async def test_a_body_that_is_short_or_another_leaves_nothing(tree):
    async def half():
        yield b"half"

    with pytest.raises(PathBlocked):
        await tree.receive("x", StreamBody(half(), 10), FileAttributes())
    with pytest.raises(ConcurrentChange):
        await tree.receive("x", BytesBody(b"data"), FileAttributes(sha256="0" * 64))

    async def broken():
        yield b"half"
        raise ConnectionError("lost")

    with pytest.raises(ConnectionError):
        await tree.receive("x", StreamBody(broken(), 10), FileAttributes())
    assert stage(tree) == []


async def test_a_large_body_is_written_in_blocks(tree):
    async def blocks():
        for number in range(40):
            yield bytes([number]) * 100_000

    found = await tree.receive("x", StreamBody(blocks(), 4_000_000), FileAttributes())
    assert found.signature.size == 4_000_000


async def test_a_name_that_is_taken_is_not_overwritten(tree):
    (tree.root / "f").write_text("mine")
    with pytest.raises(ConcurrentChange):
        await tree.place(await staged(tree), "f", None)
    assert (tree.root / "f").read_text() == "mine"


async def test_what_was_in_the_place_comes_out(tree):
    (tree.root / "f").write_text("old")
    before = await tree.look("f")
    came_out = await tree.place(await staged(tree), "f", before.signature)
    assert came_out.is_same_file(before.signature)
    assert (tree.root / "f").read_text() == "new"
    assert (tree.root / ".s3d/stage/stage-id").read_text() == "old"
    await tree.trash_staged("stage-id")
    assert (await tree.trashed("stage-id")).is_same_file(before.signature)
    assert await tree.untrash("stage-id", "again")
    assert not await tree.untrash("stage-id", "again")
    assert (tree.root / "again").read_text() == "old"


async def test_nothing_to_replace_is_found_out(tree):
    signature = (await staged(tree)).signature
    with pytest.raises(ConcurrentChange):
        await tree.place(
            await tree.receive("y", BytesBody(b""), FileAttributes()), "gone", signature
        )


async def test_no_link_is_followed(tree, outside):
    found = await tree.look("link/secret")
    assert found.trouble == "the path leads through a symbolic link"
    assert (await tree.look("link")).trouble == "a symbolic link"
    assert await tree.discard("link/secret", "t") is None
    assert await tree.move("link/secret", "stolen") is None
    with pytest.raises((ConcurrentChange, PathBlocked)):
        await tree.place(await staged(tree), "link/new", None)
    with pytest.raises(ConcurrentChange):
        await tree.read("link/secret", found.signature)
    assert os.listdir(outside) == ["secret"]


async def test_a_discarded_file_takes_its_emptied_folders_along(tree):
    (tree.root / "a/b").mkdir(parents=True)
    (tree.root / "a/b/f").write_text("x")
    (tree.root / "a/stays").touch()
    before = await tree.look("a/b/f")
    assert (await tree.discard("a/b/f", "t")).is_same_file(before.signature)
    assert os.listdir(tree.root / "a") == ["stays"]
    await tree.drop_trashed("t")
    assert await tree.trashed("t") is None


async def test_a_folder_with_something_in_it_is_not_removed(tree):
    (tree.root / "a").mkdir()
    (tree.root / "a/f").touch()
    assert not await tree.remove_folder("a/")
    assert not (await tree.look("a/")).is_empty
    (tree.root / "a/f").unlink()
    assert (await tree.look("a/")).is_empty
    assert await tree.remove_folder("a/")
    assert await tree.remove_folder("a/")
    assert await tree.look("a/") is None


async def test_a_file_in_the_place_of_a_folder_is_told(tree):
    (tree.root / "a").touch()
    assert await tree.look("a/") is None
    assert await tree.look("a/b") is None
    with pytest.raises(PathBlocked, match="has the name of a folder"):
        await tree.make_folder("a/")
    with pytest.raises(PathBlocked, match="has the name of a folder"):
        await tree.place(await staged(tree), "a/b", None)
    (tree.root / "d").mkdir()
    assert await tree.look("d") is None
    await tree.drop_staged("stage-id")
    with pytest.raises(PathBlocked, match="a folder here has this name"):
        await tree.place(await staged(tree), "d", None)


async def test_a_move_overwrites_nothing(tree):
    (tree.root / "a").write_text("a")
    (tree.root / "b").write_text("b")
    assert await tree.move("a", "b") is None
    assert await tree.move("nothing", "c") is None
    before = await tree.look("a")
    assert (await tree.move("a", "x/y")).is_same_file(before.signature)
    assert (tree.root / "x/y").read_text() == "a"


async def test_a_move_tells_what_it_has_moved_and_not_what_is_written_afterwards(tree, monkeypatch):
    (tree.root / "a").write_text("a")
    before = await tree.look("a")
    monkeypatch.setattr(
        local_tree, "sync_names_of", lambda *folders: (tree.root / "b").write_text("longer")
    )
    assert (await tree.move("a", "b")).is_same_file(before.signature)


@pytest.mark.finding("S1")
async def test_only_what_was_received_in_part_is_swept_from_the_stage(tree):
    await staged(tree)
    (tree.root / ".s3d/stage/other.part").write_text("half")
    assert await tree.sweep() == ["stage-id"]
    assert [path.name for path in (tree.root / ".s3d/stage").iterdir()] == ["stage-id"]
    await tree.drop_staged("stage-id")
    assert await tree.staged("stage-id") is None


@pytest.fixture
def synced(monkeypatch):
    """The inodes that were synced."""
    found, sync = [], os.fsync

    def fsync(fd: int) -> None:
        sync(fd)
        found.append(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


@pytest.mark.finding("S1")
async def test_every_folder_that_a_step_changes_is_synced(tree, synced):
    """In the steps of the model in test_power.py."""
    root, own = tree.root, tree.root / ".s3d"

    async def check(step, *folders):
        synced.clear()
        found = await step
        assert {folder.stat().st_ino for folder in folders} <= set(synced)
        return found

    file = await check(staged(tree), own / "stage")
    assert file.signature.ino in synced  # the bytes
    await check(tree.place(file, "a/b/new", None), root)
    assert {(root / name).stat().st_ino for name in ("a", "a/b")} <= set(synced)
    there = (await tree.look("a/b/new")).signature
    await check(tree.place(await staged(tree), "a/b/new", there), root / "a/b")
    await check(tree.unstage("stage-id", "c"), own / "stage", root)
    await check(tree.move("c", "d/c"), root, root / "d")
    await check(tree.discard("d/c", "id"), own / "trash", root)  # the empty folder is gone, too
    await check(tree.untrash("id", "c"), own / "trash", root)
    await check(tree.make_folder("e/f/"), root, root / "e")
    await check(tree.remove_folder("e/f/"), root / "e")
    await check(tree.sync_names("a/b/new"), own / "stage", own / "trash", root / "a/b")
