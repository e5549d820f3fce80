import hashlib
import os
import stat

import pytest

from s3d.agent.sync.atomic_rename import Name
from s3d.agent.sync.file_content import BLOCK, FileContent, local_of, open_regular, signature_of
from s3d.agent.sync.interfaces import ConcurrentChange


def content(path) -> FileContent:
    return FileContent(lambda: os.open(path, os.O_RDONLY), signature_of(path.stat()))


async def sent(found) -> bytes:
    body = found.body()
    try:
        return b"".join([block async for block in body])
    finally:
        await body.aclose()


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
async def test_content_is_what_was_there(tmp_path, size):
    path = tmp_path / "f"
    data = os.urandom(size)
    path.write_bytes(data)
    found = content(path)
    assert (found.size, found.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert found.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert await sent(found) == data
    assert await sent(found) == data
    assert not found.is_torn


async def test_small_content_is_kept_whatever_becomes_of_the_file(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"before")
    found = content(path)
    path.unlink()
    assert await sent(found) == b"before"


@pytest.mark.parametrize("change", ["write", "cut", "remove"])
async def test_large_content_that_changes_is_never_sent_whole(tmp_path, change):
    path = tmp_path / "f"
    path.write_bytes(bytes(3 * BLOCK))
    found = content(path)
    if change == "write":
        with path.open("r+b") as file:
            file.seek(5)
            file.write(b"x")
    elif change == "cut":
        os.truncate(path, BLOCK)
    else:
        path.unlink()
    with pytest.raises(ConnectionError):
        await sent(found)
    assert found.is_torn


def test_another_signature_is_not_read(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x")
    signature = signature_of(path.stat())
    with pytest.raises(ConcurrentChange):
        FileContent(lambda: os.open(path, os.O_RDONLY), signature._replace(mtime_ns=1))


def test_only_regular_files_are_opened_and_nothing_waits(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(ConcurrentChange):
        open_regular(Name(fd, "fifo"))
    with pytest.raises(OSError, match="symbolic"):
        open_regular(Name(fd, "link"))
    os.close(fd)


def test_what_is_no_file_has_its_trouble(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch(0o640)
    found = {path.name: local_of(path.name, path.lstat()) for path in tmp_path.iterdir()}
    assert found.pop("folder") is None
    assert {name: local.trouble for name, local in found.items()} == {
        "fifo": "not a regular file",
        "link": "a symbolic link",
        "file": "",
    }
    mode = (tmp_path / "file").stat().st_mode
    assert local_of("file", (tmp_path / "file").stat()).mode == stat.S_IMODE(mode)
