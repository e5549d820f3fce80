"""What has happened to each object here, kept across restarts within a bound, for `s3d trace`.

1. note() appends to a list in memory: it costs about a microsecond, and never waits.
2. flush(), once a second and at the stop, appends the list to a file in the state folder, in a
   thread. A kill loses the last second; that a pending write was accepted is in the journal.
3. A file that has grown to FILE_SIZE becomes the older one of two, and the older one is removed.

A disk that is full loses events and stops nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from s3d.shared.control import Event, Scalar
from s3d.shared.diagnostics import ObjectEvent

logger = logging.getLogger(__name__)

FILE, OLDER = "history.jsonl", "history.1.jsonl"
VERSION = 1
"""Of the lines. The first line of a file names it."""
FILE_SIZE = 4 << 20
"""Bytes."""
BUFFER = 20_000
"""Events between two flushes; more replace the oldest ones."""
MAX_EVENTS = 500
"""Events of one object that are read, the newest ones."""
INTERVAL = 1.0
"""Seconds."""

WORDS_OF_EVENTS: Mapping[str, str] = {
    "queue.accepted": "accepted",
    "queue.held": "held",
    "queue.retry": "push failed",
    "queue.failed": "parked",
    "queue.verifying": "verifying",
    "queue.pushed": "pushed",
    "queue.conflict": "conflict",
    "queue.yielded": "replaced",
    "queue.superseded": "superseded",
    "queue.discarded": "discarded",
}
"""Kinds of the event bus -> their names here."""


class _Header(msgspec.Struct):
    """The first line of a file."""

    version: int


class HistoryLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event in the file. subject: bucket/key; the first field, since _lines_of() searches for
    the beginning of a line."""

    subject: str
    at: float
    event: str
    request: str = ""
    trace: str = ""
    data: dict[str, Scalar] = {}

    def event_of(self) -> ObjectEvent:
        return ObjectEvent(self.at, self.event, self.request, self.trace, self.data)


class ObjectHistory:
    """Belongs to the loop. run() has to run while events are noted."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """folder: of the state of one remote account; it exists. clock: Unix seconds."""
        self._folder = folder
        self._clock = clock
        self._unsaved: deque[HistoryLine] = deque(maxlen=BUFFER)
        self._lock = asyncio.Lock()
        """Held while a thread works on the files."""
        self._trouble = ""
        self._is_ours: bool | None = None
        """Whether this version may write the file; None: not looked at yet."""

    def note(self, what: str, subject: str, data: Mapping[str, Scalar] | None = None) -> None:
        """Keep an event. subject: bucket/key. data: fields of the event; request and trace are the
        ids of the request."""
        self._unsaved.append(_line(self._clock(), what, subject, data or {}))

    def on_event(self, event: Event) -> None:
        """Keep an event of the bus, if it is about an object."""
        what = WORDS_OF_EVENTS.get(event.kind)
        if what is not None:
            self._unsaved.append(_line(event.at, what, event.subject, event.data))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        """Write what is new to the file. Never fails."""
        async with self._lock:
            if not self._unsaved:
                return
            lines, self._unsaved = self._unsaved, deque(maxlen=BUFFER)
            trouble = await asyncio.to_thread(self._append, lines)
        if trouble and trouble != self._trouble:
            logger.warning("cannot keep the history of objects: %s", trouble)
        self._trouble = trouble

    async def of(self, bucket: str, key: str) -> list[ObjectEvent]:
        """The events of an object, oldest first, at most MAX_EVENTS."""
        await self.flush()
        async with self._lock:
            return await asyncio.to_thread(read_history, self._folder, bucket, key)

    # In a thread

    def _append(self, lines: deque[HistoryLine]) -> str:
        """Why the lines could not be written; "" when they were."""
        path, content = self._folder / FILE, _encoded(lines)
        try:
            if self._is_ours is None:
                self._is_ours = _version(path) <= VERSION
                content = b"\n" + content  # a crash may have cut off the last line
            if not self._is_ours:
                return f"{path} was written by a newer s3d"
            if path.exists() and path.stat().st_size >= FILE_SIZE:
                path.replace(self._folder / OLDER)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "ab") as file:
                if not file.tell():
                    file.write(msgspec.json.encode(_Header(VERSION)) + b"\n")
                file.write(content)
        except OSError as error:
            return f"{path}: {error.strerror or error}"
        return ""


def read_history(folder: Path, bucket: str, key: str) -> list[ObjectEvent]:
    """The events of an object in the files of a folder, oldest first, at most MAX_EVENTS.

    A file that cannot be read has none.
    """
    subject = f"{bucket}/{key}"
    found: deque[ObjectEvent] = deque(maxlen=MAX_EVENTS)
    for name in (OLDER, FILE):
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        found.extend(line.event_of() for line in _lines_of(content, subject))
    return list(found)


def _line(at: float, what: str, subject: str, data: Mapping[str, Scalar]) -> HistoryLine:
    kept = dict(data)
    request, trace = str(kept.pop("request", "")), str(kept.pop("trace", ""))
    return HistoryLine(subject, round(at, 3), what, request, trace, kept)


def _encoded(lines: deque[HistoryLine]) -> bytes:
    written = bytearray()
    for line in lines:
        try:
            written += msgspec.json.encode(line) + b"\n"
        except UnicodeEncodeError:  # no key of S3
            continue
    return bytes(written)


def _lines_of(content: bytes, subject: str) -> list[HistoryLine]:
    """The lines of an object. One that a crash has cut off is left out."""
    found = []
    start = b'\n{"subject":' + msgspec.json.encode(subject) + b","
    at = content.find(start)
    while at >= 0:
        end = content.find(b"\n", at + 1)
        if end < 0:
            break
        try:
            found.append(msgspec.json.decode(content[at:end], type=HistoryLine))
        except msgspec.DecodeError:
            logger.warning("a line of the history of objects is damaged subject=%s", subject)
        at = content.find(start, end)
    return found


def _version(path: Path) -> int:
    """The version of a file; VERSION when there is none, or a crash has cut off its header."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(100), type=_Header).version
    except (FileNotFoundError, msgspec.DecodeError):
        return VERSION
