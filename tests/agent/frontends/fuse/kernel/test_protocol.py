import os

import pytest

from s3d.agent.frontends.fuse.kernel import protocol
from s3d.agent.frontends.fuse.kernel.protocol import IN_HEADER, Operation, names, parse

SIZES = {
    "IN_HEADER": 40, "OUT_HEADER": 16, "ATTRIBUTES": 88, "ATTRIBUTES_OUT": 16, "ENTRY_OUT": 40,
    "DIRECTORY_ENTRY": 24, "INIT_IN": 16, "INIT_OUT": 64, "GETATTR_IN": 16, "SETATTR_IN": 88,
    "OPEN_IN": 8, "OPEN_OUT": 16, "CREATE_IN": 16, "MKNOD_IN": 16, "MKDIR_IN": 8, "RENAME_IN": 8,
    "RENAME2_IN": 16, "READ_IN": 40, "WRITE_IN": 40, "WRITE_OUT": 8, "GETXATTR_IN": 8,
    "SETXATTR_IN": 8, "STATFS_OUT": 80, "BATCH_FORGET_IN": 8, "FORGET_ONE": 16,
    "INTERRUPT_IN": 8, "INVAL_INODE_OUT": 24, "INVAL_ENTRY_OUT": 16,
}  # fmt: skip
"""sizeof() of the structures of linux/fuse.h."""


@pytest.mark.parametrize("name", SIZES)
def test_a_structure_has_the_size_of_the_kernel(name):
    assert getattr(protocol, name).size == SIZES[name]


def test_a_message_ends_where_its_header_says():
    body = b"name\0"
    header = IN_HEADER.pack(IN_HEADER.size + len(body), Operation.LOOKUP, 7, 1, 0, 0, 42, 0, 0)
    request = parse(memoryview(header + body + b"of an older message"))
    assert request[:4] == (Operation.LOOKUP, 7, 1, 42)
    assert names(request.body) == ["name"]


def test_names_keep_every_byte():
    encoded = b"\xff\n/"
    assert names(memoryview(b"12" + encoded + b"\0b\0"), 2) == [os.fsdecode(encoded), "b"]
    assert protocol.encode_name(os.fsdecode(encoded)) == encoded
