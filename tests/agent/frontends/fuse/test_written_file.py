"""One written file and a store that is not real: what is not seen through WrittenFiles."""

import errno
import itertools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.byte_ranges import OldBytes, Range
from s3d.agent.frontends.fuse.hand_over import ObjectName, Written
from s3d.agent.frontends.fuse.object_patcher import NotPatched
from s3d.agent.frontends.fuse.staged_file import FrozenFile, StagedFile, StagingFolder
from s3d.agent.frontends.fuse.staging_journal import StagingJournal
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.frontends.fuse.written_file import WrittenFile

PLACE = ObjectName("bbb", "key")


class FakeStore:
    """Remembers what it was given; a write may come in between, and it may fail."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.meanwhile = lambda: None
        self.error: OSError | None = None
        self.patches = True
        self.patched: list[list[Range]] = []

    def sync(self) -> None:
        return None

    def write_object(
        self,
        place: ObjectName,
        file: FrozenFile,
        attributes: ObjectAttributes,
        replaces: str,
        *,
        syncs_later: bool,
    ) -> Written:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        self.stored.append(file.read_bytes())
        return Written(place.key, f'"{len(self.stored)}"')

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        return self.patches

    def patch_object(
        self, place: ObjectName, file: FrozenFile, attributes: ObjectAttributes, replaces: str
    ) -> Written:
        """The rest of the bytes is the old version's."""
        self.meanwhile()
        if self.error is not None:
            raise self.error
        self.patched.append(list(file.missing))
        return Written(place.key, f'"patched {len(self.patched)}"')


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
    staged = StagedFile(StagingFolder(tmp_path, lambda: next(ids)))
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


MIB = 1 << 20
SIZE = 64 * MIB


class Old:
    """A version that consists of one byte, again and again, and what was fetched of it."""

    def __init__(self) -> None:
        self.place = PLACE
        self.etag = '"old"'
        self.is_gone = False
        self.fetched: list[Range] = []

    def read(self, offset: int, size: int) -> bytes:
        if self.is_gone and self.etag == '"old"':
            raise OSError(errno.ESTALE, "gone")
        self.fetched.append((offset, offset + size))
        return b"o" * size


@pytest.fixture
def old() -> Old:
    return Old()


@pytest.fixture
def large(tmp_path: Path, journal: StagingJournal, store: FakeStore, old: Old) -> WrittenFile:
    ids = itertools.count(1)
    staged = StagedFile(StagingFolder(tmp_path, lambda: next(ids)), old_size=SIZE, old=old)
    return WrittenFile(
        PLACE, staged, WrittenAttributes(), replaces=old.etag, journal=journal, store=store
    )


def test_an_append_to_a_large_object_fetches_one_part(large, store, old):
    large.write(b"new", None)
    assert large.flush() is False
    assert (store.patched, old.fetched) == ([], [])
    large.flush(may_defer=False)
    assert (store.patched, old.fetched) == ([[(0, SIZE)]], [])
    assert (large.is_dirty, large.etag, old.etag) == (False, '"patched 1"', '"patched 1"')
    large.write(b"x", 10)
    large.flush(may_defer=False)
    assert store.patched[1:] == [[(8 * MIB, SIZE)]]
    assert old.fetched == [(0, 10), (11, 8 * MIB)]
    assert os.fstat(large.staged._content.fd).st_blocks * 512 < 20 * MIB


def test_a_store_that_copies_no_parts_gets_all_bytes(large, store):
    def refuse() -> None:
        store.meanwhile = lambda: None
        raise NotPatched(errno.ENOTSUP, "no")

    large.write(b"new", None)
    store.meanwhile = refuse
    large.flush(may_defer=False)
    assert (store.patched, store.stored) == ([], [b"o" * SIZE + b"new"])


def test_what_was_written_during_a_patch_is_recorded_with_the_new_version(
    large, store, journal, old, tmp_path
):
    large.write(b"new", None)

    def meanwhile() -> None:
        large.write(b"later", 20)
        large.fsync()

    store.meanwhile = meanwhile
    large.flush(may_defer=False)
    ((record, ranges),) = journal.load()
    assert (record.replaces, record.old_end) == ('"patched 1"', SIZE)
    assert OldBytes(record.old_end, ranges).missing(0, SIZE) == [(0, 20), (25, SIZE)]
    assert os.listdir(tmp_path).count("1") == 0
    assert large.read(10, 18) == b"oolaterooo"


def test_a_patch_that_fails_loses_nothing_of_what_was_written(large, store, journal):
    large.write(b"new", None)
    large.write(b"first", 20)
    store.error = OSError(errno.EIO, "away")
    with pytest.raises(OSError, match="away"):
        large.flush(may_defer=False)
    large.write(b"later", 40)
    large.fsync()
    ((record, ranges),) = journal.load()
    missing = OldBytes(record.old_end, ranges).missing(0, SIZE)
    assert missing == [(8 * MIB, SIZE)]
    assert record.replaces == '"old"'


def test_a_read_finds_the_version_that_replaced_the_old_one_meanwhile(large, store, old):
    large.write(b"new", None)

    def meanwhile() -> None:
        old.is_gone = True

    store.meanwhile = meanwhile
    large.flush(may_defer=False)
    assert large.read(3, SIZE - 1) == b"one"


def test_a_close_does_not_wait_for_a_patch(large, store):
    large.write(b"new", None)
    closed = []

    def meanwhile() -> None:
        other = threading.Thread(target=lambda: closed.append(large.flush()))
        other.start()
        other.join(20)

    store.meanwhile = meanwhile
    large.flush(may_defer=False)
    assert closed == [False]


def test_a_file_that_is_removed_during_a_patch_is_closed_without_an_error(large, store):
    large.write(b"new", None)

    def meanwhile() -> None:
        large._is_unlinked = True
        raise OSError(errno.ENOTCONN, "cancelled")

    store.meanwhile = meanwhile
    assert large.flush(may_defer=False)
    assert not large.is_dirty
