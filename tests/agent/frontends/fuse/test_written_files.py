"""Files that are written in the mount: over an embedded store, and a queue before a remote."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from s3d.agent.frontends.fuse import written_file
from s3d.agent.frontends.fuse.written_file import WrittenFile
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.checksums import hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blobs import Blobs
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    place,
    running_store,
    until,
    written_files,
)

MIB = 1 << 20
LARGE = os.urandom(300_000)
HUGE = os.urandom(10 * MIB + 5_000)


@pytest.fixture(scope="module")
def queued(tmp_path_factory) -> Iterator[StoreThread]:
    with running_store(tmp_path_factory.mktemp("store"), queued=True) as thread:
        yield thread


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}.txt"


def staged(files: WrittenFiles) -> list[str]:
    return sorted(name for name in os.listdir(files._staging.path) if name.isdigit())


@pytest.mark.parametrize("data", [b"", b"some bytes", LARGE], ids=["empty", "small", "large"])
def test_a_new_file_is_an_object_when_it_is_flushed(thread, files, key, data):
    file = files.create(place(key), 0o755)
    if data:
        files.write(file, data, 0)
    files.flush(file)
    assert thread.get(key) == data
    head = thread.head(key)
    assert head["Metadata"]["mode"] == "100755"
    assert head["ContentType"] == "text/plain"
    files.release(file)
    assert (staged(files), files.files()) == ([], [])


def test_a_large_file_is_handed_over_without_a_copy(thread, files, key):
    file = files.create(place(key))
    files.write(file, LARGE, 0)
    (path,) = [files._staging.path / name for name in staged(files)]
    inode = path.stat().st_ino
    files.flush(file)
    assert staged(files) == []
    assert inode in {each.stat().st_ino for each in thread.folder.rglob("blobs/*/*")}
    files.release(file)


def bytes_read() -> int:
    """What this process has read with system calls."""
    return int(Path("/proc/self/io").read_text().split()[1])


def write_in_order(files: WrittenFiles, key: str) -> WrittenFile:
    """A new file whose bytes have been hashed while they were written."""
    file = files.create(place(key))
    for start in range(0, len(HUGE), MIB):
        files.write(file, HUGE[start : start + MIB], start)
    until(lambda: not file.staged.hashing.is_due)
    return file


def check_hashes(thread: StoreThread, key: str, data: bytes) -> None:
    """The store has these bytes, which it compares with its own checksums of the blocks."""
    assert thread.get(key) == data
    head = thread.head(key)
    assert head["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    if thread.queue is None:
        crc = hasher("CRC64NVME")
        crc.update(data)
        assert thread.head(key, ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == crc.b64()


def test_a_file_that_is_written_in_order_is_not_read_again_when_it_is_closed(thread, files, key):
    file = write_in_order(files, key)
    before = bytes_read()
    files.flush(file)
    assert bytes_read() - before < 4 * MIB
    check_hashes(thread, key, HUGE)
    files.write(file, b"end", None)
    before = bytes_read()
    files.flush(file)
    assert bytes_read() - before < 4 * MIB
    check_hashes(thread, key, HUGE + b"end")
    files.release(file)


@pytest.mark.parametrize("size", [len(HUGE), 8 * MIB])
def test_a_file_whose_hashed_bytes_have_changed_is_read_when_it_is_closed(thread, files, key, size):
    file = write_in_order(files, key)
    files.write(file, b"NEW", 5 * MIB)
    file.truncate(size)
    files.flush(file)
    check_hashes(thread, key, (HUGE[: 5 * MIB] + b"NEW" + HUGE[5 * MIB + 3 :])[:size])
    files.release(file)


def test_a_hand_over_that_has_failed_has_the_same_hashes_the_next_time(
    thread, files, key, monkeypatch
):
    file = write_in_order(files, key)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    with monkeypatch.context() as patched:
        patched.setattr(Blobs, "fsync_blob", fail)
        with pytest.raises(OSError, match="Input/output"):
            files.flush(file)
    files.flush(file)
    check_hashes(thread, key, HUGE)
    files.release(file)


def test_a_conflict_copy_has_the_same_hashes(thread, files, key):
    file = write_in_order(files, key)
    thread.put(key, b"theirs")
    files.flush(file)
    assert file.place.key != key
    check_hashes(thread, file.place.key, HUGE)
    files.release(file)


def test_an_object_is_changed_in_the_middle_and_keeps_its_attributes(thread, files, key):
    thread.put(key, LARGE, Metadata={"mine": "yes"}, ContentType="text/x-own", Tagging="a=b")
    file = files.open(place(key))
    files.write(file, b"NEW", 1_000)
    files.flush(file)
    files.release(file)
    assert thread.get(key) == LARGE[:1_000] + b"NEW" + LARGE[1_003:]
    head = thread.head(key)
    assert (head["Metadata"]["mine"], head["ContentType"]) == ("yes", "text/x-own")
    assert head["TagCount"] == 1


def test_an_object_is_appended_to_and_truncated(thread, files, key):
    thread.put(key, b"0123456789")
    file = files.open(place(key))
    files.write(file, b"abc", None)
    file.truncate(12)
    assert file.read(100, 8) == b"89ab"
    files.flush(file)
    assert thread.get(key) == b"0123456789ab"
    file.truncate(14)
    files.flush(file)
    files.release(file)
    assert thread.get(key) == b"0123456789ab\0\0"


def test_a_file_that_is_opened_with_truncation_is_empty(thread, files, key):
    thread.put(key, LARGE)
    file = files.open(place(key), truncate=True)
    files.flush(file)
    assert thread.get(key) == b""
    files.release(file)


def test_an_object_that_was_only_opened_is_not_stored_again(thread, files, key):
    etag = thread.put(key, b"data")
    file = files.open(place(key))
    assert file.read(10, 0) == b"data"
    files.flush(file)
    files.release(file)
    assert thread.head(key)["ETag"] == etag
    assert "mtime" not in thread.head(key)["Metadata"]


def test_an_object_that_is_not_there_cannot_be_opened(files, key):
    with pytest.raises(FileNotFoundError):
        files.open(place(key))


def test_all_handles_of_an_object_have_the_same_bytes(thread, files, key):
    one = files.create(place(key))
    other = files.open(place(key))
    files.write(one, b"written", 0)
    assert other.read(100, 0) == b"written"
    files.flush(one)
    files.release(one)
    files.write(other, b"W", 0)
    files.flush(other)
    files.release(other)
    assert thread.get(key) == b"Written"
    assert files.files() == []


def test_a_write_after_a_flush_does_not_change_what_was_stored(thread, files, key):
    file = files.create(place(key))
    files.write(file, LARGE, 0)
    files.flush(file)
    files.write(file, b"later", 5)
    assert thread.get(key) == LARGE
    files.flush(file)
    files.release(file)
    assert thread.get(key) == LARGE[:5] + b"later" + LARGE[10:]


def test_mode_and_time_are_stored_in_the_form_of_rclone(thread, files, key):
    file = files.create(place(key), 0o600)
    files.write(file, b"x", 0)
    file.set_attributes(msgspec.structs.replace(file.attributes, mtime_ns=1_500_000_000))
    assert (file.status.mtime_ns, file.status.mode) == (1_500_000_000, 0o600)
    files.flush(file)
    assert thread.head(key)["Metadata"] == {"mtime": "1.500000000", "mode": "100600"}
    files.write(file, b"y", 0)
    assert file.status.mtime_ns > 1_500_000_000
    files.release(file)


def test_an_unlinked_file_goes_on_working_and_is_never_stored(thread, files, key):
    file = files.create(place(key))
    files.write(file, b"first", 0)
    file.fsync()
    files.unlink(place(key))
    files.write(file, b"second", 5)
    assert file.read(100, 0) == b"firstsecond"
    files.flush(file)
    file.fsync()
    assert key not in thread.list_keys()
    files.release(file)
    assert (staged(files), files.journal.load()) == ([], [])


def test_a_new_file_of_the_same_name_is_another_one(thread, files, key):
    old = files.create(place(key))
    files.write(old, b"old", 0)
    files.unlink(place(key))
    new = files.create(place(key))
    files.write(new, b"new", 0)
    files.flush(old)
    files.flush(new)
    assert (old.read(9, 0), new.read(9, 0), thread.get(key)) == (b"old", b"new", b"new")
    files.release(old)
    files.release(new)
    assert files.files() == []


def test_an_open_file_moves_with_its_object(thread, files, key):
    file = files.create(place(key))
    files.write(file, b"data", 0)
    file.fsync()
    files.move(place(key), place(f"moved-{key}"))
    assert files.find(place(key)) is None
    assert files.find(place(f"moved-{key}")) is file
    assert [record.place.key for record, _ in files.journal.load()] == [f"moved-{key}"]
    files.flush(file)
    files.release(file)
    assert thread.get(f"moved-{key}") == b"data"
    assert key not in thread.list_keys()


def test_a_foreign_version_stays_and_ours_goes_on_beside_it(thread, files, key):
    thread.put(key, b"base")
    file = files.open(place(key))
    files.write(file, b"ours", 0)
    thread.put(key, b"theirs")
    if thread.queue is not None and not thread.queue.journal.pending.newest(BUCKET, key):
        pytest.fail("the foreign write is to be pending")
    files.flush(file)
    assert thread.get(key) == b"theirs"
    copy = file.place.key
    assert copy.startswith(f"{key[:-4]} (conflict ")
    assert copy.endswith(".txt")
    assert thread.get(copy) == b"ours"
    assert files.find(place(key)) is None
    files.write(file, b"more", None)
    files.flush(file)
    files.release(file)
    assert thread.get(copy) == b"oursmore"


def test_fsync_stores_nothing(thread, files, key):
    file = files.create(place(key))
    files.write(file, LARGE, 0)
    file.fsync()
    assert key not in thread.list_keys()
    ((record, ranges),) = files.journal.load()
    assert (record.place, record.replaces, ranges) == (place(key), "", [])
    files.flush(file)
    assert files.journal.load() == []
    files.release(file)


def test_a_file_without_room_is_refused_while_it_is_written(thread, tmp_path, key):
    with written_files(thread, tmp_path / "staging", free=lambda: 2 << 20) as files:
        file = files.create(place(key))
        files.write(file, bytes(1 << 20), 0)
        with pytest.raises(OSError, match="No space left") as refused:
            files.write(file, bytes(2 << 20), None)
        assert refused.value.errno == errno.ENOSPC
        assert file.size == 1 << 20
        files.release(file)


def test_a_store_without_room_is_no_space_left_at_the_flush_and_it_is_tried_again(
    thread, files, key, monkeypatch
):
    file = files.create(place(key))
    files.write(file, b"data", 0)

    async def refuse(*_: object, **__: object) -> None:
        raise S3Error("SlowDown", "The write queue of s3d is full.")

    with monkeypatch.context() as patched:
        patched.setattr(files._store._writer, "write_object", refuse)
        with pytest.raises(OSError, match="No space") as refused:
            files.flush(file)
        assert refused.value.errno == errno.ENOSPC
        assert len(files.journal.load()) == 1
    files.release(file)
    assert files.find(place(key)) is file
    file.tried_at -= 60
    until(lambda: key in thread.list_keys())
    until(lambda: files.files() == [])
    assert files.journal.load() == []


def test_a_file_that_takes_long_is_handed_over_in_the_background(thread, files, key, monkeypatch):
    monkeypatch.setattr(written_file, "FLUSH_SIZE", 1_000)
    file = files.create(place(key))
    files.write(file, LARGE, 0)
    assert file.flush() is False
    assert len(files.journal.load()) == 1
    files.flush(file)
    files.release(file)
    until(lambda: files.files() == [])
    assert thread.get(key) == LARGE


def test_a_version_that_is_gone_before_it_was_fetched_is_an_error(thread, files, key):
    thread.put(key, LARGE)
    file = files.open(place(key))
    files.write(file, b"x", 0)
    thread.put(key, LARGE[::-1])
    with pytest.raises(OSError, match="another version") as gone:
        files.flush(file)
    assert gone.value.errno == errno.ESTALE
    assert file.problem is not None
    files.unlink(place(key))
    files.release(file)


def test_the_next_start_takes_up_what_was_synced(thread, tmp_path, key):
    files = WrittenFiles(tmp_path / "staging", thread.bridge, thread.store)
    thread.put(key, LARGE)
    file = files.open(place(key))
    files.write(file, b"synced", 100)
    file.fsync()
    lost = files.create(place("lost"))
    files.write(lost, b"not synced", 0)
    files.journal.close()  # as a crash does
    with written_files(thread, tmp_path / "staging") as again:
        until(lambda: again.files() == [])
        assert thread.get(key) == LARGE[:100] + b"synced" + LARGE[106:]
        assert (staged(again), again.journal.load()) == ([], [])
    assert "lost" not in thread.list_keys()


def test_what_a_store_had_before_the_crash_is_not_stored_twice(thread, tmp_path, key, monkeypatch):
    files = WrittenFiles(tmp_path / "staging", thread.bridge, thread.store)
    file = files.create(place(key))
    files.write(file, LARGE, 0)
    file.fsync()
    monkeypatch.setattr(file._record, "remove", lambda until: None)
    monkeypatch.setattr(file.staged, "remove", lambda id: None)
    files.flush(file)
    etag = thread.head(key)["ETag"]
    files.journal.close()
    with written_files(thread, tmp_path / "staging") as again:
        until(lambda: again.files() == [])
    assert thread.head(key)["ETag"] == etag
    assert [each for each in thread.list_keys() if "conflict" in each and key[:-4] in each] == []


def test_closing_hands_over_what_is_open(thread, tmp_path, key):
    with written_files(thread, tmp_path / "staging") as files:
        file = files.create(place(key))
        files.write(file, b"data", 0)
    assert thread.get(key) == b"data"


def test_ours_is_a_conflict_copy_when_the_remote_has_a_foreign_version(queued, tmp_path, key):
    queued.run(lambda: queued.remote.put(BUCKET, key, b"base"))
    with written_files(queued, tmp_path / "staging") as files:
        file = files.open(place(key))
        files.write(file, b"ours", 0)
        queued.run(lambda: queued.remote.put(BUCKET, key, b"theirs"))
        files.flush(file)
        files.release(file)
    queued.pushed()
    assert queued.get(key) == b"theirs"
    (copy,) = [each for each in queued.list_keys() if each.startswith(f"{key[:-4]} (conflict")]
    assert queued.get(copy) == b"ours"
