"""Checks of the machine and of the environment: limits, proxies, mounts, the service."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from s3d.cli.service.service_commands import LINGER, service_manager
from s3d.cli.service.service_manager import ServiceStatus
from s3d.shared.errors import S3dError
from s3d.shared.findings import Finding, fail, ok, warn
from s3d.shared.masking import mask_credentials

ENOUGH_FILES = 1024
"""Open files below which an agent with some clients runs out of them."""
ENOUGH_WATCHES = 8192
"""Folders that inotify can watch; each folder below a sync folder takes one."""
_INOTIFY = Path("/proc/sys/fs/inotify")
_MORE_WATCHES = "fs.inotify.max_user_watches=524288"
_IN_DELETE_SELF = 0x400
"""From sys/inotify.h; of the root folder, so it never happens."""
_MOUNT_TIMEOUT = 5.0
"""Seconds after which a mount that does not answer counts as dead."""


def check_files(limits: tuple[int, int] | None = None) -> Finding:
    """The limit of open files. limits: soft and hard, by default those of this process; the agent
    raises the soft one as far as it may."""
    _, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_FILES:
        return fail(
            "open files",
            f"a process may have {hard} files open, and the agent needs {ENOUGH_FILES}",
            f"ulimit -Hn {4 * ENOUGH_FILES}, or LimitNOFILE= in the service, before s3d run",
        )
    return ok("open files", "unlimited" if hard == resource.RLIM_INFINITY else f"up to {hard}")


def check_watches(*, has_folders: bool, limits: Path = _INOTIFY) -> Iterator[Finding]:
    """Whether inotify can watch sync folders. has_folders: there are some."""
    if not sys.platform.startswith("linux"):
        return
    if why_not := _why_no_watch():
        reason, limit = why_not
        yield fail(
            "inotify", f"no more folders can be watched: {reason}", f"as root: sysctl {limit}"
        )
        return
    try:
        watches = int((limits / "max_user_watches").read_text())
    except (OSError, ValueError):
        return  # a container may hide them
    if watches < ENOUGH_WATCHES and has_folders:
        yield warn(
            "inotify",
            f"only {watches} folders can be watched: changes in others are seen by the next scan",
            f"as root: sysctl {_MORE_WATCHES}",
        )
    else:
        yield ok("inotify", f"up to {watches} folders can be watched")


def _why_no_watch() -> tuple[str, str] | None:
    """Why no folder can be watched, and the limit to raise; None when one can. Other programs of
    the user count, too: inotify(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(0)
    if descriptor < 0:
        return os.strerror(ctypes.get_errno()), "fs.inotify.max_user_instances=512"
    try:
        if libc.inotify_add_watch(descriptor, b"/", _IN_DELETE_SELF) < 0:
            if ctypes.get_errno() == errno.ENOSPC:
                return "all watches of this user are in use", _MORE_WATCHES
            return os.strerror(ctypes.get_errno()), _MORE_WATCHES
    finally:
        os.close(descriptor)
    return None


def check_proxy(env: Mapping[str, str], host: str) -> Finding:
    """Whether programs would send requests to the endpoint through a proxy. host: of the
    endpoint."""
    proxies = _proxies(env)
    proxy = proxies.get("http") or proxies.get("all")
    if not proxy:
        return ok("proxy", "none for http")
    if proxy_bypass_environment(host, {"no": proxies.get("no", "")}):
        return ok("proxy", f"{host} is excepted by NO_PROXY")
    return warn(
        "proxy",
        f"S3 programs of this terminal send requests for {host} to the proxy"
        f" {mask_credentials(proxy)}",
        f'export NO_PROXY="{",".join(filter(None, (proxies.get("no"), "localhost", host)))}"',
    )


def _proxies(env: Mapping[str, str]) -> dict[str, str]:
    """By scheme, as urllib reads them: a name in lower case wins."""
    named = sorted(env.items(), key=lambda item: item[0].islower())
    return {k.lower()[: -len("_proxy")]: v for k, v in named if k.lower().endswith("_proxy")}


def check_mounts(folders: Sequence[Path], mounted: Sequence[Path]) -> Iterator[Finding]:
    """FUSE mounts. folders: where this agent mounts buckets. mounted: the mounts of s3d that the
    system has, some of which may be those of other agents."""
    if folders and which("fusermount3") is None:
        yield fail(
            "mount", "fusermount3 is not on the PATH, so nothing can be mounted",
            "install it: apt install fuse3, or dnf install fuse3",
        )  # fmt: skip
    for folder in mounted:
        reason = _why_dead(folder)
        text = f"{folder} is a mount that does not answer: {reason}"
        if not reason:
            yield ok("mount", f"{folder} answers")
        elif folder in folders:
            remedy = f"fusermount3 -uz {folder}; the next start of the agent mounts it again"
            yield fail("mount", text, remedy)
        else:
            yield warn("mount", text, f"unless another agent mounts it: fusermount3 -uz {folder}")


def _why_dead(folder: Path) -> str:
    """Why a mount does not answer; "" when it does. Another process asks, because the call may
    hang. statvfs() always asks the file system, while stat() may be answered from a cache."""
    code = "import os, sys\ntry: os.statvfs(sys.argv[1])\nexcept OSError as e: sys.exit(e.errno)"
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", code, folder], timeout=_MOUNT_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_MOUNT_TIMEOUT:.0f} s"
    if done.returncode in (0, errno.EACCES):  # the mount of another user
        return ""
    return os.strerror(done.returncode)


def check_service(env: Mapping[str, str]) -> Iterator[Finding]:
    """What the service manager says of the service; nothing where s3d knows no manager."""
    try:
        status = service_manager(env).status()
    except S3dError:
        return
    if status.installed:
        yield service_finding(status)


def service_finding(status: ServiceStatus) -> Finding:
    """What the state of an installed service means."""
    if not status.state:
        text = f"{status.file} is installed, and {status.manager} does not answer"
        return warn("service", text, "log in as this user, not by sudo or su")
    if status.state == "failed":
        text = f"{status.file} has failed, and {status.manager} does not start it again"
        return fail("service", text, "s3d logs shows why; if s3d has moved: s3d service install")
    if not status.enabled:
        return warn("service", f"{status.file} does not start at login", "s3d service install")
    text = f"{status.file} starts at login, and is {status.state}"
    if status.lingers is False:
        text += f"; it stops when you log out, unless you run: {LINGER}"
    return ok("service", text)
