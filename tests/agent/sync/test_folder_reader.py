import asyncio
import os

import pytest

from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked
from s3d.agent.sync.local_tree import FolderTree
from tests.agent.gated_threads import GatedThreads, cancel_while_held
from tests.agent.sync.test_local_tree import staged, tree

__all__ = ["tree"]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".s3d/marker", "a//b"])
async def test_no_path_leads_out_or_into_what_is_ours(tree, path):
    (tree.root.parent / "x").write_text("outside")
    tree.mark("m")
    assert await tree.look(path) is None
    assert await tree.discard(path, "t") is None
    with pytest.raises((ConcurrentChange, PathBlocked)):
        await tree.place(await staged(tree), path, None)
    assert (tree.root.parent / "x").read_text() == "outside"
    assert tree.marker() == "m"


async def test_reading_takes_the_signature_that_was_seen(tree):
    (tree.root / "f").write_text("x")
    local = await tree.look("f")
    assert (await tree.read("f", local.signature)).size == 1
    (tree.root / "f").write_text("yy")
    with pytest.raises(ConcurrentChange):
        await tree.read("f", local.signature)
    with pytest.raises(ConcurrentChange):
        await tree.read("gone", local.signature)


async def test_a_cancelled_change_is_made_in_this_folder_or_not_at_all(tmp_path):
    """The next folder that is opened gets the file descriptors of the one that was closed."""
    threads = GatedThreads()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    tree = FolderTree(tmp_path / "one")
    async with asyncio.TaskGroup() as group:
        threads.shut()
        task = group.create_task(tree.make_folder("made"))
        is_early = await cancel_while_held(threads, task)
        if is_early:  # as its owner does
            tree.close()
            tree = FolderTree(tmp_path / "other")
        threads.open()
    threads.shutdown()
    tree.close()
    assert not (tmp_path / "other/made").exists()
    assert not is_early


def test_a_tree_without_its_own_folder_only_looks(tmp_path):
    tree = FolderTree(tmp_path, own=False)
    assert os.listdir(tmp_path) == []
    tree.close()


async def test_on_a_disk_that_folds_names_another_spelling_is_another_name(tree, monkeypatch):
    (tree.root / "name").write_text("x")
    assert not tree.folds
    tree.folds = True
    assert (await tree.look("name")).trouble == ""
    monkeypatch.setattr(os, "listdir", lambda folder: ["NAME"])  # what such a disk would say
    assert "another name" in (await tree.look("name")).trouble


def test_what_cannot_be_seen_is_not_gone(tree):
    found = tree.look_safely("n" * 250 + "/" + "m" * 250 + "/x" * 1000)
    assert found is None or found.trouble
