from __future__ import annotations

import errno
import os

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
