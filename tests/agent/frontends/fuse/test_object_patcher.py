"""Large objects that are changed in places, over an embedded store and a queue before a remote."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.store import Answer, Layer
from s3d.agent.frontends.fuse import patch_plan, written_file
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from tests.agent.frontends.fuse.store_thread import BUCKET, StoreThread, place, until
from tests.contract.client import Client

MIB = 1 << 20
AWAY = "nobody is there"
OLD = os.urandom(MIB) * 12
"""Of three parts, one of them short."""


class Watched(Layer):
    """Counts the bytes that are read and sent; refuses an operation, or ends after one."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.operations: list[str] = []
        self.sent = 0
        self.read = 0
        self.refused: dict[str, S3Error] = {}
        self.lost: set[str] = set()
        """Operations whose answer does not arrive."""

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.operations.append(request.op.name)
        if request.body is not None:
            self.sent += request.body.size or 0
        if request.op.name in self.refused:
            raise self.refused[request.op.name]
        return self._call(request)

    async def _call(self, request: S3Request[Any]) -> Any:
        response = await self.inner.call(request)
        if response.body is not None and request.op.name == "GetObject":
            self.read += response.body.size or 0
        if request.op.name in self.lost:
            self.lost.discard(request.op.name)
            raise S3Error("ServiceUnavailable", "the answer was lost")
        return response


@pytest.fixture
def watched(thread: StoreThread, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(written_file, "FLUSH_FETCH", 2 * MIB)
    monkeypatch.setattr(patch_plan, "SMALLEST", 5 * MIB)
    layer = Watched(thread.store)
    monkeypatch.setattr(thread, "store", layer)
    return layer


@contextmanager
def files_of(thread: StoreThread, folder: Path) -> Iterator[WrittenFiles]:
    """Without a background thread, so that a hand-over happens when a test asks for it."""
    files = WrittenFiles(folder, thread.bridge, thread.store)
    files._background.start = files._patches.start = lambda *_: None  # type: ignore[method-assign]
    files.start()
    try:
        yield files
    finally:
        files.close()


@pytest.fixture
def files(thread: StoreThread, watched: Watched, tmp_path: Path) -> Iterator[WrittenFiles]:
    with files_of(thread, tmp_path / "staging") as files:
        yield files


@pytest.fixture
def key(thread: StoreThread, watched: Watched, request: pytest.FixtureRequest) -> str:
    key = f"{request.node.name}.log"
    thread.put(key, OLD, Metadata={"mine": "yes"}, ContentType="text/x-log", Tagging="a=b")
    if thread.queue is not None:
        thread.pushed()
    watched.operations.clear()
    watched.sent = 0
    return key


def append(files: WrittenFiles, key: str, data: bytes) -> None:
    file = files.open(place(key))
    files.write(file, data, None)
    try:
        files.flush(file, may_defer=False)
    finally:
        files.release(file)


def test_an_append_sends_and_reads_one_part(thread, files, watched, key):
    append(files, key, b"appended")
    assert watched.operations.count("UploadPartCopy") == 2
    assert watched.sent == 2 * MIB + 8
    assert watched.read == 2 * MIB
    head = thread.head(key)
    assert (head["Metadata"]["mine"], head["ContentType"]) == ("yes", "text/x-log")
    assert (head["TagCount"], "mtime" in head["Metadata"]) == (1, True)
    assert thread.get(key) == OLD + b"appended"
    append(files, key, b" again")
    assert thread.get(key) == OLD + b"appended again"


def test_random_changes_are_those_of_a_local_file(thread, files, watched, key):
    file, expected = files.open(place(key)), bytearray(OLD)
    for at, data in ((6 * MIB, b"middle"), (0, b"start"), (len(OLD) + 5, b"behind the end")):
        files.write(file, data, at)
        expected[len(expected) :] = bytes(max(0, at - len(expected)))
        expected[at : at + len(data)] = data
        files.flush(file, may_defer=False)
        assert file.read(100, at) == expected[at : at + 100]
        assert thread.get(key) == expected
    file.truncate(11 * MIB + 5)
    file.truncate(12 * MIB)
    files.flush(file, may_defer=False)
    files.release(file)
    assert thread.get(key) == expected[: 11 * MIB + 5] + bytes(MIB - 5)
    assert "UploadPartCopy" in watched.operations


@pytest.mark.parametrize("code", ["NotImplemented", "AccessDenied"])
def test_a_store_that_refuses_gets_the_whole_object_and_is_not_asked_again(
    thread, files, watched, key, code
):
    watched.refused["UploadPartCopy"] = S3Error(code)
    append(files, key, b"1")
    append(files, key, b"2")
    assert thread.get(key) == OLD + b"12"
    assert watched.operations.count("CreateMultipartUpload") == 1
    assert watched.operations.count("AbortMultipartUpload") == 1


def test_an_upload_whose_answer_was_lost_is_recognised(thread, files, watched, key):
    watched.lost.add("CompleteMultipartUpload")
    with pytest.raises(OSError, match="lost"):
        append(files, key, b"end")
    (file,) = files.files()
    assert file.is_dirty
    files.flush(file, may_defer=False)
    assert (files.files(), thread.get(key)) == ([], OLD + b"end")
    assert watched.operations.count("CompleteMultipartUpload") == 1


def test_the_next_start_goes_on_with_the_parts(thread, watched, key, tmp_path):
    watched.refused["CompleteMultipartUpload"] = S3Error("ServiceUnavailable", AWAY)
    with (
        files_of(thread, tmp_path / "staging") as files,
        pytest.raises(OSError, match=AWAY),
    ):
        append(files, key, b"end")
    watched.refused.clear()
    watched.operations.clear()
    with files_of(thread, tmp_path / "staging") as files:
        (file,) = files.files()
        files.flush(file, may_defer=False)
    assert thread.get(key) == OLD + b"end"
    assert "UploadPartCopy" not in watched.operations
    assert "CreateMultipartUpload" not in watched.operations


def test_another_version_is_not_overwritten(thread, files, watched, key):
    file = files.open(place(key))
    files.write(file, b"ours", None)
    thread.put(key, b"theirs")
    with pytest.raises(OSError, match="another version"):
        files.flush(file, may_defer=False)
    assert thread.get(key) == b"theirs"
    assert watched.operations.count("CompleteMultipartUpload") == 0
    files.unlink(place(key))
    files.release(file)


def test_a_removed_object_leaves_no_upload(thread, files, watched, key):
    file = files.open(place(key))
    files.write(file, b"ours", None)
    watched.refused["CompleteMultipartUpload"] = S3Error("ServiceUnavailable", AWAY)
    with pytest.raises(OSError, match=AWAY):
        files.flush(file, may_defer=False)
    files.unlink(place(key))
    files.release(file)
    until(lambda: key not in uploads(thread))


def uploads(thread: StoreThread) -> list[str]:
    """The keys of what was begun and not completed."""
    listed = thread.run(lambda: Client(thread.store)("ListMultipartUploads", Bucket=BUCKET))
    return listed.names("Uploads", "Key")
