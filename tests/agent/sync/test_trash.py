import pytest

from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.names import original_of
from s3d.agent.sync.sides import Refused
from s3d.agent.sync.trash import EVERY, KEPT
from tests.agent.sync.conftest import BUCKET
from tests.agent.sync.test_folder import keys, until_open


@pytest.fixture
async def folder(running, root, objects):
    """A file `doc` that was `first`, and is `second` since the bucket says so."""
    async with running() as folder:
        await until_open(folder)
        (root / "doc").write_text("first")
        await folder.sync_now()
        await objects.put(BUCKET, "doc", BytesBody(b"second"))
        await folder.sync_now()
        assert (root / "doc").read_text() == "second"
        yield folder


async def test_what_was_replaced_comes_back_and_can_go_again(folder, root, objects):
    trash = folder.here.trash
    assert await trash.undo(path="doc") == "doc"
    assert (root / "doc").read_text() == "first"
    await folder.sync_now()
    assert await trash.undo(path="doc") == "doc"
    assert (root / "doc").read_text() == "second"


async def test_a_row_of_the_history_can_be_named(folder, root):
    (row,) = [row for row in folder.baseline.history(10) if row.trash]
    assert await folder.here.trash.undo(id=row.id) == "doc"
    with pytest.raises(Refused, match="nothing in the trash"):
        await folder.here.trash.undo(id=row.id)


async def test_what_was_deleted_comes_back(folder, root, objects):
    await objects.put(BUCKET, "other", BytesBody(b"x"))
    await objects.delete(BUCKET, "doc")
    await folder.sync_now()
    assert not (root / "doc").exists()
    await folder.here.trash.undo(path="doc")
    await folder.sync_now()
    assert await keys(objects) == ["doc", "other"]


async def test_the_trash_is_emptied_after_thirty_days(folder, root):
    (row,) = folder.baseline.trashed()
    await folder.here.trash.tidy(row.at + KEPT - 1)
    assert folder.baseline.trashed() == [row]
    await folder.here.trash.tidy(row.at + KEPT + EVERY)
    assert folder.baseline.trashed() == []
    assert list((root / ".s3d/trash").iterdir()) == []


async def test_what_is_written_to_in_the_trash_comes_back_beside(folder, root):
    (row,) = folder.baseline.trashed()
    with (root / ".s3d/trash" / row.id).open("a") as still_open:
        still_open.write(" and more")
    await folder.here.trash.tidy(row.at + EVERY)
    (copy,) = [path for path in root.iterdir() if original_of(path.name) == "doc"]
    assert copy.read_text() == "first and more"
    assert folder.baseline.trashed() == []


@pytest.fixture
async def conflict(folder, root, objects):
    """The name of a conflict copy of doc."""
    (root / "doc").write_text("mine, longer")
    await objects.put(BUCKET, "doc", BytesBody(b"theirs"))
    await folder.sync_now()
    (copy,) = [path.name for path in root.iterdir() if original_of(path.name)]
    return copy


@pytest.mark.parametrize(
    ("keep", "wanted"), [("original", "theirs"), ("copy", "mine, longer"), ("both", "theirs")]
)
async def test_a_conflict_is_resolved(folder, conflict, root, objects, keep, wanted):
    await folder.here.trash.resolve(conflict, keep)
    await folder.sync_now()
    assert (root / "doc").read_text() == wanted
    assert not (root / conflict).exists()
    assert await keys(objects) == (["doc", "doc 1"] if keep == "both" else ["doc"])


async def test_only_a_conflict_copy_is_resolved(folder):
    with pytest.raises(Refused, match="no conflict copy"):
        await folder.here.trash.resolve("doc", "copy")
