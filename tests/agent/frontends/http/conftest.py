"""An embedded store on disk, and endpoints in front of it: for one principal, and for several."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.access.key_scope_layer import KeyScopeLayer
from s3d.agent.stores.local.store import LocalStore
from tests.agent.frontends.http.principals import (
    DEFAULT,
    READER,
    TEAM,
    MovableClock,
    Principals,
)
from tests.agent.frontends.http.wire import RunningEndpoint, opened


@pytest.fixture
def store(index: Index, blobs: Blobs) -> LocalStore:
    return LocalStore(index, blobs)


@pytest.fixture
async def endpoint(store: LocalStore) -> AsyncIterator[RunningEndpoint]:
    """With a bucket named `bucket`, in which `k` is b"value"."""
    async with opened(store) as endpoint:
        assert (await endpoint.ask("PUT", "/bucket")).status == 200
        assert (await endpoint.ask("PUT", "/bucket/k", b"value")).status == 200
        yield endpoint


@pytest.fixture
def clock() -> MovableClock:
    """The clock of the endpoint of `principals`."""
    return MovableClock(time.time)


@pytest.fixture
async def principals(store: LocalStore, clock: MovableClock) -> AsyncIterator[Principals]:
    """With the objects `team/a` and `secret` in a bucket named `bucket`."""
    keys = AccessKeys([DEFAULT, TEAM, READER])
    layer = KeyScopeLayer(store)
    async with opened(layer, keys=keys, clock=clock, access=layer) as endpoint:
        for path, body in ("/bucket", b""), ("/bucket/team/a", b"a"), ("/bucket/secret", b"s"):
            assert (await endpoint.ask("PUT", path, body)).status == 200
        yield Principals(endpoint, keys)
