"""A gateway: the real agent before SeaweedFS, with a network between them that comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess
from tests.drained import PATIENCE, drained
from tests.gateway.devices import devices, make_device, sync_bucket  # noqa: F401 - fixtures
from tests.gateway.network import Network
from tests.known_load import wait_until
from tests.peers.proxy import Exchange
from tests.peers.servers import Peer

CARE_PATIENCE = 40.0
"""Seconds within which the agent sees to uploads that nobody will complete."""


class Gateway:
    """Agents on one home before one remote: started, killed and started again."""

    def __init__(self, start: Callable[..., AgentProcess], peer: Peer, home: Path) -> None:
        self._start = start
        self._peer = peer
        self._home = home

    def start(self, *, module: str = "s3d", **env: str) -> AgentProcess:
        """A new agent on the queue that is there. module: what is run; env: further settings."""
        settings = remote_settings(self._peer) | env
        self.agent = self._start(home=self._home, env=settings, module=module)
        return self.agent

    @property
    def queue(self) -> QueueClient:
        return QueueClient(self.agent.client)

    @contextmanager
    def explain_failures(
        self, network: Network, earlier: Iterable[Exchange] = ()
    ) -> Iterator[None]:
        """Print what the proxy saw and the agents' log when a test fails within this context.

        earlier: exchanges that the test has taken from the network.
        """
        try:
            yield
        except BaseException:
            print("-- what the proxy saw", *earlier, *network.take_seen(), sep="\n")
            print("-- the agents' log", self.agent.stderr[-40000:], sep="\n")
            raise

    def drain(self, patience: float = PATIENCE) -> None:
        """Have everything pushed. Fails when something cannot be, or takes too long."""
        status = drained(self.queue, patience)
        # What is verified for some time more is at the remote.
        left = status.left.files - status.verifying.files
        assert left == 0, (status, list(self.queue.transfers())[:5])

    def check_no_conflicts(self) -> None:
        """There is one writer, so nothing of it was taken for another's."""
        status = self.queue.status()
        assert status.conflict.files == 0, list(self.queue.transfers())[:5]


def assert_no_uploads(client: Any, bucket: str) -> None:
    """Nobody's multipart upload is left over; the agent looks after that now and then."""
    wait_until(
        lambda: not client.list_multipart_uploads(Bucket=bucket).get("Uploads"), CARE_PATIENCE
    )


def remote_settings(peer: Peer) -> Mapping[str, str]:
    """The environment that makes an agent a gateway to the peer."""
    return {
        "S3D_REMOTE": peer.endpoint,
        "AWS_ACCESS_KEY_ID": peer.access_key,
        "AWS_SECRET_ACCESS_KEY": peer.secret_key,
        "AWS_REGION": peer.region,
    }


def peer_client(peer: Peer) -> Any:
    """A boto3 client of the peer itself; close it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=peer.endpoint,
        region_name=peer.region,
        aws_access_key_id=peer.access_key,
        aws_secret_access_key=peer.secret_key,
        config=Config(
            read_timeout=20, retries={"total_max_attempts": 3}, s3={"addressing_style": "path"}
        ),
    )


@pytest.fixture(autouse=True)
def _no_empty_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaweedFS may never answer on a connection on which boto3 announced an empty body."""
    monkeypatch.setenv("BOTO_EXPERIMENTAL__NO_EMPTY_CONTINUE", "true")


@pytest.fixture
def network(seaweedfs: Peer) -> Iterator[Network]:
    with Network(seaweedfs) as network:
        yield network


@pytest.fixture
def gateway(start_agent: Callable[..., AgentProcess], network: Network, tmp_path: Path) -> Gateway:
    """Not started yet; the network is between it and SeaweedFS."""
    return Gateway(start_agent, network.peer, tmp_path / "home")


@pytest.fixture
def remote(seaweedfs: Peer) -> Iterator[Any]:
    """A boto3 client of SeaweedFS, past the gateway and its network."""
    with closing(peer_client(seaweedfs)) as client:
        yield client
