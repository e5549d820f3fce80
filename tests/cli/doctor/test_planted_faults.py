"""`s3d doctor` finds each planted fault, by name, and says what to do about it.

Faults that do not hide one another are planted together, so that a few runs find all of them. Disks
and limits are those of a user namespace, in which the command runs.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
import subprocess
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from s3d.shared.config.schema import Config
from s3d.shared.paths import find_places
from tests.agent_process import AgentProcess, environment
from tests.cli.conftest import S3D
from tests.cli.doctor.mortal_mount import CAN_MOUNT, mounted
from tests.peers.tls import certificate
from tests.peers.tls import serving as serving_s3

TIMEOUT = 60.0
FULL_DISK = "mount -t tmpfs -o size=16m s3d-test $HOME"
READ_ONLY = f"{FULL_DISK}; mount -o remount,ro $HOME"
NO_INOTIFY = "echo 0 > /proc/sys/user/max_inotify_instances"
NO_WATCH = "echo 0 > /proc/sys/user/max_inotify_watches"
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount"]


class Doctor:
    """Runs the command in homes of its own, with everything that a fault needs."""

    def __init__(self, folder: Path, remote: AgentProcess) -> None:
        self.folder = folder
        self._key, self._secret = remote.key
        self._remote = remote.endpoint
        self._number = 0

    def home(self) -> Path:
        self._number += 1
        home = self.folder / f"home-{self._number}"
        home.mkdir(mode=0o700)
        return home

    def __call__(
        self,
        home: Path | None = None,
        plant: str = "",
        preexec: Callable[[], None] | None = None,
        **env: str,
    ) -> dict[str, dict[str, str]]:
        """Its findings by check, those that are not ok before the others.

        plant: shell commands, as root of a user namespace with mounts of its own.
        """
        home = home or self.home()
        remote = {"S3D_REMOTE": self._remote, "AWS_ACCESS_KEY_ID": self._key,
                  "AWS_SECRET_ACCESS_KEY": self._secret, "AWS_REGION": "us-east-1"}  # fmt: skip
        command = [*S3D, "doctor", "--json"]
        if plant:
            command = [*NAMESPACES, "sh", "-ec", f'{plant}; exec "$@"', "sh", *command]
        done = subprocess.run(
            command, env=environment(home, **(remote | env)), cwd="/", preexec_fn=preexec,
            capture_output=True, text=True, timeout=TIMEOUT,
        )  # fmt: skip
        findings = json.loads(done.stdout or "[]")
        assert findings, done.stderr
        worst_first = sorted(findings, key=lambda each: ("fail", "warn", "ok").index(each["level"]))
        assert done.returncode == (worst_first[0]["level"] == "fail"), done.stderr
        return {each["check"]: each for each in reversed(worst_first)}


@pytest.fixture(scope="module")
def doctor(serving: AgentProcess, tmp_path_factory: pytest.TempPathFactory) -> Doctor:
    return Doctor(tmp_path_factory.mktemp("doctor"), serving)


def machine(doctor: Doctor) -> dict[str, dict[str, str]]:
    """A machine with low limits, an open file of keys, a proxy, and a program on the port."""
    home = doctor.home()
    keys = find_places(Config(local_dir=home), {}).credentials_file
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    keys.write_text("")
    keys.chmod(0o644)
    hard = (256, 512)
    with socket.create_server(("127.0.0.1", 0)) as other:
        return doctor(
            home, NO_INOTIFY, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, hard),
            S3D_ENDPOINT=f"http://127.0.0.1:{other.getsockname()[1]}",
            http_proxy="http://proxy.invalid:3128", no_proxy="127.0.0.2",
        )  # fmt: skip


def mounts(doctor: Doctor) -> dict[str, dict[str, str]]:
    """A mount whose process was killed, and a remote with a secret that is wrong."""
    folder = doctor.folder / "mount"
    with mounted(folder) as kill:
        kill()
        return doctor(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(folder),
                      AWS_SECRET_ACCESS_KEY="wrong")  # fmt: skip


def bare(doctor: Doctor) -> dict[str, dict[str, str]]:
    """A machine without fusermount3 on the PATH, and a remote that drops packets."""
    folder = doctor.home()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        return doctor(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(folder), PATH=str(folder),
                      S3D_REMOTE=f"http://127.0.0.1:{silent.getsockname()[1]}")  # fmt: skip


def full_disk(doctor: Doctor) -> dict[str, dict[str, str]]:
    return doctor(plant=f"{FULL_DISK}; {NO_WATCH}", S3D_REMOTE_PROFILE="nobody")


def read_only(doctor: Doctor) -> dict[str, dict[str, str]]:
    return doctor(plant=READ_ONLY, S3D_REMOTE="http://127.0.0.1:9")


def wrong_clock(doctor: Doctor) -> dict[str, dict[str, str]]:
    async def run() -> dict[str, dict[str, str]]:
        async with serving_s3(timedelta(hours=1)) as port:
            url = f"http://127.0.0.1:{port}"
            return await asyncio.to_thread(lambda: doctor(S3D_REMOTE=url))

    return asyncio.run(run())


def wrong_name(doctor: Doctor) -> dict[str, dict[str, str]]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = certificate(doctor.folder, "s3.example.org")
    tls.load_cert_chain(file)

    async def run() -> dict[str, dict[str, str]]:
        async with serving_s3(timedelta(0), tls) as port:
            url = f"https://localhost:{port}"
            return await asyncio.to_thread(lambda: doctor(S3D_REMOTE=url, AWS_CA_BUNDLE=str(file)))

    return asyncio.run(run())


class Fault(NamedTuple):
    planted: Callable[[Doctor], Mapping[str, Mapping[str, str]]]
    check: str
    level: str
    text: str
    """A part of what the finding says."""
    remedy: str
    """A part of what it says is to be done."""


FAULTS = {
    "wrong secret": Fault(
        mounts, "remote", "fail", "the secret access key is wrong", "AWS_ACCESS_KEY_ID"
    ),
    "unknown profile": Fault(full_disk, "remote", "fail", "nobody", "S3D_REMOTE_PROFILE"),
    "remote refused": Fault(
        read_only, "remote", "fail", "connection refused", "check host and port in S3D_REMOTE"
    ),
    "black hole": Fault(bare, "remote", "fail", "did not answer within", "firewall and VPN"),
    "TLS name": Fault(
        wrong_name, "remote", "fail", "localhost", "the name that its certificate has"
    ),
    "clock +1 h": Fault(
        wrong_clock, "clock", "warn", "behind that of the remote", "timedatectl set-ntp true"
    ),
    "full disk": Fault(full_disk, "disk", "fail", "free for the", "free some space"),
    "read-only folder": Fault(read_only, "folders", "fail", "is read-only", "S3D_LOCAL_DIR"),
    "credentials 0644": Fault(machine, "credentials", "fail", "credentials", "chmod 600 /"),
    "inotify limit": Fault(
        machine, "inotify", "fail", "no more folders can be watched", "sysctl fs.inotify."
    ),
    "all watches in use": Fault(
        full_disk, "inotify", "fail", "all watches of this user are in use", "max_user_watches="
    ),
    "fd limit": Fault(machine, "open files", "fail", "512 files open", "ulimit -Hn"),
    "dead mount": Fault(mounts, "mount", "fail", "does not answer", "fusermount3 -uz /"),
    "no fusermount3": Fault(bare, "mount", "fail", "fusermount3 is not on the PATH", "fuse3"),
    "port taken": Fault(
        machine, "endpoint", "fail", "another program listens on port", "S3D_ENDPOINT"
    ),
    "proxy without NO_PROXY": Fault(
        machine, "proxy", "warn", "http://proxy.invalid:3128", "export NO_PROXY="
    ),
}
IN_NAMESPACES = {machine, full_disk, read_only}


@pytest.fixture(scope="module")
def runs() -> dict[object, Mapping[str, Mapping[str, str]]]:
    return {}


def test_without_a_fault_nothing_is_found(doctor: Doctor) -> None:
    found = doctor()
    assert {name: each for name, each in found.items() if each["level"] == "fail"} == {}
    assert {"remote", "clock", "disk", "endpoint", "proxy", "open files"} <= found.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_explained(
    name: str, doctor: Doctor, runs: dict[object, Mapping[str, Mapping[str, str]]]
) -> None:
    fault = FAULTS[name]
    if fault.planted is mounts and not CAN_MOUNT:
        pytest.skip("needs FUSE")
    if fault.planted in IN_NAMESPACES and not can_have_namespaces():
        pytest.skip("needs user namespaces")
    if fault.planted not in runs:
        runs[fault.planted] = fault.planted(doctor)
    found = runs[fault.planted][fault.check]
    assert found["level"] == fault.level, found
    assert fault.text in found["text"]
    assert fault.remedy in found["remedy"]


def can_have_namespaces() -> bool:
    plant = f"{NO_INOTIFY}; mount -t tmpfs s3d-test /mnt"
    done = subprocess.run([*NAMESPACES, "sh", "-ec", plant], capture_output=True, check=False)
    return done.returncode == 0
