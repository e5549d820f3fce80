"""The layers of the backend, as one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.backend import BackendFiles, RemoteBackend, open_backend
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.loop_detection import LoopDetection
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.contract.client import Client
from tests.peers.servers import Peer


@pytest.fixture
async def backend(seaweedfs: Peer, tmp_path: Path) -> AsyncIterator[RemoteBackend]:
    key = RemoteKey(seaweedfs.access_key, seaweedfs.secret_key)
    files = BackendFiles(seaweedfs.endpoint, tmp_path / "capabilities.json")
    opened = open_backend(
        Settings(seaweedfs.endpoint),
        CredentialProvider(region=seaweedfs.region, key=key),
        files,
        may_probe=True,
    )
    yield opened
    await opened.close()


async def test_it_is_a_store_with_a_health(
    backend: RemoteBackend, seaweedfs: Peer, new_bucket: str
) -> None:
    s3 = Client(backend)
    await s3("PutObject", Bucket=new_bucket, Key="k", Body=b"data")
    assert await s3.read(new_bucket, "k") == b"data"
    assert backend.url == seaweedfs.endpoint
    assert backend.health.last_success
    assert backend.capabilities.known == {}


async def test_a_key_that_would_replace_another_is_refused(
    backend: RemoteBackend, new_bucket: str
) -> None:
    await backend.check_key(new_bucket, "a/b")
    with pytest.raises(S3Error, match="empty segments"):
        await backend.check_key(new_bucket, "a//b")
    assert backend.capabilities.limitations == ["empty_segments"]


async def test_once_it_is_known_such_a_key_has_no_object(
    backend: RemoteBackend, new_bucket: str
) -> None:
    s3 = Client(backend)
    await s3.put(new_bucket, "a/b", b"data")
    await backend.learn_key(new_bucket, "a/b")
    assert backend.capabilities.limitations == []
    await backend.learn_key(new_bucket, "a//b")
    await s3.refused("NoSuchKey", "HeadObject", Bucket=new_bucket, Key="a//b")


def test_loops_are_detected_at_the_top(backend: RemoteBackend) -> None:
    assert isinstance(backend.detect_loops(backend), LoopDetection)
