import time
from dataclasses import replace

import pytest

from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.interfaces import Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.open_folder import open_folder, own_paths, preview
from s3d.shared.filters.expression import Filter
from tests.agent.sync.conftest import BUCKET


@pytest.mark.finding("F9")
def test_what_waits_to_be_pushed_is_known_by_its_path(context):
    waiting = replace(context(prefix="p/"), pending=lambda: ("p/a", "p/b/c"))
    assert list(own_paths(waiting)) == ["a", "b/c"]


async def previewed(context, **values):
    return {step.path: str(step.action) for step in await preview(context(**values))}


async def test_it_shows_the_first_pass_and_changes_nothing(context, root, objects):
    await objects.put(BUCKET, "there", BytesBody(b"1"))
    await objects.put(BUCKET, "both", BytesBody(b"1"))
    root.mkdir(parents=True)
    (root / "here").touch()
    (root / "both").touch()
    assert await previewed(context) == {"there": "download", "both": "compare", "here": "upload"}
    assert sorted(path.name for path in root.iterdir()) == ["both", "here"]


async def test_a_folder_that_is_not_there_stays_so(context, root, objects):
    await objects.put(BUCKET, "there", BytesBody(b"1"))
    assert await previewed(context) == {"there": "download"}
    assert not root.exists()


async def test_filter_and_ignore_file_count(context, root, objects):
    root.mkdir(parents=True)
    for name in ("a.txt", "b.tmp", "c.log"):
        (root / name).touch()
    (root / ".s3dignore").write_text("*.log\n")
    policy = Filter.parse("!*/*.tmp")
    assert set(await previewed(context, filter=policy)) == {".s3dignore", "a.txt"}


async def test_without_the_bucket_nothing_is_shown(context, objects):
    await objects.delete_bucket(BUCKET)
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        await preview(context())


@pytest.mark.finding("S1")
async def test_a_conflict_copy_is_looked_at_whatever_comes_of_its_step(context, root):
    """The step may fail after it, and the system's events may not come."""
    root.mkdir(parents=True)
    (root / "a").write_text("ours")
    changed = []
    tree, baseline = FolderTree(root), Baseline(None)
    try:
        here = open_folder(context(), tree, baseline, changed.append, time.time)

        async def give(to):
            return await tree.move("a", to) is not None

        copy = await here.passes.executor.beside("a", give)
        assert (root / copy).read_text() == "ours"
        assert changed == [{copy}]
    finally:
        tree.close()
        baseline.close()
