"""The transfers that have not ended, in a small file: they go on after a restart of the agent."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from s3d.shared.transfers import TransferRequest

logger = logging.getLogger(__name__)


class Saved(msgspec.Struct, frozen=True):
    """One of them. is_held: a person has paused it."""

    id: str
    request: TransferRequest
    accepted: float
    is_held: bool = False


class File(msgspec.Struct, frozen=True):
    """All of them. last: the number of the newest, so that none comes twice."""

    last: int = 0
    transfers: list[Saved] = []


def read(path: Path) -> File:
    """What is there; a file that is not understood is put aside and told."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=File)
    except FileNotFoundError:
        return File()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        aside = path.with_suffix(".bad")
        logger.error("transfers are not taken up again: %s, kept as %s", error, aside)
        try:
            path.replace(aside)
        except OSError:
            logger.exception("it cannot be put aside path=%s", path)
        return File()


def write(path: Path, file: File) -> None:
    """Durable when it returns; for a thread. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as out:
        out.write(msgspec.json.encode(file))
        out.flush()
        os.fsync(out.fileno())
    os.replace(fresh, path)
