"""The mount beside `rclone mount --vfs-cache-mode full` and s3fs, over one SeaweedFS.

    S3D_TORTURE_ROUNDS=7 make torture-mount_beside

Each measurement has a new mount with empty caches, and the mounts take turns. The table has the
median of the seconds, and of the CPU seconds of the process that serves the mount.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.peers.servers import Peer
from tests.torture.rival_mounts import RIVALS, MountedBucket, program

pytestmark = [pytest.mark.torture, needs_fuse]

ROUNDS = int(os.environ.get("S3D_TORTURE_ROUNDS", "7"))
MIB = 1 << 20
LARGE = 64 * MIB
EQUAL = 1.1
"""As fast as the fastest rival, but for what the machine does meanwhile."""
MANY, SMALL, UNPACKED = 10_000, 300, 2_000


class Measured(NamedTuple):
    """Seconds, of the clock and of the CPU."""

    wall: float
    cpu: float


class Data(NamedTuple):
    """What is copied into mounts."""

    large: Path
    tar: Path


def command(*words: object) -> None:
    subprocess.run([*map(str, words)], check=True, stdout=subprocess.DEVNULL)


def read_large(folder: Path, data: Data) -> None:
    command("dd", f"if={folder / 'large'}", "of=/dev/null", "bs=1M", "status=none")


def read_small(folder: Path, data: Data) -> None:
    for number in range(SMALL):
        assert len((folder / "small" / f"{number}").read_bytes()) == 4096


def list_names(folder: Path, data: Data) -> None:
    assert len(os.listdir(folder / "many")) == MANY


def list_long(folder: Path, data: Data) -> None:
    command("ls", "-l", folder / "many")


def copy_large(folder: Path, data: Data) -> None:
    command("cp", data.large, folder / f"copy-{time.monotonic_ns()}")


def unpack(folder: Path, data: Data) -> None:
    target = folder / f"unpacked-{time.monotonic_ns()}"
    target.mkdir()
    command("tar", "-xf", data.tar, "-C", target)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    work: Callable[[Path, Data], None]
    limit: float
    """Of s3d's seconds, in those of the fastest rival, or of the bare disk."""
    rivals: tuple[str, ...] = ("rclone", "s3fs")
    is_repeated: bool = False
    """Whether it is measured the second time."""


ROWS = (
    Row("read 64 MiB", read_large, EQUAL),
    Row("read 64 MiB again", read_large, EQUAL, is_repeated=True),
    Row("read 300 files of 4 KiB", read_small, EQUAL),
    Row("ls of 10,000", list_names, EQUAL),
    Row("ls -l of 10,000", list_long, 1 / 3),
    Row("cp of 64 MiB", copy_large, 1.3, ()),
    Row("tar x of 2,000 files", unpack, 2.0, ("rclone",)),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("data")
    large = folder / "large"
    large.write_bytes(os.urandom(LARGE))
    for number in range(UNPACKED):
        path = folder / "tree" / f"d{number % 20}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(100 + number))
    command("tar", "-cf", folder / "tar", "-C", folder / "tree", ".")
    return Data(large, folder / "tar")


@pytest.fixture
def bucket(remote: Any, new_bucket: str, data: Data) -> str:
    """With a large object, and many small ones."""

    def put(key: str, body: bytes) -> None:
        remote.put_object(Bucket=new_bucket, Key=key, Body=body)

    with ThreadPoolExecutor(8) as pool:
        put("large", data.large.read_bytes())
        list(pool.map(lambda number: put(f"small/{number}", bytes(4096)), range(SMALL)))
        list(pool.map(lambda number: put(f"many/file {number:05}", b"x"), range(MANY)))
    return new_bucket


def measure(row: Row, mounted: MountedBucket, data: Data) -> Measured:
    if row.is_repeated:
        row.work(mounted.folder, data)
    else:
        os.listdir(mounted.folder)
    cpu, started = mounted.cpu, time.monotonic()
    row.work(mounted.folder, data)
    return Measured(time.monotonic() - started, mounted.cpu - cpu)


def write_durably(data: Data, folder: Path) -> float:
    """The seconds that the bare disk takes for the large file."""
    target, started = folder / "bare", time.monotonic()
    command("dd", f"if={data.large}", f"of={target}", "bs=1M", "conv=fsync", "status=none")
    taken = time.monotonic() - started
    target.unlink()
    return taken


def median(samples: list[Measured]) -> Measured:
    return Measured(*(statistics.median(each) for each in zip(*samples, strict=True)))


def is_within(row: Row, own: Measured, rivals: list[Measured], disk: float) -> bool:
    """Whether a row keeps its limit; reading and listing may also cost less CPU instead."""
    best = min((each.wall for each in rivals), default=disk)
    is_cheaper = row.limit == EQUAL and own.cpu <= min(each.cpu for each in rivals)
    return own.wall <= row.limit * best or is_cheaper


def test_the_mount_is_as_fast_as_others(
    seaweedfs: Peer, bucket: str, data: Data, tmp_path: Path
) -> None:
    missing = [name for name in ("rclone", "s3fs") if program(name) is None]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    bad = []
    columns = [*RIVALS, *(f"CPU of {name}" for name in RIVALS)]
    print(f"\n| seconds | {' | '.join(columns)} |\n{'|---' * 7}|")
    for row in ROWS:
        taken: dict[str, list[Measured]] = {name: [] for name in RIVALS}
        disk = []
        for number in range(ROUNDS):
            names = [name for name in RIVALS if name in ("s3d", *row.rivals)]
            for name in names[number % len(names) :] + names[: number % len(names)]:
                with RIVALS[name](seaweedfs, bucket) as mounted:
                    taken[name].append(measure(row, mounted, data))
            disk.append(write_durably(data, tmp_path))
        medians = {name: median(samples) for name, samples in taken.items() if samples}
        rivals = [medians[name] for name in row.rivals]
        print(shown(row, medians, statistics.median(disk)), flush=True)
        if not is_within(row, medians["s3d"], rivals, statistics.median(disk)):
            bad.append(row.name)
    assert bad == []


def shown(row: Row, medians: dict[str, Measured], disk: float) -> str:
    cells = [row.name if row.rivals else f"{row.name} (dd conv=fsync: {disk:.2f})"]
    for index in (0, 1):
        cells += [f"{medians[name][index]:.2f}" if name in medians else "" for name in RIVALS]
    return f"| {' | '.join(cells)} |"
