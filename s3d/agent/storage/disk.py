"""The disk below a folder: how much is free, when writes must stop, and what its errors mean.

Deletes and reads always work. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
has SlowDown (503) for a store that cannot take writes now; every client retries it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from s3d.agent.s3.errors import S3Error
from s3d.shared.atomic_file import sync_file

LOST = "lost+found"
"""Folder, beside an index, of files that it should perhaps name and does not."""
_FLOOR = 512 << 20
_FLOOR_SHARE = 0.05
_BALLAST = 16 << 20
_BALLAST_SHARE = 8
"""Of a small disk, the ballast is one part in so many."""
_LOOK_AGAIN = 1.0
"""Seconds for which the free space is taken to be what it was."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of the system that mean that there is no room."""


class Disk:
    """Free space, and the ballast: a file that is removed so that deletions can be committed."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._ballast = folder / "ballast"
        self._looked = float("-inf")
        self._free = 0
        self._whole = 0

    def free(self) -> int:
        """Bytes that this user may still write, at most a second old."""
        now = self._clock()
        if not 0 <= now - self._looked < _LOOK_AGAIN:
            facts = os.statvfs(self.folder)
            self._free = facts.f_bavail * facts.f_frsize
            self._whole = facts.f_blocks * facts.f_frsize
            self._looked = now
        return self._free

    def total(self) -> int:
        """Bytes of the disk, used ones included."""
        self.free()
        return self._whole

    def has_free(self, size: int, floor: int = _FLOOR, share: float = _FLOOR_SHARE) -> bool:
        """Whether size more bytes leave the smaller of floor (bytes) and share (of all) free."""
        return self.free() - size >= min(floor, int(share * self._whole))

    def admit(self, size: int = 0) -> None:
        """Raise SlowDown when size more bytes would leave less free than the floor."""
        if not self.has_free(size):
            raise self.full()

    def full(self) -> S3Error:
        error = S3Error("SlowDown", f"no space left on the disk that holds {self.folder}")
        error.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return error

    def s3_error(self, error: OSError) -> S3Error:
        """The S3 error for an error of the system: a retryable one, with the reason."""
        if error.errno in FULL:
            return self.full()
        reason = error.strerror or str(error)
        return S3Error("SlowDown", f"the disk that holds {self.folder} failed: {reason}")

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Translate every OSError inside the block to an S3Error."""
        try:
            yield
        except OSError as error:
            raise self.s3_error(error) from error

    def lay_ballast(self) -> bool:
        """Create the ballast if there is room for it; False: there is none."""
        with contextlib.suppress(FileNotFoundError):
            if self._ballast.stat().st_size == _BALLAST:  # else a crash has cut it short
                return True
        size = min(_BALLAST, self.total() // _BALLAST_SHARE)
        if not self.has_free(size):
            return False
        try:
            with self._ballast.open("wb") as file:
                file.write(bytes(size))
                sync_file(file.fileno())
        except OSError:
            self.drop_ballast()
            return False
        return True

    def drop_ballast(self) -> bool:
        """Remove the ballast; False when there was none."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        self._looked = float("-inf")
        return True


def is_disk_full(error: BaseException) -> bool:
    """Whether this machine's disk has no room, for a store or for a file."""
    if isinstance(error, S3Error) and error.failure is not None:
        error = error.failure
    return isinstance(error, OSError) and error.errno in FULL
