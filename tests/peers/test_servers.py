from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.peers.fixtures import shared_peer
from tests.peers.servers import Peer, free_ports

JOIN = """
import sys
from pathlib import Path
from tests.peers.fixtures import shared_peer
with shared_peer("rclone", "rclone", Path(sys.argv[1])) as peer:
    print(peer.endpoint, flush=True)
    sys.stdin.read()
"""


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_free_port_is_given_to_nobody_else_and_refuses_until_a_server_has_it() -> None:
    (port,) = free_ports(1)
    place = ("127.0.0.1", port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(place)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        with socket.create_server(place), socket.create_connection(place):
            pass


@pytest.mark.slow
def test_seaweedfs_takes_a_write_at_once(seaweedfs: Peer, new_bucket: str) -> None:
    assert seaweedfs.ask("PUT", f"/{new_bucket}/key", b"value") == 200
    assert seaweedfs.ask("GET", f"/{new_bucket}/key") == 200


@pytest.mark.slow
def test_no_bucket_of_seaweedfs_waits_for_a_volume_of_its_own(
    seaweedfs: Peer, new_bucket: str, peer_folder: Path
) -> None:
    assert seaweedfs.ask("PUT", f"/{new_bucket}/key", b"value") == 200
    volumes = [path.name for path in peer_folder.glob("peer-seaweedfs/data/*.dat")]
    assert [name for name in volumes if name.startswith("tests_")]
    assert not [name for name in volumes if name.startswith(new_bucket)]


def test_rclone_serves_buckets(rclone_s3: Peer, bucket_name: str) -> None:
    assert rclone_s3.ask("PUT", f"/{bucket_name}") == 200
    assert rclone_s3.ask("HEAD", f"/{bucket_name}") == 200


def test_a_wrong_secret_is_refused(rclone_s3: Peer) -> None:
    stranger = Peer("stranger", rclone_s3.endpoint, rclone_s3.access_key, "wrong")
    assert stranger.ask("GET", "/") == 403


@pytest.mark.slow
def test_workers_share_one_server_and_the_last_ends_it(tmp_path: Path) -> None:
    with shared_peer("rclone", "rclone", tmp_path) as first:
        with shared_peer("rclone", "rclone", tmp_path) as second:
            assert second == first
        assert first.ask("GET", "/") == 200
    assert ends(first)


@pytest.mark.slow
def test_a_killed_worker_leaves_no_server_behind(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", JOIN, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with worker:
        assert worker.stdout is not None
        endpoint = worker.stdout.readline().decode().strip()
        os.kill(worker.pid, signal.SIGKILL)
    assert ends(Peer("orphan", endpoint, "", ""))


def ends(peer: Peer) -> bool:
    """Whether the server stops answering within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            peer.ask("GET", "/")
        except OSError:
            return True
    return False
