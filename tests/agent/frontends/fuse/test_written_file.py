"""One written file and a store that is not real: what is not seen through WrittenFiles."""

import errno
import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.hand_over import Place, Written
from s3d.agent.frontends.fuse.staged_file import StagedFile
from s3d.agent.frontends.fuse.staging_journal import StagingJournal
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.frontends.fuse.written_file import WrittenFile

PLACE = Place("bbb", "key")


class FakeStore:
    """Remembers what it was given; a write may come in between, and it may fail."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.meanwhile = lambda: None
        self.error: OSError | None = None

    def write_object(
        self, place: Place, file: Path, size: int, attributes: ObjectAttributes, replaces: str
    ) -> Written:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        self.stored.append(file.read_bytes())
        return Written(place.key, f'"{len(self.stored)}"')


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[StagingJournal]:
    with closing(StagingJournal(tmp_path)) as journal:
        yield journal


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def file(tmp_path: Path, journal: StagingJournal, store: FakeStore) -> WrittenFile:
    ids = itertools.count(1)
    staged = StagedFile(tmp_path, lambda: next(ids))
    return WrittenFile(
        PLACE, staged, WrittenAttributes(), replaces="", journal=journal, store=store,
        must_store=True,
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.isdigit())


def test_a_write_during_a_hand_over_is_not_part_of_it(file, store, tmp_path):
    file.write(b"first", 0)
    store.meanwhile = lambda: file.write(b"F", 0)
    file.flush()
    assert file.is_dirty
    store.meanwhile = lambda: None
    file.flush()
    assert store.stored == [b"first", b"First"]
    assert (file.is_dirty, names(tmp_path)) == (False, [])


def test_a_hand_over_that_fails_leaves_one_file_and_its_record(file, store, journal, tmp_path):
    file.write(b"first", 0)
    store.error = OSError(errno.ENOSPC, "full")
    store.meanwhile = lambda: file.write(b"F", 0)
    with pytest.raises(OSError, match="full"):
        file.flush()
    assert [record.id for record, _ in journal.load()] == [2]
    assert names(tmp_path) == ["2"]
    store.error, store.meanwhile = None, lambda: None
    file.flush(may_defer=False)
    file.flush()
    assert store.stored[-1] == b"First"
    file.close()
    assert (names(tmp_path), journal.load()) == ([], [])


def test_a_frozen_file_that_was_not_taken_is_not_changed(file, store, journal, tmp_path):
    """The store may have linked it although its answer never came."""
    file.write(b"first", 0)
    store.error = OSError(errno.EIO, "no answer")
    with pytest.raises(OSError, match="no answer"):
        file.flush()
    kept = (tmp_path / "1").open("rb")
    file.write(b"F", 0)
    assert kept.read() == b"first"
    kept.close()
    file.fsync()
    assert names(tmp_path) == ["2"]


def test_a_file_that_is_closed_and_dirty_keeps_its_bytes(file, tmp_path):
    file.write(b"data", 0)
    file.fsync()
    file.close()
    assert (tmp_path / "1").read_bytes() == b"data"
