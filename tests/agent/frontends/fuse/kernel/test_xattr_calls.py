from __future__ import annotations

import errno
import os
import subprocess

import pytest

from s3d.agent.frontends.fuse.kernel.protocol import GETXATTR_IN, IN_HEADER, Operation
from s3d.agent.frontends.fuse.kernel.xattr_calls import unsupported_attribute
from tests.agent.frontends.fuse.kernel.mounts import fails, needs_fuse

pytestmark = needs_fuse


def test_extended_attributes(folder):
    (folder / "a").touch()
    os.setxattr(folder / "a", "user.one", b"1\0\xff")
    os.setxattr(folder / "a", "user.two", b"")
    assert os.listxattr(folder / "a") == ["user.one", "user.two"]
    assert os.getxattr(folder / "a", "user.one") == b"1\0\xff"
    os.removexattr(folder / "a", "user.one")
    with fails(errno.ENODATA):
        os.getxattr(folder / "a", "user.one")
    with fails(errno.EOPNOTSUPP):
        os.setxattr(folder / "a", "trusted.one", b"")


@pytest.mark.parametrize("name", ["security.selinux", "system.posix_acl_access", "trusted.user."])
def test_other_namespaces_are_not_supported(folder, name):
    (folder / "a").touch()
    with fails(errno.EOPNOTSUPP):
        os.getxattr(folder / "a", name)


def test_ls_reads_attributes_of_other_namespaces_once(folder, binding):
    for number in range(20):
        (folder / str(number)).touch()
    shown = subprocess.run(["ls", "-l", folder], capture_output=True, text=True, check=True)
    assert len(shown.stdout.splitlines()) == 21
    assert binding.counts().get("getxattr", 0) < 20


def test_a_write_asks_for_no_capability_of_the_file(folder, binding):
    """The kernel would ask before each write: cp of 64 MiB would send twice as many requests."""
    with (folder / "a").open("wb", buffering=0) as file:
        for _ in range(20):
            file.write(bytes(4096))
    assert binding.counts()["write"] == 20
    assert binding.counts().get("getxattr", 0) <= 1


def test_only_attributes_of_other_namespaces_are_unsupported():
    def message(operation: int, name: bytes) -> memoryview:
        header = IN_HEADER.pack(0, operation, 7, 1, 0, 0, 0, 0, 0)
        return memoryview(header + GETXATTR_IN.pack(10, 0) + name + b"\0")

    assert unsupported_attribute(message(Operation.GETXATTR, b"security.capability")) == 7
    assert unsupported_attribute(message(Operation.GETXATTR, b"user.x")) == 0
    assert unsupported_attribute(message(Operation.LISTXATTR, b"security.x")) == 0
