"""How the last agent on a cache folder stopped, which decides how far its rows can be trusted.

Rows are committed without a sync of the disk: a kill loses none of them, a power cut may lose the
newest ones. A file says "clean", or "running" and the id of the boot in which the agent runs.
"""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path

from s3d.shared.atomic_file import write_atomically

logger = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLEAN = "clean"


class LastStop(Enum):
    """How the last agent stopped."""

    CLEAN = "clean"
    KILLED = "killed"
    """The computer has not restarted: all committed rows are present."""
    POWER_CUT = "power cut"
    """A power cut, or it is not known: the newest rows may be missing."""


class StopMarker:
    """The file. Blocks for a sync of the disk, so it is used at the start and at the end only."""

    def __init__(self, folder: Path, boot_id: str | None = None) -> None:
        """boot_id: changes when the computer starts; "" where there is none."""
        self._file = folder / "last-stop"
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self._is_unsafe = False

    def begin(self) -> LastStop:
        """Return how the last agent stopped, and mark this one as running. Raises OSError."""
        before = _read(self._file)
        write_atomically(self._file, f"running {self._boot_id}".encode(), durable=True)
        if before == _CLEAN:
            return LastStop.CLEAN
        same_boot = self._boot_id and before == f"running {self._boot_id}"
        return LastStop.KILLED if same_boot else LastStop.POWER_CUT

    def end(self) -> None:
        """Mark a clean stop: all rows are synced to the disk."""
        if self._is_unsafe:
            return
        try:
            write_atomically(self._file, _CLEAN.encode(), durable=True)
        except OSError as error:
            logger.warning(
                "cannot mark the clean shutdown of the cache: %s path=%s", error, self._file
            )

    def mark_unsafe(self) -> None:
        """An outdated row may remain: have the next start treat this run like a power cut."""
        self._is_unsafe = True
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the cache may be outdated after a crash: %s path=%s", error, self._file)


def read_boot_id() -> str:
    """An id that changes when the computer starts; "" where there is none."""
    return _read(_BOOT_ID)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
