"""Large files that are written in a mount, in order or not: their hashes are those of their bytes.

The agent hashes a file while it is written, and S3 clients compare the results with what they read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from s3d.agent.s3.checksums import hasher
from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import AgentProcess, launch
from tests.gateway.conftest import remote_settings

pytestmark = needs_fuse

MIB = 1 << 20
DATA = os.urandom(12 * MIB + 777)
BUCKET = f"large-writes-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module", params=["embedded", "gateway", "encrypted"])
def agent(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    home = tmp_path_factory.mktemp("home")
    env: Mapping[str, str] = {}
    if request.param == "gateway":
        env = remote_settings(request.getfixturevalue("seaweedfs"))
    mount = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(home / "S3")}
    agent = launch(home / "home", env={**env, **mount})
    (home / "S3" / BUCKET).mkdir(exist_ok=True)
    if request.param == "encrypted":
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        agent.s3().put_bucket_encryption(
            Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )
    yield agent
    agent.stop()
    clear(home / "S3")


@pytest.fixture
def file(agent: AgentProcess, request: pytest.FixtureRequest) -> Path:
    return agent.home.parent / "S3" / BUCKET / f"{request.node.name}"


def check(agent: AgentProcess, file: Path, data: bytes) -> None:
    """The mount and an S3 client have these bytes, with the right ETag and checksum."""
    assert file.read_bytes() == data
    answer = agent.s3().get_object(Bucket=BUCKET, Key=file.name, ChecksumMode="ENABLED")
    assert answer["Body"].read() == data
    assert answer["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    if "ChecksumCRC64NVME" in answer:
        crc = hasher("CRC64NVME")
        crc.update(data)
        assert answer["ChecksumCRC64NVME"] == crc.b64()
    assert ("ChecksumCRC64NVME" in answer) == ("S3D_REMOTE" not in agent.env)


def write(fd: int, data: bytes) -> None:
    for start in range(0, len(data), MIB):
        assert os.write(fd, data[start : start + MIB]) == len(data[start : start + MIB])


def changed(data: bytes, start: int, new: bytes) -> bytes:
    """The data after new bytes were written at this place."""
    padded = data.ljust(start, b"\0")
    return padded[:start] + new + padded[start + len(new) :]


def in_order(fd: int, file: Path) -> bytes:
    write(fd, DATA)
    return DATA


def head_at_the_end(fd: int, file: Path) -> bytes:
    write(fd, DATA)
    os.pwrite(fd, b"HEAD", 0)
    return changed(DATA, 0, b"HEAD")


def middle_while_it_grows(fd: int, file: Path) -> bytes:
    write(fd, DATA[: 9 * MIB])
    os.pwrite(fd, b"NEW" * 100_000, 3 * MIB)
    write(fd, DATA[9 * MIB :])
    return changed(DATA, 3 * MIB, b"NEW" * 100_000)


def many_places_while_it_grows(fd: int, file: Path) -> bytes:
    """Two threads write at once."""
    places = range(5, 9 * MIB, 500_000)
    started = threading.Event()

    def overwrite() -> None:
        assert started.wait(20)
        for place in places:
            os.pwrite(fd, b"other", place)

    other = threading.Thread(target=overwrite)
    other.start()
    write(fd, DATA[: 9 * MIB])
    started.set()
    write(fd, DATA[9 * MIB :])
    other.join()
    data = DATA
    for place in places:
        data = changed(data, place, b"other")
    return data


def cut_and_extended(fd: int, file: Path) -> bytes:
    write(fd, DATA)
    os.ftruncate(fd, 6 * MIB + 5)
    os.ftruncate(fd, 8 * MIB)
    os.lseek(fd, 0, os.SEEK_END)
    write(fd, DATA)
    return DATA[: 6 * MIB + 5].ljust(8 * MIB, b"\0") + DATA


def emptied(fd: int, file: Path) -> bytes:
    write(fd, DATA)
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    write(fd, DATA[::-1])
    return DATA[::-1]


def gap_that_is_filled(fd: int, file: Path) -> bytes:
    write(fd, DATA[: 5 * MIB])
    os.pwrite(fd, DATA[8 * MIB :], 8 * MIB)
    write(fd, DATA[5 * MIB : 9 * MIB])
    return DATA


def appended_by_two(fd: int, file: Path) -> bytes:
    """Another descriptor appends, while this one writes in order."""
    write(fd, DATA[: 6 * MIB])
    other = os.open(file, os.O_WRONLY | os.O_APPEND)
    write(other, b"A" * 2 * MIB)
    write(fd, b"B" * MIB)
    write(other, b"C" * 2 * MIB)
    os.close(other)
    return DATA[: 6 * MIB] + b"B" * MIB + b"A" * MIB + b"C" * 2 * MIB


def mapped(fd: int, file: Path) -> bytes:
    write(fd, DATA)
    with mmap.mmap(fd, len(DATA)) as pages:
        pages[2 * MIB : 2 * MIB + 6] = b"mapped"
        pages.flush()
    return changed(DATA, 2 * MIB, b"mapped")


def closed_in_between(fd: int, file: Path) -> bytes:
    """close() of a copy of the descriptor stores a version."""
    write(fd, DATA[: 6 * MIB])
    os.close(os.dup(fd))
    assert file.stat().st_size == 6 * MIB
    write(fd, DATA[6 * MIB :])
    os.close(os.dup(fd))
    os.pwrite(fd, b"again", 4 * MIB)
    return changed(DATA, 4 * MIB, b"again")


WAYS = (
    in_order, head_at_the_end, middle_while_it_grows, many_places_while_it_grows,
    cut_and_extended, emptied, gap_that_is_filled, appended_by_two, mapped, closed_in_between,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_the_stored_bytes_have_their_hashes(
    agent: AgentProcess, file: Path, way: Callable[[int, Path], bytes]
) -> None:
    fd = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        data = way(fd, file)
    finally:
        os.close(fd)
    check(agent, file, data)


def test_a_copied_file_has_its_hashes_when_it_is_replaced_and_appended_to(
    agent: AgentProcess, file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    for data in (DATA, DATA[::-1] + b"longer"):
        source.write_bytes(data)
        subprocess.run(["cp", source, file], check=True)
        check(agent, file, data)
    with file.open("ab") as appended:
        appended.write(DATA)
    check(agent, file, DATA[::-1] + b"longer" + DATA)
