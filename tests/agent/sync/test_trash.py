import asyncio
from dataclasses import replace

import pytest

from s3d.agent.core.path_names import original_of
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync import user_actions
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_tables import EVICTED, TrashEntry
from s3d.agent.sync.eviction import evict
from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.path_state import NO_BYTES
from s3d.agent.sync.trash import (
    CHECK_INTERVAL,
    DAY,
    MAX_DAILY_FILES,
    TRASH_AGE,
    WRITE_GRACE,
    Trash,
    TrashClock,
)
from tests.agent.sync.conftest import BUCKET
from tests.agent.sync.test_folder import keys, until_open


@pytest.fixture
async def folder(running, root, objects):
    """A file `doc` that was `first`, and is `second` since the bucket says so."""
    async with running() as folder:
        await until_open(folder)
        (root / "doc").write_text("first")
        await user_actions.sync_now(folder)
        await objects.put(BUCKET, "doc", BytesBody(b"second"))
        await user_actions.sync_now(folder)
        assert (root / "doc").read_text() == "second"
        yield folder


async def test_what_was_replaced_comes_back_and_can_go_again(folder, root, objects):
    trash = folder.here.trash
    assert await trash.undo(path="doc") == "doc"
    assert (root / "doc").read_text() == "first"
    await user_actions.sync_now(folder)
    assert await trash.undo(path="doc") == "doc"
    assert (root / "doc").read_text() == "second"


async def test_a_row_of_the_history_can_be_named(folder, root):
    (row,) = [row for row in folder.baseline.history.rows(10) if row.trash]
    assert await folder.here.trash.undo(id=row.id) == "doc"
    with pytest.raises(PathBlocked, match="trash has no file"):
        await folder.here.trash.undo(id=row.id)


async def test_what_was_deleted_comes_back(folder, root, objects):
    await objects.put(BUCKET, "other", BytesBody(b"x"))
    await objects.delete(BUCKET, "doc")
    await user_actions.sync_now(folder)
    assert not (root / "doc").exists()
    await folder.here.trash.undo(path="doc")
    await user_actions.sync_now(folder)
    assert await keys(objects) == ["doc", "other"]


class Times:
    """Clocks of a test, in seconds."""

    def __init__(self) -> None:
        self.wall, self.steady = 1e9, 5.0

    def clock(self, baseline: Baseline) -> TrashClock:
        return TrashClock(baseline, lambda: self.wall, lambda: self.steady)

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def tidied(folder, times):
    """The trash of the folder, on these clocks."""
    here = folder.here
    return Trash(here.tree, here.passes.executor, times.clock(folder.baseline))


async def test_the_trash_is_emptied_after_thirty_days(folder, root, times, tidied):
    (row,) = folder.baseline.trash.rows()
    times.run(TRASH_AGE - 1)
    await tidied.prune()
    assert folder.baseline.trash.rows() == [row]
    times.run(CHECK_INTERVAL + 2)
    await tidied.prune()
    assert folder.baseline.trash.rows() == []
    assert list((root / ".s3d/trash").iterdir()) == []


@pytest.mark.finding("S7")
async def test_a_clock_that_is_wrong_for_a_while_empties_no_trash(folder, times, tidied):
    (row,) = folder.baseline.trash.rows()
    for jump in (40 * DAY, -80 * DAY, 400 * DAY):
        times.wall += jump
        times.run(CHECK_INTERVAL)
        await tidied.prune()
    assert folder.baseline.trash.rows() == [row]


@pytest.mark.finding("S7")
def test_a_stop_counts_for_a_day_at_most(times):
    baseline = Baseline(None)
    clock = times.clock(baseline)
    times.run(3 * DAY)
    clock.save()
    times.wall += 40 * DAY  # stopped
    times.steady = 0.0  # started anew
    again = times.clock(baseline)
    assert again.now() == 4 * DAY
    times.wall -= 100 * DAY
    assert again.now() == 4 * DAY
    baseline.set_meta(trash_clock="damaged")
    assert times.clock(baseline).now() == 0.0


