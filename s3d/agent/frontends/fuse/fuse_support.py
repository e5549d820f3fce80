"""Whether this system can mount, and if not, what to do: decided from what is there, as a table."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import NamedTuple

from s3d.agent.frontends.fuse.kernel.fusermount import PROGRAM, MountFailed

DEVICE = Path("/dev/fuse")
FUSE_CONF = Path("/etc/fuse.conf")


class FuseSupport(NamedTuple):
    """What the system has."""

    system: str
    """As sys.platform."""
    has_device: bool
    can_open_device: bool
    program: str
    """Path of fusermount3; "" when it is missing."""
    is_setuid: bool
    """Whether fusermount3 runs as root."""
    is_root: bool
    no_new_privileges: bool
    """Whether this process cannot run a program as root."""
    allows_other: bool
    """Whether /etc/fuse.conf has user_allow_other."""


def find_support(system: str) -> FuseSupport:
    """Look at this system."""
    program = shutil.which(PROGRAM) or ""
    mode = os.stat(program).st_mode if program else 0
    return FuseSupport(
        system=system,
        has_device=DEVICE.exists(),
        can_open_device=os.access(DEVICE, os.R_OK | os.W_OK),
        program=program,
        is_setuid=bool(mode & stat.S_ISUID),
        is_root=os.geteuid() == 0,
        no_new_privileges="NoNewPrivs:\t1" in _read(Path("/proc/self/status")),
        allows_other="user_allow_other" in map(str.strip, _read(FUSE_CONF).splitlines()),
    )


def check_support(support: FuseSupport, *, allow_other: bool) -> None:
    """Raises MountFailed, with the fix, for the first thing that is missing."""
    user = not support.is_root
    for is_missing, problem, remedy in (
        (support.system != "linux", "mounts need Linux",
         "use the S3 endpoint: s3d env prints its address and keys"),
        (not support.has_device, f"{DEVICE} does not exist",
         "load it: sudo modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN"),
        (not support.can_open_device, f"you may not open {DEVICE}",
         f"sudo chmod 666 {DEVICE}, which is its usual mode"),
        (not support.program, f"the program {PROGRAM} is missing",
         "install the package fuse3, for example: sudo apt install fuse3"),
        (user and not support.is_setuid, f"{support.program} is not setuid",
         f"sudo chmod u+s {support.program}, which is its usual mode"),
        (user and support.no_new_privileges, f"this agent may not run {PROGRAM} as root",
         "[fuse] mount = true in the configuration file, then: s3d service install; a unit of your"
         " own must not have NoNewPrivileges= or what implies it"),
        (user and allow_other and not support.allows_other,
         f"{FUSE_CONF} does not allow --allow-other",
         f"add the line user_allow_other to {FUSE_CONF}"),
    ):  # fmt: skip
        if is_missing:
            raise MountFailed("cannot mount", problem, remedy)


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
