"""kill -9 of the agent, or of the process of its mounts, while programs write in front of a remote.

Each start makes the mount work again within 5 s. A file whose close() returned 0 is there with
its bytes, and in the end the remote has the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.agent.frontends.fuse.kernel.mounts import clear, is_usable, needs_fuse
from tests.gateway.conftest import Gateway
from tests.known_load import wait_until

pytestmark = [pytest.mark.torture, needs_fuse]

KILLS = int(os.environ.get("S3D_TORTURE_KILLS", "50"))
WRITERS = 3
FILES = 8
"""Of each writer, written again and again."""
USABLE = 5.0
"""Seconds after which a mount works again, the start of the agent included."""

WRITER = """
import hashlib, json, os, random, sys
folder, name, seed, files = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
chance = random.Random(seed)
while True:
    path = f"{name}-{chance.randrange(files)}"
    data = chance.randbytes(chance.choice((10, 5_000, 300_000)))
    print(json.dumps(["begin", path, hashlib.sha256(data).hexdigest()]), flush=True)
    with open(f"{folder}/{path}", "wb") as file:
        file.write(data)
    print(json.dumps(["closed", path, hashlib.sha256(data).hexdigest()]), flush=True)
"""


class Expected:
    """The files whose last close() has returned, with the hash of their bytes."""

    def __init__(self) -> None:
        self.closed: dict[str, str] = {}

    def add(self, lines: Iterable[str]) -> None:
        """A file that was being written when the agent was killed may be anything."""
        for line in lines:
            with suppress(ValueError):  # the last line of a writer that was killed
                kind, path, digest = json.loads(line)
                if kind == "closed":
                    self.closed[path] = digest
                else:
                    self.closed.pop(path, None)

    def check(self, read: Callable[[str], bytes]) -> None:
        for path, digest in self.closed.items():
            assert hashlib.sha256(read(path)).hexdigest() == digest, path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "S3"
    clear(tmp_path / "S3")


def test_a_busy_mount_is_killed_again_and_again(
    gateway: Gateway, folder: Path, remote: Any, new_bucket: str
) -> None:
    """Each fourth kill is of the process of the mounts alone, which the agent starts again."""
    chance, expected, starts = Random(16), Expected(), list[float]()
    settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder)}
    agent = gateway.start(**settings)
    for number in range(KILLS):
        started = time.monotonic()
        if agent.process.poll() is not None:
            agent = gateway.start(**settings)
        wait_until(partial(is_usable, folder))
        starts.append(time.monotonic() - started)
        expected.check(lambda path: (folder / new_bucket / path).read_bytes())
        mounts = agent.process_ids[1]
        kill = partial(os.kill, mounts, signal.SIGKILL) if number % 4 == 3 else agent.kill
        for lines in busy(folder / new_bucket, number, chance.randrange(1, 200), kill):
            expected.add(lines)
    if agent.process.poll() is not None:
        gateway.start(**settings)
    wait_until(partial(is_usable, folder))
    expected.check(lambda path: (folder / new_bucket / path).read_bytes())
    gateway.drain()
    expected.check(lambda key: remote.get_object(Bucket=new_bucket, Key=key)["Body"].read())
    gateway.agent.stop()
    usual, slowest = statistics.median(starts), max(starts)
    print(
        f"{KILLS} kills, {len(expected.closed)} files, usable after {usual:.1f} s, {slowest:.1f} s"
    )
    assert slowest < USABLE


def busy(folder: Path, seed: int, lines: int, kill: Callable[[], None]) -> Iterator[list[str]]:
    """Have programs write until the first of them has printed so many lines; then kill. Yields what
    each of them has printed."""
    with ExitStack() as closing:
        files = [closing.enter_context(tempfile.TemporaryFile("w+")) for _ in range(WRITERS)]
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, folder, f"{number}", f"{seed}.{number}", str(FILES)],
                stdout=subprocess.PIPE if not number else files[number],
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for number in range(WRITERS)
        ]
        first = closing.enter_context(writers[0])
        assert first.stdout is not None
        seen = [line for line, _ in zip(first.stdout, range(lines), strict=False)]
        kill()
        yield [*seen, *first.stdout]
        for writer, file in zip(writers[1:], files[1:], strict=True):
            assert writer.wait(60) != 0
            file.seek(0)
            yield file.read().splitlines()
