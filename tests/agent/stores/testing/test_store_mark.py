"""Only a store that was made for tests is one: the mark, its absence, and its damage."""

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import BucketRecord
from s3d.agent.stores.testing.store_mark import NAME, confirm, find_mark
from s3d.shared.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def opened(folder):
    folder.mkdir(exist_ok=True)
    return Index.open(folder / "index.sqlite", ephemeral=True)


async def made(folder):
    """A store made for tests."""
    mark = find_mark(folder, required=True).mark
    index = opened(folder)
    await confirm(index, folder, mark, required=True)
    index.close()
    return mark


async def test_the_mark_is_found_again_with_and_without_the_option(folder):
    mark = await made(folder)
    for required in (True, False):
        assert find_mark(folder, required=required).mark == mark
        index = opened(folder)
        assert (await confirm(index, folder, mark, required=required)).mark == mark
        index.close()


def test_a_store_without_a_mark_does_not_become_one(folder):
    assert find_mark(folder, required=False) == (None, "")
    opened(folder).close()
    assert find_mark(folder, required=False) == (None, "")
    with pytest.raises(UsageError, match="not made for tests") as caught:
        find_mark(folder, required=True)
    assert caught.value.exit_code == 2
    assert "--ephemeral" in caught.value.remedy
    assert not (folder / NAME).exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"version": 1}', "damaged"),
        (b'{"version": 1, "id": ""}', "newer"),
        (b'{"version": 2, "id": "1234"}', "newer"),
    ],
)
async def test_a_damaged_mark_does_not_count(folder, content, words):
    await made(folder)
    (folder / NAME).write_bytes(content)
    mark, problem = find_mark(folder, required=False)
    assert mark is None
    assert words in problem
    with pytest.raises(UsageError, match=words):
        find_mark(folder, required=True)


async def test_the_mark_of_another_store_does_not_count(folder, tmp_path):
    await made(tmp_path / "other")
    index = opened(folder)
    await index.write(lambda tx: tx.put_bucket(BucketRecord("precious", 1.0)))
    (folder / NAME).write_bytes((tmp_path / "other" / NAME).read_bytes())
    mark = find_mark(folder, required=False).mark
    refused = await confirm(index, folder, mark, required=False)
    assert refused.mark is None
    assert "of another store" in refused.problem
    with pytest.raises(UsageError, match="of another store"):
        await confirm(index, folder, mark, required=True)
    index.close()


async def test_a_start_that_ended_between_the_two_marks_is_completed(folder):
    mark = find_mark(folder, required=True).mark  # killed here
    index = opened(folder)
    assert (await confirm(index, folder, mark, required=False)).mark is None
    assert (await confirm(index, folder, mark, required=True)).mark == mark
    assert (await confirm(index, folder, mark, required=False)).mark == mark
    index.close()
