import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3d.agent.sync.marked_folder import MarkedFolder, SharedSync


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


@pytest.mark.finding("S1")
def test_threads_that_wait_at_the_same_time_share_a_sync():
    done, synced, first = [], [], threading.Event()

    def sync() -> None:
        synced.append(len(done))
        if len(synced) == 1:
            first.wait()

    shared = SharedSync(sync)

    def work(number: int) -> int:
        done.append(number)
        shared.wait()
        assert any(seen > done.index(number) for seen in synced)
        return number

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, number) for number in range(8)]
        while len(done) < 8:
            pass
        first.set()
        assert [each.result(10) for each in working] == list(range(8))
    assert 1 <= len(synced) <= 8
    shared.wait()
