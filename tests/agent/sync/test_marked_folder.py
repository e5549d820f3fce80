import os

import pytest

from s3d.agent.sync.marked_folder import MarkedFolder


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "root").mkdir()
    found = MarkedFolder(tmp_path / "root")
    yield found
    found.close()


async def test_the_root_is_in_place_while_it_is_the_same_and_marked(tree):
    assert not tree.is_in_place()
    tree.mark("uuid")
    assert (tree.marker(), tree.is_in_place()) == ("uuid", True)
    aside = tree.root.rename(tree.root.with_name("aside"))
    assert not tree.is_in_place()
    tree.root.mkdir()
    assert not tree.is_in_place()
    tree.root.rmdir()
    aside.rename(tree.root)
    assert tree.is_in_place()
    tree.touch_canary()


@pytest.mark.finding("S1")
async def test_the_marker_survives_a_power_cut(tree, monkeypatch):
    """One that was gone would look like another folder."""
    synced, sync = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (sync(fd), synced.add(os.fstat(fd).st_ino)))
    tree.mark("uuid")
    own = tree.root / ".s3d"
    wanted = {path.stat().st_ino for path in (own / "marker", own, tree.root)}
    assert wanted <= synced
