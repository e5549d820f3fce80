import asyncio
import os
import threading

import pytest

from s3d.agent.sync import find_changes
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.decide import Action
from s3d.agent.sync.pass_scope import Scope
from tests.agent.gated_threads import GatedThreads, cancel_while_held
from tests.agent.sync.test_folder import keys
from tests.agent.sync.test_passes import planned, write


async def test_only_what_is_named_is_looked_at(passes, root):
    write(root, "a")
    write(root, "d/b")
    write(root, "d/e/c")
    assert await planned(passes, Scope(paths={"a"})) == {"a": Action.UPLOAD}
    assert await planned(passes, Scope(folders={"d/"})) == {
        "d/b": Action.UPLOAD,
        "d/e/c": Action.UPLOAD,
    }
    assert await planned(passes, Scope(folders={"nothing/"}, paths={"nothing"})) == {}
    assert len(await planned(passes, Scope(everything_here=True))) == 3


async def test_what_is_gone_below_a_folder_is_noticed(passes, root, objects):
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    for name in ("d/a", "d/b", "e"):
        write(root, name)
    await passes.run(Scope(everything_here=True))
    assert await keys(objects) == ["d/a", "d/b", "e"]
    for name in ("d/a", "d/b"):
        (root / name).unlink()
    (root / "d").rmdir()
    found = await planned(passes, Scope(folders={"d/"}, paths={"d"}))
    assert found == {"d/a": Action.DELETE_REMOTE, "d/b": Action.DELETE_REMOTE}


async def test_names_that_are_no_text_are_told_of(passes, root):
    (root / os.fsdecode(b"\xff")).touch()
    assert await planned(passes, Scope(everything_here=True)) == {"\\xff": Action.BLOCK}


async def test_a_folder_that_cannot_be_read_hides_nothing(passes, root):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    write(root, "d/a")
    await passes.run(Scope(everything_here=True))
    (root / "d").chmod(0)
    assert await planned(passes, Scope(everything_here=True)) == {"d/": Action.BLOCK}
    (root / "d").chmod(0o700)


async def test_a_cancelled_scan_ends_before_its_folder_is_closed(passes, root, monkeypatch):
    threads, looked = GatedThreads(), []
    write(root, "d/a")
    monkeypatch.setattr(passes.changes._selection, "skips", looked.append)
    async with asyncio.TaskGroup() as group:
        threads.shut()
        task = group.create_task(passes.changes.find(Scope(everything_here=True)))
        is_early = await cancel_while_held(threads, task)
        threads.open()
    assert not is_early
    assert looked == []  # it ends soon, too


async def test_a_cancelled_pass_closes_no_connection_that_a_thread_uses(
    passes, root, tmp_path, monkeypatch
):
    """SQLite may crash the process when it does."""
    steps, entered, leave = [], threading.Event(), threading.Event()

    class Watched(Baseline):
        def close(self) -> None:
            steps.append("closed")
            super().close()

    def compare(*_):
        entered.set()
        leave.wait(10)
        steps.append("compared")
        return []

    baseline = Baseline(tmp_path / "baseline.sqlite")
    monkeypatch.setattr(baseline, "other", lambda: Watched(tmp_path / "baseline.sqlite"))
    monkeypatch.setattr(find_changes, "remote_differences", compare)
    monkeypatch.setattr(passes.changes, "_baseline", baseline)
    async with asyncio.TaskGroup() as group:
        finding = group.create_task(passes.changes._remote())
        await asyncio.to_thread(entered.wait, 10)
        finding.cancel()
        group.create_task(asyncio.to_thread(leave.set))
    assert steps == ["compared", "closed"]
    baseline.close()
