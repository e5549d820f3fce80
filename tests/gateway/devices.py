"""Devices that sync one bucket: agents with a folder each, which die and start again."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from s3d.cli.client.sync_client import SyncClient
from s3d.shared.syncing import FolderStatus, SyncReport
from tests.agent_process import AgentProcess
from tests.gateway.network import Network
from tests.peers.servers import Peer

NAME = "tree"


class Device:
    """An agent with a folder. It can die, and start again."""

    def __init__(self, start: Callable[..., AgentProcess], home: Path, env: dict[str, str]) -> None:
        self._start = start
        self._home = home
        self.root = home.with_name(f"{home.name}-files") / NAME
        self._env = {"S3D_SYNC_FOLDER": str(self.root), "S3D_SYNC_FOLDER_INTERVAL": "1s", **env}

    def start(self, **env: str) -> "Device":
        self.agent = self._start(home=self._home, env=self._env | env)
        self.sync = SyncClient(self.agent.client)
        return self

    def now(self) -> SyncReport:
        return self.sync.now(NAME)

    def status(self) -> FolderStatus:
        return self.sync.folder(NAME)

    def write(self, path: str, data: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data)
        return file

    def tree(self) -> dict[str, bytes]:
        """Path -> content of all that is synced."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".s3d"]
            for name in files:
                file = Path(folder, name)
                found[str(file.relative_to(self.root))] = file.read_bytes()
        return found


def objects(client: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Key without the prefix -> content, without the markers of folders."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for row in page.get("Contents", ()):
            key = row["Key"]
            if not key.endswith("/") and ".s3d/" not in key:
                body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
                found[key.removeprefix(prefix)] = body
    return found


@pytest.fixture
def sync_bucket(seaweedfs: Peer, bucket_name: str) -> str:
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    return bucket_name


@pytest.fixture
def make_device(
    start_agent: Callable[..., AgentProcess], network: Network, sync_bucket: str, tmp_path: Path
) -> Callable[[str], Device]:
    from tests.gateway.conftest import remote_settings

    env = {**remote_settings(network.peer), "S3D_SYNC_FOLDER_BUCKET": sync_bucket}
    return lambda name: Device(start_agent, tmp_path / name, env)


@pytest.fixture
def devices(make_device: Callable[[str], Device]) -> list[Device]:
    return [make_device("a").start(), make_device("b").start()]


def settle(*devices: Device) -> None:
    """Have all of them agree: no device finds anything in a round."""
    for _ in range(12):
        if not any(_changes(device.now()) for device in devices):
            return
    raise AssertionError([device.status() for device in devices])


def _changes(report: SyncReport) -> int:
    return report.uploaded + report.downloaded + report.deleted + report.conflicts + report.moved


def until(holds: Callable[[], bool], root: Path) -> None:
    """Wait for it, a change of the folder at a time; nothing is asked of the agent."""
    end = time.monotonic() + 20
    for _ in watchfiles.watch(root, debounce=50, rust_timeout=500, yield_on_timeout=True):
        if holds():
            return
        assert time.monotonic() < end
