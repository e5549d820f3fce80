"""Mount and unmount with fusermount3, which may do it for every user: https://man7.org/linux/man-pages/man1/fusermount3.1.html

fusermount3 mounts and passes an open /dev/fuse back through a socket. Its environment is empty but
for PATH, since it is setuid.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from s3d.shared.errors import S3dError

PROGRAM = "fusermount3"
_TIMEOUT = 10.0
_SOCKET_VARIABLE = "_FUSE_COMMFD"
_OPTIONS = "fsname=s3d,subtype=s3d,default_permissions,nosuid,nodev,noexec"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MountFailed(S3dError):
    """fusermount3 refused."""


def mount(folder: Path, *, read_only: bool = False, allow_other: bool = False) -> int:
    """Mount at the folder; return an open descriptor of /dev/fuse.

    Without auto_unmount: a mount of an agent that was killed has to fail, because files that a
    program writes to the bare folder would never reach a bucket. Raises MountFailed.
    """
    options = _OPTIONS + ",ro" * read_only + ",allow_other" * allow_other
    ours, theirs = socket.socketpair()
    with ours, theirs:
        variable = {_SOCKET_VARIABLE: str(theirs.fileno())}
        _run("-o", options, "--", str(folder), passed=(theirs.fileno(),), **variable)
        ours.settimeout(_TIMEOUT)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    if not descriptors:
        raise MountFailed(f"{PROGRAM} has passed no /dev/fuse for {folder}")
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def unmount(folder: Path, *, lazy: bool = False) -> None:
    """lazy: the folder is free at once, and programs that have files open go on until they close
    them. Raises MountFailed, for example when a program uses the mount."""
    _run("-u", *(["-z"] if lazy else []), "--", str(folder))


def _run(*arguments: str, passed: tuple[int, ...] = (), **variables: str) -> None:
    try:
        done = subprocess.run(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", _PATH), **variables},
            pass_fds=passed,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MountFailed(f"{PROGRAM}: {error}") from error
    if done.returncode:
        text = done.stdout.decode(errors="replace").strip()
        raise MountFailed(text or f"{PROGRAM} ended with {done.returncode}")
