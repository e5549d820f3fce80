import os
import stat

from s3d.agent.frontends.fuse.fs_ops import Attributes, FileSystemSize, OpenFile
from s3d.agent.frontends.fuse.kernel.protocol import (
    ATTRIBUTES,
    ATTRIBUTES_OUT,
    OPEN_OUT,
    STATFS_OUT,
    OpenFlag,
)
from s3d.agent.frontends.fuse.kernel.replies import (
    ReplyWriter,
    directory_entry,
    file_system_size,
    opened,
)


def test_attributes_are_valid_for_a_time():
    reply = ReplyWriter(valid=1.5).attributes(
        Attributes(stat.S_IFREG | 0o600, 513, 2_000_000_003, 9)
    )
    assert ATTRIBUTES_OUT.unpack_from(reply) == (1, 500_000_000, 0)
    assert ATTRIBUTES.unpack_from(reply, ATTRIBUTES_OUT.size) == (
        9, 513, 2, 2, 2, 2, 3, 3, 3, stat.S_IFREG | 0o600, 1, os.getuid(), os.getgid(), 0, 4096, 0,
    )  # fmt: skip


def test_an_entry_of_a_folder_is_padded():
    attributes = Attributes(stat.S_IFDIR | 0o700, 0, 0, 9)
    assert [len(directory_entry(b"x" * size, attributes, 1)) for size in (1, 8, 9)] == [32, 32, 40]


def test_only_what_may_have_been_written_is_flushed():
    def flags(mode: int) -> int:
        return OPEN_OUT.unpack(opened(OpenFile(1, direct_io=True), mode))[1]

    assert flags(os.O_RDONLY) == OpenFlag.DIRECT_IO | OpenFlag.NOFLUSH
    assert flags(os.O_RDWR) == flags(os.O_WRONLY) == OpenFlag.DIRECT_IO


def test_the_size_of_the_file_system_is_in_blocks():
    reply = STATFS_OUT.unpack(file_system_size(FileSystemSize(8192, 4096, 10, 5)))
    assert reply[:6] == (2, 1, 1, 10, 5, 4096)
