import sys

import pytest

from s3d.agent.frontends.fuse.fuse_support import FuseSupport, check_support, find_support
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from tests.agent.frontends.fuse.kernel.mounts import needs_fuse

USER = FuseSupport("linux", True, True, "/usr/bin/fusermount3", True, False, False, False)


@pytest.mark.parametrize(
    ("missing", "allow_other", "text", "remedy"),
    [
        ({"system": "darwin"}, False, "need Linux", "s3d env"),
        ({"has_device": False}, False, "/dev/fuse does not exist", "modprobe"),
        ({"can_open_device": False}, False, "may not open /dev/fuse", "chmod 666"),
        ({"program": ""}, False, "fusermount3 is missing", "apt install fuse3"),
        ({"is_setuid": False}, False, "not setuid", "chmod u+s"),
        ({"no_new_privileges": True}, False, "as root", "NoNewPrivileges"),
        ({}, True, "/etc/fuse.conf", "user_allow_other"),
    ],
)
def test_what_is_missing_is_named_with_its_fix(missing, allow_other, text, remedy):
    with pytest.raises(MountFailed, match=text) as failed:
        check_support(USER._replace(**missing), allow_other=allow_other)
    assert remedy in failed.value.remedy


def test_root_needs_neither_setuid_nor_fuse_conf():
    root = USER._replace(is_root=True, is_setuid=False, no_new_privileges=True)
    check_support(root, allow_other=True)
    check_support(USER._replace(allows_other=True), allow_other=True)
    check_support(USER, allow_other=False)


@needs_fuse
def test_this_system_can_mount():
    check_support(find_support(sys.platform), allow_other=False)
