"""What a sync folder costs, beside rclone on the same tree and the same SeaweedFS."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.gateway.devices import Device, settle

pytestmark = pytest.mark.torture

MANY = 100_000


@pytest.fixture
def rclone(seaweedfs, tmp_path):
    """Runs rclone; the seconds that it took. w: is SeaweedFS."""
    env = {
        "RCLONE_CONFIG_W_TYPE": "s3",
        "RCLONE_CONFIG_W_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_W_ENDPOINT": seaweedfs.endpoint,
        "RCLONE_CONFIG_W_ACCESS_KEY_ID": seaweedfs.access_key,
        "RCLONE_CONFIG_W_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "HOME": str(tmp_path),
    }

    def run(*arguments: str) -> float:
        began = time.monotonic()
        program = Path(sys.executable).with_name("rclone")
        subprocess.run([program, *arguments], env=env, capture_output=True, check=True)
        return time.monotonic() - began

    return run


def make_tree(root: Path, files: int, folders: int) -> None:
    for number in range(folders):
        (root / f"d{number}").mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (root / f"d{number % folders}" / f"f{number}").write_bytes(b"%d" % number)


def cpu_of(device: Device) -> float:
    """Seconds of CPU that the agent has used."""
    fields = Path(f"/proc/{device.agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_of(device: Device) -> int:
    """Bytes, at most so far."""
    status = Path(f"/proc/{device.agent.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_a_copy_of_five_thousand_files_and_a_rename_of_a_thousand(
    make_device,
    sync_bucket,
    rclone,
    remote,
    tmp_path,
    seaweedfs,
):
    a = make_device("a").start(S3D_REMOTE=seaweedfs.endpoint)
    settle(a)
    source = tmp_path / "source"
    make_tree(source, 5_000, 400)
    beside = f"{sync_bucket}-rclone"
    assert seaweedfs.ask("PUT", f"/{beside}") == 200
    theirs = rclone("copy", str(source), f"w:{beside}")
    began = time.monotonic()
    shutil.copytree(source, a.root / "copy")
    while a.status().files < 5_000:
        a.now()
    ours = time.monotonic() - began
    print(f"5,000 files: {ours:.1f} s, rclone copy {theirs:.1f} s")
    assert ours <= max(10.0, 2 * theirs)
    make_tree(a.root / "thousand", 1_000, 1)
    a.now()
    began = time.monotonic()
    (a.root / "thousand").rename(a.root / "renamed")
    report = a.now()
    took = time.monotonic() - began
    print(f"rename of 1,000: {took:.1f} s")
    assert (report.moved, report.uploaded) == (1_000, 0)
    assert took <= 10


def test_a_change_is_at_the_remote_within_three_seconds(devices, sync_bucket, remote):
    a, _ = devices
    settle(a)
    found = []
    for number in range(40):
        a.write(f"d{number % 5}/f{number}", "x")
        began = time.monotonic()
        while "Contents" not in remote.list_objects_v2(
            Bucket=sync_bucket, Prefix=f"d{number % 5}/f{number}"
        ):
            assert time.monotonic() - began < 30
        found.append(time.monotonic() - began)
    found.sort()
    print(f"p50 {found[20]:.2f} s, p95 {found[37]:.2f} s")
    assert found[37] < 3


def test_a_hundred_thousand_files(make_device, sync_bucket, rclone, seaweedfs):
    a = make_device("a")
    make_tree(a.root, MANY, 1_000)
    a.start(S3D_SYNC_FOLDER_INTERVAL="1h", S3D_REMOTE=seaweedfs.endpoint)
    a.agent.client._timeout = 900.0
    began = time.monotonic()
    a.now()
    first = time.monotonic() - began
    assert a.status().files == MANY
    a.now()  # what was young when it was read is read again
    sizes = {"tree": str(a.root), "bucket": f"w:{sync_bucket}"}
    theirs = {name: min(rclone("size", place) for _ in range(3)) for name, place in sizes.items()}
    scans, passes = [], []
    for _ in range(3):
        before, began = cpu_of(a), time.monotonic()
        report = a.now()
        passes.append(time.monotonic() - began)
        scans.append(cpu_of(a) - before)
        assert (report.uploaded, report.downloaded, report.deleted) == (0, 0, 0)
    before, began = cpu_of(a), time.monotonic()
    rclone("size", f"w:{sync_bucket}")
    idle = (cpu_of(a) - before) / (time.monotonic() - began)
    print(
        f"first sync {first:.0f} s; pass {min(passes):.1f} s ({min(scans):.1f} s CPU); "
        f"rclone size: {theirs}; "
        f"idle {idle:.2%}; RSS {rss_of(a) >> 20} MiB"
    )
    assert first < 600
    assert min(passes) <= sum(theirs.values())
    assert rss_of(a) < 200 << 20
    assert idle < 0.005
