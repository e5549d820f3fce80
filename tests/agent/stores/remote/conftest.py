"""A RemoteStore before SeaweedFS, directly and through the faulty proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.contract.client import Client
from tests.peers.proxy import FaultyProxy
from tests.peers.servers import Peer

Open = Callable[..., RemoteStore]


@pytest.fixture
async def open_remote() -> AsyncIterator[Open]:
    """A function that makes a RemoteStore of a peer; all are closed at the end of the test."""
    async with AsyncExitStack() as stack:

        def make(peer: Peer, agent: str = "", **settings: Any) -> RemoteStore:
            settings.setdefault("timeouts", Timeouts(connect=5, silence=30))
            key = RemoteKey(peer.access_key, peer.secret_key)
            chain = CredentialProvider(region=peer.region, key=key)
            remote = RemoteStore(Settings(peer.endpoint, **settings), chain, agent=agent)
            stack.push_async_callback(remote.close)
            return remote

        yield make


@pytest.fixture
def remote(open_remote: Open, seaweedfs: Peer) -> RemoteStore:
    return open_remote(seaweedfs)


@pytest.fixture
async def faulty(open_remote: Open, faulty_seaweedfs: FaultyProxy) -> RemoteStore:
    """Behind faulty_seaweedfs, whose headers it knows: the first answer of all costs a listing. It
    has no connection open."""
    store = open_remote(faulty_seaweedfs.peer, timeouts=Timeouts(connect=2, answer=4, silence=2))
    await Client(store)("ListBuckets")
    await store.close()
    faulty_seaweedfs.seen.clear()
    return store
