"""Real S3 servers for tests: how each is started, and when it is ready.

`python -m tests.peers.servers NAME FOLDER` is the keeper of one server. It starts the server,
writes FOLDER/ready (JSON of a Peer) when it has answered, and ends it when nobody holds a shared
lock on FOLDER/users any more, however the users came to their end.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

START_TIMEOUT = 60.0
"""Seconds that a server may take until its first good answer."""
PAUSE = 0.05
"""Seconds between two questions whether it is there."""
ENVIRONMENT = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""SeaweedFS makes so many volumes at a time; its default of seven takes time and room."""
SHARED_VOLUMES = {"locations": [{"locationPrefix": "/buckets/", "collection": "tests"}]}
"""Its rule that all buckets keep their objects in the same volumes.

Otherwise each bucket has volumes of its own, and the first write to it waits for 0.2 s until the
first of them is there.
"""
ROTATED = ("peerkeyrotated", "peersecretrotated")
"""A second key of the account of every test, at SeaweedFS."""
OTHER = ("otherkey1234567", "othersecret1234567")
"""A key of another account there."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Peer:
    """A running S3 server."""

    name: str
    endpoint: str
    """http://127.0.0.1:PORT"""
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def sign(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Add to headers what a signed request needs, in place."""
        request: Any = AWSRequest(method, url, headers=headers, data=body)  # type: ignore[no-untyped-call]
        key = Credentials(self.access_key, self.secret_key)  # type: ignore[no-untyped-call]
        signer: Any = S3SigV4Auth(key, "s3", self.region)  # type: ignore[no-untyped-call]
        signer.add_auth(request)
        headers.update(request.headers.items())

    def ask(self, method: str, target: str, body: bytes = b"") -> int:
        """Status of one signed request on a connection of its own. Raises OSError."""
        headers: dict[str, str] = {}
        self.sign(method, self.endpoint + target, headers, body)
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=5)
        try:
            connection.request(method, target, body, headers)
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()


_bound = ExitStack()
"""Sockets, as long as this process lives."""
atexit.register(_bound.close)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback, all different, that refuse connections until a server of the test
    listens there. Nobody else is given one: it stays bound, which does not hinder a server, since
    both have SO_REUSEADDR and only one of them listens."""
    found = [_bound.enter_context(socket.socket()) for _ in range(count)]
    for each in found:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", 0))
    return [each.getsockname()[1] for each in found]


def program(name: str) -> str | None:
    """Path of a server that came from PyPI with the test extra, or is on the PATH."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def keep(name: str, folder: Path) -> None:
    """Run one server until it has no user left."""
    peer, command, ready = SERVERS[name](folder)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_keeper,
        )
        with (folder / "users").open("rb") as users, ExitStack() as ending:
            ending.callback(shutil.rmtree, folder / "data", ignore_errors=True)
            ending.callback(_end, server)
            if _wait_until_good(server, ready):
                _write_whole(folder / "ready", json.dumps(asdict(peer)))
                fcntl.flock(users, fcntl.LOCK_EX)
                (folder / "ready").unlink()


def _seaweedfs(folder: Path) -> tuple[Peer, list[str], Callable[[], bool]]:
    ports = free_ports(9)
    peer = Peer("seaweedfs", f"http://127.0.0.1:{ports[0]}", "peerkey1234567", "peersecret1234567")
    names = {"tests": [(peer.access_key, peer.secret_key), ROTATED], "others": [OTHER]}
    identities = [
        {
            "name": name,
            "account": {"id": f"{name}-account", "displayName": name},
            "credentials": [{"accessKey": key, "secretKey": secret} for key, secret in keys],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        for name, keys in names.items()
    ]
    (folder / "identities.json").write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    flags = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.port": ports[0],
        "s3.port.grpc": ports[1],
        "master.port": ports[2],
        "master.port.grpc": ports[3],
        "volume.port": ports[4],
        "volume.port.grpc": ports[5],
        "filer.port": ports[6],
        "filer.port.grpc": ports[7],
        "debug.port": ports[8],
        "s3.config": folder / "identities.json",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "master.volumePreallocate": "false",
        "master.volumeSizeLimitMB": 256,
        "volume.max": 20_000,
    }
    command = [program("weed") or "weed", "-logdir", str(folder), "server", "-filer", "-s3"]
    command += [f"-{flag}={value}" for flag, value in flags.items()]

    def ready() -> bool:
        # It lists buckets before its volume server has registered: only a write shows that it is
        # up.
        return _share_volumes(ports[6]) and _probe(peer, "/ready-probe", "/ready-probe/object")

    return peer, command, ready


def _share_volumes(filer_port: int) -> bool:
    """Whether the filer has taken SHARED_VOLUMES. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", filer_port, timeout=5)
    try:
        connection.request("PUT", "/etc/seaweedfs/filer.conf", json.dumps(SHARED_VOLUMES))
        return connection.getresponse().status in (200, 201)
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def _rclone(folder: Path) -> tuple[Peer, list[str], Callable[[], bool]]:
    (port,) = free_ports(1)
    peer = Peer("rclone", f"http://127.0.0.1:{port}", "peerkey1234567", "peersecret1234567")
    (folder / "data").mkdir()
    command = [
        program("rclone") or "rclone",
        *("serve", "s3", str(folder / "data"), "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{peer.access_key},{peer.secret_key}", "--config", os.devnull, "-q"),
    ]
    return peer, command, lambda: _probe(peer, "/ready-probe")


def _probe(peer: Peer, *targets: str) -> bool:
    """Whether the server takes a write of each, and answers. Raises OSError."""
    written = all(peer.ask("PUT", target) in (200, 409) for target in targets)
    return written and peer.ask("GET", "/") == 200


SERVERS: dict[str, Callable[[Path], tuple[Peer, list[str], Callable[[], bool]]]] = {
    "seaweedfs": _seaweedfs,
    "rclone": _rclone,
}
"""name -> (folder -> the peer, its command line, what says that it is ready)."""


def _wait_until_good(server: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    for _ in range(int(START_TIMEOUT / PAUSE)):
        with suppress(OSError):
            if ready():
                return True
        with suppress(subprocess.TimeoutExpired):
            server.wait(PAUSE)
            return False
    return False


def _write_whole(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def _die_with_keeper() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(server: subprocess.Popen[bytes]) -> None:
    """At once: nobody will read its data again."""
    server.kill()
    server.wait()


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
