"""Files are hashed while they are written, so that close() has to hash their last bytes only.

    [0, claimed)    hashed, or being hashed
    [claimed, end)  written, from the first byte on without a gap
    [end, size)     anything

A thread of the mount claims a piece behind the writer, reads it from the page cache, hashes it, and
publishes the new state of the hashes. A write or truncate of claimed bytes ends that for the file:
the store then hashes all of it, as it does with every file that was not written in order.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.frontends.fuse.hand_over import PART
from s3d.agent.storage.adopted_file import HashedStart, no_bytes

logger = LimitedLogger(logging.getLogger(__name__))

PIECE = 1 << 20
"""Bytes that are hashed at once."""
FIRST = 4 << 20
"""Bytes that a file must have before the first of them are hashed: a smaller one is hashed within
milliseconds, and many programs write the head of a file again at its end."""
MAX_HASHED_AHEAD = PART
"""Bytes of a file that are hashed ahead: of one that is stored in parts, those of the first."""


class Claim(NamedTuple):
    """A piece that somebody hashes."""

    epoch: int
    before: HashedStart
    """The hashes of all bytes before it."""

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.before.size


class HashProgress:
    """How far one file is hashed. Not safe for several threads; never waits."""

    __slots__ = ("_algorithm", "_claimed", "_end", "_epoch", "_is_on", "hashed")

    def __init__(self, algorithm: str | None, *, is_empty: bool) -> None:
        """algorithm: the checksum besides the MD5; "": none. None: nothing is to be hashed.
        is_empty: the file has no bytes yet."""
        self._algorithm = algorithm
        self._is_on = is_empty and algorithm is not None
        self._claimed = 0
        self._end = 0
        self._epoch = 0
        """Grows when what was claimed is not in the file any more."""
        self.hashed: HashedStart | None = None
        """The hashes of the first bytes; None: of none."""

    @property
    def is_due(self) -> bool:
        """Whether there is a piece to be claimed."""
        return self._end - self._claimed >= (PIECE if self._claimed else FIRST)

    def change(self, start: int) -> None:
        """Bytes from this one on are about to change."""
        if start < self._claimed:
            self._discard()

    def wrote(self, start: int, end: int) -> None:
        """These bytes were written."""
        if self._is_on and start <= self._end < end:
            self._end = min(end, MAX_HASHED_AHEAD)

    def cut(self, size: int) -> None:
        """The file has this size now. The hashes of an empty file start again."""
        self._end = min(self._end, size)
        if not size:
            self._is_on = self._algorithm is not None

    def claim(self) -> Claim | None:
        """Somebody is going to hash the next PIECE; None: there is none, or the one before it is
        not published yet."""
        hashed = self.hashed or no_bytes(self._algorithm or "")
        if not self.is_due or hashed.size != self._claimed:
            return None
        self._claimed += PIECE
        return Claim(self._epoch, hashed)

    def publish(self, claim: Claim, hashed: HashedStart) -> None:
        """The hashes, with a piece that was claimed."""
        if self.is_current(claim):
            self.hashed = hashed

    def is_current(self, claim: Claim) -> bool:
        """Whether the file still has what was claimed."""
        return claim.epoch == self._epoch

    def stop(self) -> None:
        """Nobody needs the hashes any more."""
        self._algorithm = None
        self._discard()

    def _discard(self) -> None:
        self._is_on, self.hashed = False, None
        self._claimed = self._end = 0
        self._epoch += 1


class OpenContent(Protocol):
    """A StagedContent."""

    fd: int


class HashAhead(HashProgress):
    """Hashes one file behind its writer, who holds the lock of the file when it calls a method."""

    __slots__ = ("_content", "_lock", "_thread")

    def __init__(
        self,
        thread: HashThread | None,
        lock: threading.RLock,
        content: Callable[[], OpenContent | None],
        *,
        is_empty: bool,
    ) -> None:
        """thread: does the work; None: nobody does. lock: of the file. content: what it has, with
        the lock; None: the store has it, and hashes the rest."""
        super().__init__(None if thread is None else thread.algorithm, is_empty=is_empty)
        self._thread = thread
        self._lock = lock
        self._content = content

    def wrote(self, start: int, end: int) -> None:
        super().wrote(start, end)
        if self.is_due and self._thread is not None:
            self._thread.add(self)

    def stop(self) -> None:
        with self._lock:
            super().stop()

    def hash_piece(self, buffer: bytearray) -> bool:
        """Claim a piece, read it into the buffer, and hash it; whether there is another one. In the
        thread. Raises OSError."""
        with self._lock:
            content = self._content()
            claim = None if content is None else self.claim()
            if content is None or claim is None:
                return False
            fd = os.dup(content.fd)  # the file may be closed meanwhile
        try:
            is_whole = os.preadv(fd, [buffer], claim.start) == len(buffer)
        except OSError:
            self.stop()
            raise
        finally:
            os.close(fd)
        hashed = claim.before.more(buffer) if is_whole else None
        with self._lock:
            if hashed is not None:
                self.publish(claim, hashed)
            elif self.is_current(claim):  # else a program has cut the file meanwhile
                self.stop()
                raise OSError(errno.EIO, "the staging file is shorter than it was")
            return self.is_due


class HashThread:
    """Hashes files piece by piece, in turns. It is started with the first one."""

    def __init__(self, algorithm: str | None) -> None:
        """algorithm: as for HashProgress."""
        self.algorithm = algorithm
        self._files: dict[HashAhead, None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def add(self, file: HashAhead) -> None:
        """There is a piece to be hashed."""
        with self._changed:
            if file in self._files or self._is_stopping:
                return
            self._files[file] = None
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="s3d mount hashes", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Wait until the thread has ended."""
        with self._changed:
            self._is_stopping = True
            self._files.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        buffer = bytearray(PIECE)
        while (file := self._next()) is not None:
            try:
                if file.hash_piece(buffer):
                    self.add(file)
            except OSError as error:  # the hand-over, which reads it again, reports it
                logger.warning(
                    "a file of the mount cannot be hashed while it is written: %s", error
                )
            del file

    def _next(self) -> HashAhead | None:
        with self._changed:
            self._changed.wait_for(lambda: self._files or self._is_stopping)
            if self._is_stopping:
                return None
            file = next(iter(self._files))
            del self._files[file]
            return file
