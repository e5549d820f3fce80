"""The agent as a process of the system: its limits, private files, one agent at a time, and the
messages that a service manager expects (sd_notify(3); none without NOTIFY_SOCKET)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import os
import resource
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

import msgspec

from s3d.shared.errors import AlreadyRunningError, UsageError

MAX_FILES = 65_536
"""Highest limit of open files that s3d requests: some hard limits are in the billions."""
_PR_SET_DUMPABLE = 4


class Holder(msgspec.Struct, frozen=True):
    """The process that holds the lock: the content of the lock file."""

    pid: int
    started: float
    socket: str


def harden() -> int:
    """Keep secrets out of core files and debuggers, make new files private, raise the limit of
    open files. Returns the umask that the process was started with, for files of the user."""
    umask = os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    raise_file_limit()
    return umask


def has_terminal() -> bool:
    """Whether the process has a controlling terminal, whose end the system reports by SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def raise_file_limit() -> int:
    """Raise the soft limit of descriptors as far as allowed; the limit now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft >= ceiling:
        return soft
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def settle_memory() -> None:
    """Exclude the objects made at the start from later garbage collections, and give the memory
    that the start has freed back to the system.

    Hardly any of the objects is garbage by now, and finding out would take 50 ms. The C library
    keeps freed memory: https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc alone has it
        trim(0)


def private_folder(folder: Path) -> None:
    """Make a private folder, or make an existing one private.

    Raises UsageError when it belongs to another user, or when other users could replace it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise UsageError(
            "the folder belongs to another user",
            str(folder),
            "set S3D_LOCAL_DIR to a folder of your own",
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)
    for parent in folder.resolve().parents:
        _check_parent(parent)


def _check_parent(folder: Path) -> None:
    """Refuse a parent folder of another user that every user can write to.

    One that belongs to root is accepted: that is how container runtimes make volumes.
    """
    status = folder.stat()
    is_open = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    if is_open and status.st_uid not in (os.geteuid(), 0):
        raise UsageError(
            "the folder is not secure",
            f"{folder} belongs to another user, and every user can write to it",
            "set S3D_LOCAL_DIR to a folder of your own",
        )


@contextlib.contextmanager
def only_one(
    lock_file: Path, socket: Path, clock: Callable[[], float] = time.time
) -> Iterator[None]:
    """Hold the lock inside the block. Raises AlreadyRunningError, naming the holder.

    The file stays afterwards: if it were removed, two processes could hold locks of two files of
    the same name.
    """
    fd = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _already_running(os.pread(fd, 4096, 0)) from error
        holder = msgspec.json.encode(Holder(os.getpid(), clock(), str(socket)))
        os.ftruncate(fd, 0)
        os.pwrite(fd, holder + b"\n", 0)
        yield
    finally:
        os.close(fd)


def _already_running(content: bytes) -> AlreadyRunningError:
    try:
        holder = msgspec.json.decode(content, type=Holder)
    except msgspec.DecodeError:
        return AlreadyRunningError("an agent is already running", remedy="wait until it is ready")
    return AlreadyRunningError(
        "an agent is already running",
        f"pid {holder.pid}, socket {holder.socket}",
        f"stop it with: kill {holder.pid}",
    )


class Notifier:
    """Sends datagrams to the service manager and ignores errors."""

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self._address = address
        self._watchdog = watchdog

    @classmethod
    def from_environment(cls, env: MutableMapping[str, str]) -> Notifier:
        """Removes its variables from env, so that child processes do not send messages."""
        address = env.pop("NOTIFY_SOCKET", "")
        microseconds = env.pop("WATCHDOG_USEC", "")
        meant_for = env.pop("WATCHDOG_PID", str(os.getpid()))
        if not microseconds.isdigit() or meant_for != str(os.getpid()):
            microseconds = "0"
        return cls(address, int(microseconds) / 1e6)

    def send(self, *assignments: str) -> None:
        """Send assignments: READY=1, STATUS=..., and so on."""
        if not self._address:
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto("\n".join(assignments).encode(), address)

    async def feed_watchdog(self) -> None:
        """Send WATCHDOG=1 twice in the interval that the manager allows. Returns without one."""
        while self._address and self._watchdog:
            self.send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)