@pytest.mark.finding("S7")
async def test_no_more_than_a_share_of_the_trash_goes_in_a_day(folder, times, tidied):
    for number in range(4 * MAX_DAILY_FILES - 1):
        folder.baseline.trash.add(TrashEntry(f"{number}", "p", NO_BYTES, "deleted", 1.0, -1.0))
    left = []
    for _ in range(3):
        times.run(TRASH_AGE)
        await tidied.prune()
        times.run(CHECK_INTERVAL)
        await tidied.prune()
        left.append(folder.baseline.trash.count())
    assert left == [3 * MAX_DAILY_FILES, 2 * MAX_DAILY_FILES, MAX_DAILY_FILES]


async def test_what_is_written_to_in_the_trash_comes_back_beside(folder, root, times, tidied):
    (row,) = folder.baseline.trash.rows()
    with (root / ".s3d/trash" / row.id).open("a") as still_open:
        still_open.write(" and more")
    times.run(CHECK_INTERVAL)
    await tidied.prune()
    (copy,) = [path for path in root.iterdir() if original_of(path.name) == "doc"]
    assert copy.read_text() == "first and more"
    assert folder.baseline.trash.rows() == []


async def evict_doc(folder) -> str:
    """Evict the file; the id of its row of the trash."""
    executor = folder.here.passes.executor
    executor.policy = replace(executor.policy, is_quiet=lambda local: True)
    assert await evict(executor, "doc", folder.baseline.get("doc").etag)
    return next(row.id for row in folder.baseline.trash.rows() if row.reason == EVICTED)


async def test_an_evicted_file_leaves_the_trash_after_a_minute(folder, root, times, tidied):
    name = await evict_doc(folder)
    await tidied.prune()
    assert (root / ".s3d/trash" / name).exists()
    times.run(WRITE_GRACE + CHECK_INTERVAL)
    await tidied.prune()
    assert not (root / ".s3d/trash" / name).exists()
    assert [row.reason for row in folder.baseline.trash.rows()] == ["replaced"]
    assert not (root / "doc").exists()


async def test_an_evicted_file_that_a_program_writes_to_is_back(folder, root, times, tidied):
    with (root / "doc").open("a") as still_open:
        await evict_doc(folder)
        still_open.write(" and more")
    times.run(WRITE_GRACE + CHECK_INTERVAL)
    await tidied.prune()
    assert (root / "doc").read_text().endswith(" and more")
    assert [path.name for path in root.iterdir() if path.is_file()] == ["doc"]


@pytest.mark.finding("Q13")
@pytest.mark.parametrize("act", ["undo", "resolve"])
async def test_a_person_waits_for_the_folders_turn(folder, root, act):
    """What they do moves files that a pass is looking at."""
    work = (
        user_actions.undo(folder, path="doc")
        if act == "undo"
        else user_actions.resolve(folder, "doc", "copy")
    )
    async with folder.pass_lock:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await work
        assert (root / "doc").read_text() == "second"


@pytest.fixture
async def conflict(folder, root, objects):
    """The name of a conflict copy of doc."""
    (root / "doc").write_text("mine, longer")
    await objects.put(BUCKET, "doc", BytesBody(b"theirs"))
    await user_actions.sync_now(folder)
    (copy,) = [path.name for path in root.iterdir() if original_of(path.name)]
    return copy


@pytest.mark.parametrize(
    ("keep", "wanted"), [("original", "theirs"), ("copy", "mine, longer"), ("both", "theirs")]
)
async def test_a_conflict_is_resolved(folder, conflict, root, objects, keep, wanted):
    await folder.here.trash.resolve(conflict, keep)
    await user_actions.sync_now(folder)
    assert (root / "doc").read_text() == wanted
    assert not (root / conflict).exists()
    assert await keys(objects) == (["doc", "doc 1"] if keep == "both" else ["doc"])


async def test_only_a_conflict_copy_is_resolved(folder):
    with pytest.raises(PathBlocked, match="not a conflict copy"):
        await folder.here.trash.resolve("doc", "copy")
