"""The transfers that have not ended or have failed, in a small file.

After a restart of the agent the former go on, and the latter can still be retried. The file is JSON
with a version, 2 today; a file without one was written before failed transfers were kept.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import UsageError
from s3d.shared.transfers import TransferError, TransferRequest

logger = logging.getLogger(__name__)

VERSION = 2


class SavedTransfer(msgspec.Struct, frozen=True):
    """One of them. is_held: a person has paused it."""

    id: str
    request: TransferRequest
    accepted: float
    is_held: bool = False


class FailedTransfer(msgspec.Struct, frozen=True):
    """One that has ended, and of which objects were not moved."""

    id: str
    request: TransferRequest
    accepted: float
    files: int
    files_done: int
    files_failed: int
    size: int
    done: int
    failures: list[TransferError]


class SavedTransfers(msgspec.Struct, frozen=True):
    """All of them. last: the number of the newest, so that none comes twice."""

    last: int = 0
    transfers: list[SavedTransfer] = []
    failed: list[FailedTransfer] = []
    version: int = VERSION


def read(path: Path) -> SavedTransfers:
    """What is there; a file that cannot be read is put aside, with a line in the log.

    Raises UsageError for a file of a newer s3d, which stays as it is.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=SavedTransfers)
        if file.version > VERSION:
            raise UsageError(
                "the transfers were saved by a newer s3d",
                f"{path} has version {file.version}, and this s3d reads {VERSION} at most",
                "run the newer s3d, or move the file away to forget these transfers",
            )
        return file
    except FileNotFoundError:
        return SavedTransfers()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        aside = path.with_suffix(".bad")
        logger.error("transfers are not taken up again: %s, kept as %s", error, aside)
        try:
            path.replace(aside)
        except OSError:
            logger.exception("it cannot be put aside path=%s", path)
        return SavedTransfers()


def write(path: Path, file: SavedTransfers) -> None:
    """Durable when it returns; for a thread. Raises OSError."""
    write_atomically(path, msgspec.json.encode(file), durable=True)
