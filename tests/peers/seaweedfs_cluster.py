"""A SeaweedFS cluster: a master, several volume servers, a filer, and its S3 server.

Every object is on two volume servers (replication 001), so one of them may end.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.peers.servers import (
    ENVIRONMENT,
    PAUSE,
    START_TIMEOUT,
    Peer,
    _die_with_keeper,
    free_ports,
    program,
)

VOLUME_SERVERS = 3
REPLICATION = "001"
"""One more copy, on another server of the same rack."""


class Cluster:
    """The S3 server of a cluster, and its volume servers."""

    def __init__(self, peer: Peer, volume_servers: list[subprocess.Popen[bytes]]) -> None:
        self.peer = peer
        self._volume_servers = volume_servers

    def kill_volume_server(self) -> None:
        """End one of them for good, as when a machine loses its power."""
        server = self._volume_servers.pop()
        server.kill()
        server.wait()


@contextmanager
def seaweedfs_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and end it. Raises AssertionError when it does not come up in time."""
    master, master_grpc, filer, filer_grpc, s3, s3_grpc = free_ports(6)
    peer = Peer("seaweedfs", f"http://127.0.0.1:{s3}", "peerkey1234567", "peersecret1234567")
    key = {"accessKey": peer.access_key, "secretKey": peer.secret_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "tests", "credentials": [key], "actions": actions}
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    at = f"127.0.0.1:{master}.{master_grpc}"
    with ExitStack() as ending:

        def start(role: str, **flags: object) -> subprocess.Popen[bytes]:
            common = {"ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
            named = {name.replace("_", "."): value for name, value in flags.items()}
            command = [program("weed") or "weed", "-logdir", str(folder), role]
            command += [f"-{flag}={value}" for flag, value in {**common, **named}.items()]
            log = ending.enter_context((folder / f"{role}.log").open("ab"))
            server = subprocess.Popen(
                command,
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_keeper,
            )
            ending.callback(server.wait)
            ending.callback(server.kill)
            return server

        def data(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        start("master", port=master, port_grpc=master_grpc, mdir=data("master"),
              defaultReplication=REPLICATION, volumeSizeLimitMB=64, telemetry="false",
              volumePreallocate="false")  # fmt: skip
        servers = []
        for number in range(VOLUME_SERVERS):
            port, grpc = free_ports(2)
            place = data(f"volume-{number}")
            flags = {"port": port, "port_grpc": grpc, "mserver": at, "max": 200, "dir": place}
            servers.append(start("volume", **flags))
        start("filer", port=filer, port_grpc=filer_grpc, master=at,
              defaultStoreDir=data("filer"), defaultReplicaPlacement=REPLICATION)  # fmt: skip
        start("s3", port=s3, port_grpc=s3_grpc, filer=f"127.0.0.1:{filer}.{filer_grpc}",
              config=folder / "identities.json", port_iceberg=0, port_lance=0)  # fmt: skip
        assert _is_good(servers[0], peer), "the cluster did not come up"
        yield Cluster(peer, servers)


def _is_good(server: subprocess.Popen[bytes], peer: Peer) -> bool:
    for _ in range(int(START_TIMEOUT / PAUSE)):
        with suppress(OSError):
            if all(
                peer.ask("PUT", target) in (200, 409)
                for target in ("/ready-probe", "/ready-probe/object")
            ):
                return True
        with suppress(subprocess.TimeoutExpired):
            server.wait(PAUSE)
            return False
    return False
