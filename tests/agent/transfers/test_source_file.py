"""The file of an upload."""

import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.local_files import NotTransferable
from s3d.agent.transfers.source_file import opened


async def test_a_file_is_read_block_by_block(tmp_path):
    data = os.urandom(3 << 20)
    path = tmp_path / "f"
    path.write_bytes(data)
    moved = []
    async with opened(str(path)) as file:
        assert b"".join([block async for block in file.blocks(moved.append)]) == data
    assert sum(moved) == len(data)


@pytest.mark.parametrize("now", [b"1", b"123456", b"abc"])
async def test_a_file_that_has_changed_is_not_sent(tmp_path, now):
    path = tmp_path / "f"
    path.write_bytes(b"123")
    os.utime(path, (1, 1))
    async with opened(str(path)) as file:
        path.write_bytes(now)
        with pytest.raises(S3Error, match="changed while"):
            async for _ in file.blocks(lambda size: None):
                pass


async def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotTransferable, match="not a regular file"):
        async with opened(str(tmp_path / "fifo")):
            pass
    os.symlink(tmp_path / "fifo", tmp_path / "link")
    with pytest.raises(OSError, match="symbolic links"):
        async with opened(str(tmp_path / "link")):
            pass
