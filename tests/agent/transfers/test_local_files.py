import asyncio
import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.transfers.items import Item
from s3d.agent.transfers.local_files import (
    NotTransferable,
    make_folder,
    same_file,
    write_atomically,
)
from tests.agent.gated_threads import GatedThreads, cancel_while_held


@pytest.fixture
def tree(tmp_path):
    tree = FolderTree(tmp_path, own=False, umask=0o022)
    yield tree
    tree.close()


async def test_it_is_there_whole_with_its_time(tree, tmp_path):
    await write_atomically(tree, "a/b", BytesBody(b"data"), 1234.5, 0o640, lambda size: None)
    path = tmp_path / "a/b"
    assert (path.read_bytes(), path.stat().st_mtime, path.stat().st_mode & 0o777) == (
        b"data", 1234.5, 0o640,
    )  # fmt: skip
    assert same_file(tree, "a/b", Item("k", 4, modified=1234.5))
    assert not same_file(tree, "a/b", Item("k", 5, modified=1234.5))


async def test_a_body_that_breaks_off_leaves_the_old_file(tree, tmp_path):
    async def broken():
        yield b"half"
        raise S3Error("IncompleteBody")

    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(S3Error):
        await write_atomically(tree, "f", StreamBody(broken()), 1.0, 0o644, lambda size: None)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f", b"old")]


async def test_a_cancelled_write_goes_to_no_other_file(tree, tmp_path):
    """The next file that is opened gets the file descriptor of the one that was closed."""
    threads = GatedThreads()

    async def body():
        threads.shut()
        yield b"data"

    async with asyncio.TaskGroup() as group:
        write = write_atomically(tree, "f", StreamBody(body()), 1.0, 0o644, lambda size: None)
        task = group.create_task(write)
        is_early = await cancel_while_held(threads, task)
        with (tmp_path / "next").open("wb"):
            threads.open()
            threads.shutdown()
    assert (tmp_path / "next").read_bytes() == b""
    assert not is_early


async def test_a_pipe_is_never_replaced(tree, tmp_path):
    os.mkfifo(tmp_path / "f")
    with pytest.raises(NotTransferable):
        await write_atomically(tree, "f", BytesBody(b"data"), 1.0, 0o644, lambda size: None)
    assert [(path.name, path.is_fifo()) for path in tmp_path.iterdir()] == [("f", True)]


async def test_what_a_crash_has_left_is_taken_away_when_it_comes_again(tree, tmp_path):
    """A process that is killed removes nothing."""

    class Killed(BaseException):
        pass

    async def killed():
        yield b"half"
        parts.extend(path.read_bytes() for path in tmp_path.glob(".s3d-*.part"))
        os.link(next(tmp_path.glob(".s3d-*.part")), tmp_path / "link")
        name.append(next(tmp_path.glob(".s3d-*.part")).name)
        raise Killed

    parts, name = [], []
    with pytest.raises(Killed):
        await write_atomically(tree, "f", StreamBody(killed()), 1.0, 0o644, lambda size: None, "t1")
    assert parts == [b"half"]
    os.rename(tmp_path / "link", tmp_path / name[0])
    await write_atomically(tree, "f", BytesBody(b"whole"), 1.0, 0o644, lambda size: None, "t1")
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert list(tmp_path.glob(".s3d-*")) == []


def test_folders_get_the_umask_that_is_given(tmp_path):
    make_folder(tmp_path / "a" / "b", 0o027)
    make_folder(tmp_path / "a", 0o077)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o750] * 2
