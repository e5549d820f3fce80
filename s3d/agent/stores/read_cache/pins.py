"""The pins: objects and prefixes that always stay in the cache, stored in a file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from s3d.shared.atomic_file import write_atomically
from s3d.shared.caching import Pin
from s3d.shared.errors import UsageError

logger = logging.getLogger(__name__)

VERSION = 1


class _Version(msgspec.Struct):
    version: int


_decode = msgspec.json.Decoder(list[Pin]).decode


class Pins:
    """The pins. Belongs to the loop; on_change is called after each change."""

    def __init__(self, file: Path) -> None:
        """Read the file; one that cannot be parsed is renamed."""
        self.on_change: Callable[[], None] = lambda: None
        self._file = file
        self._keys: dict[tuple[str, str], Pin] = {}
        self._prefixes: dict[tuple[str, str], Pin] = {}
        self._of_bucket: dict[str, tuple[str, ...]] = {}
        """The pinned prefixes of a bucket, for one startswith() call per eviction candidate."""
        for pin in _read(file):
            self._enter(pin)

    def __iter__(self) -> Iterator[Pin]:
        return iter([*self._keys.values(), *self._prefixes.values()])

    def __len__(self) -> int:
        return len(self._keys) + len(self._prefixes)

    def covers(self, bucket: str, key: str) -> bool:
        """Whether a pin covers this object."""
        if (bucket, key) in self._keys:
            return True
        return key.startswith(self._of_bucket.get(bucket, ()))

    def has(self, bucket: str, key: str) -> Pin | None:
        """The pin of exactly this object."""
        return self._keys.get((bucket, key))

    def add(self, pin: Pin) -> None:
        """Add a pin and save the file. Raises OSError."""
        before = list(self)
        self._enter(pin)
        self._save(before)

    def remove(self, pin: Pin) -> bool:
        """Remove a pin; False when there is no such pin. Raises OSError."""
        table, name = self._place(pin)
        if name not in table:
            return False
        before = list(self)
        del table[name]
        self._gather(pin.bucket)
        self._save(before)
        return True

    def _enter(self, pin: Pin) -> None:
        table, name = self._place(pin)
        table[name] = pin
        self._gather(pin.bucket)

    def _gather(self, bucket: str) -> None:
        self._of_bucket[bucket] = tuple(prefix for name, prefix in self._prefixes if name == bucket)

    def _place(self, pin: Pin) -> tuple[dict[tuple[str, str], Pin], tuple[str, str]]:
        if pin.key:
            return self._keys, (pin.bucket, pin.key)
        return self._prefixes, (pin.bucket, pin.prefix)

    def _save(self, before: list[Pin]) -> None:
        """Save the file, or restore the previous list when that fails."""
        try:
            write_atomically(self._file, msgspec.json.encode(list(self)), durable=True)
        except OSError:
            self._keys.clear()
            self._prefixes.clear()
            self._of_bucket.clear()
            for pin in before:
                self._enter(pin)
            raise
        self.on_change()


def _read(file: Path) -> list[Pin]:
    """Read the file. Raises UsageError for one of a newer s3d, which stays unchanged."""
    try:
        data = file.read_bytes()
        _refuse_newer(file, data)
        return _decode(data)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        aside = file.with_suffix(".broken")
        logger.error("cannot read the pins: %s file=%s renamed to %s", error, file, aside)
        with contextlib.suppress(OSError):
            file.rename(aside)
        return []


def _refuse_newer(file: Path, data: bytes) -> None:
    """Version 1 is a plain list; later versions are objects with a version member."""
    with contextlib.suppress(msgspec.DecodeError):
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise UsageError(
                "the pins were written by a newer s3d",
                f"{file} has version {version}, but this s3d supports versions up to {VERSION}",
                "run the newer s3d, or move the file away to reset the pins",
            )


SHORTEST = 5.0
"""Minimum seconds between two checks of a pin."""
LONGEST = 900.0
"""Maximum seconds between two checks, unless max_age is longer."""
GROWTH = 1.5


class PinSchedule:
    """Due times by pin, on a clock that does not jump (seconds)."""

    def __init__(self, max_age: float, clock: Callable[[], float]) -> None:
        self._base = max(SHORTEST, max_age)
        self._clock = clock
        self._next: dict[Pin, tuple[float, float]] = {}
        """When the pin is due, and the pause before that."""

    def is_due(self, pin: Pin) -> bool:
        return self._next.get(pin, (0.0, 0.0))[0] <= self._clock()

    def done(self, pin: Pin, *, changed: bool) -> None:
        """Note that a pin was checked. changed: something has changed, or the check has failed."""
        _, pause = self._next.get(pin, (0.0, 0.0))
        grown = min(pause * GROWTH, max(LONGEST, self._base)) if pause else self._base
        pause = self._base if changed else grown
        self._next[pin] = self._clock() + pause, pause

    def all_due(self) -> None:
        """Make all pins due now."""
        self._next = {pin: (0.0, pause) for pin, (_, pause) in self._next.items()}

    def wait(self, pins: Iterable[Pin]) -> float | None:
        """Seconds until the next pin is due; None without pins."""
        times = [self._next.get(pin, (0.0, 0.0))[0] for pin in pins]
        return max(0.0, min(times) - self._clock()) if times else None

    def keep_only(self, pins: Iterable[Pin]) -> None:
        """Drop the schedules of removed pins."""
        self._next = {pin: self._next[pin] for pin in pins if pin in self._next}
