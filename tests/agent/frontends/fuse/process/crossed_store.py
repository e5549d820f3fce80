"""A store as the process of the mounts calls it: over a channel, both of whose ends are here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.process.agent_store import AgentStore, StoreService
from s3d.agent.frontends.fuse.process.bodies import OfferedBodies
from tests.agent.frontends.fuse.process.pairs import Pair, connected, quiet


@dataclass
class Crossed:
    """`store` is that of the process of the mounts, the near end."""

    pair: Pair
    store: AgentStore
    requests: OfferedBodies
    """Bodies of requests."""
    responses: OfferedBodies
    """Bodies of responses."""


@asynccontextmanager
async def crossed(inner: ObjectStore) -> AsyncIterator[Crossed]:
    """Nothing is left open at the end, on either side."""
    requests, responses = OfferedBodies(), OfferedBodies()
    service = StoreService(inner, responses)
    far = {**service.handlers(), **responses.handlers()}
    async with connected(far, near=requests.handlers(), opens_files=True) as pair:
        service.channel = pair.far
        yield Crossed(pair, AgentStore(pair.near, requests), requests, responses)
        await quiet(pair.near, pair.far)
        assert (requests._bodies, responses._bodies) == ({}, {})
        await requests.close()
        await responses.close()
