"""Writes of `x//y`, accepted while the remote was away, which stores `x//y` as `x/y`.

The outcome is the same at whatever request of the push the remote is back.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.store import Layer
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.empty_segments import EmptySegments
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from tests.agent.stores.write_queue.rig import (
    ALL_CONDITIONS,
    EPOCH,
    NO_CONDITIONS,
    Conditions,
    Remote,
    Rig,
    lost,
    open_rig,
    unreachable,
)
from tests.contract.client import Client

pytestmark = [pytest.mark.rule("REMOTE-4"), pytest.mark.finding("D28")]

BUCKET = "bbb"
MAX_WAIT = 120.0
"""Seconds that pass on the rig's clock between two attempts of a push, at the most."""


class Merging(Layer):
    """A store that keeps objects as files, so that `x//y` is `x/y`."""

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        if request.key:
            merged = re.sub("/+", "/", request.key)
            request = request.replace(input={**request.input, "Key": merged})
        return await self.inner.call(request)


class Away(NamedTuple):
    """A rig before a remote, whose requests are refused or answered too late for a while."""

    rig: Rig
    network: Remote
    there: Client


@pytest.fixture(params=[ALL_CONDITIONS, NO_CONDITIONS], ids=["conditional", "unconditional"])
def judged(request: pytest.FixtureRequest) -> Conditions:
    return Conditions(*request.param)


@pytest.fixture
async def away(tmp_path: Path, judged: Conditions, may_probe: bool) -> AsyncIterator[Away]:
    store = open_embedded(tmp_path / "remote", ephemeral=True, clock=lambda: EPOCH)
    try:
        there = Client(store.local)
        await there("CreateBucket", Bucket=BUCKET)
        await there.put(BUCKET, "x/y", b"one")
        network = Remote(Merging(store.local))
        network.gate.set()
        keys = EmptySegments(network, RemoteQuirks(), may_probe=may_probe)
        async with open_rig(tmp_path, over=keys, judged=judged, learn_key=keys.learn) as rig:
            await rig.staged("CreateBucket", Bucket=BUCKET)
            yield Away(rig, network, there)
    finally:
        store.close()


@pytest.fixture
def may_probe() -> bool:
    """Whether the remote may be probed for what it does to such keys."""
    return True


@pytest.mark.parametrize("attempts", range(4))
@pytest.mark.parametrize("error", [unreachable(), lost], ids=["refused", "lost"])
async def test_it_is_parked_as_refused_whenever_the_remote_is_back(
    away: Away, attempts: int, error: Any
) -> None:
    rig = away.rig
    away.network.fail("", error, attempts)
    await rig.staged.put(BUCKET, "x//y", b"two")
    rig.start()
    for attempt in range(1, attempts + 1):
        await rig.back(attempt)
        await rig.advance(MAX_WAIT)
    await _check_refused(away)


@pytest.mark.parametrize("may_probe", [False])
async def test_it_is_parked_as_refused_where_the_remote_cannot_be_probed(away: Away) -> None:
    await away.rig.staged.put(BUCKET, "x//y", b"two")
    away.rig.start()
    await _check_refused(away)


async def _check_refused(away: Away) -> None:
    journal = away.rig.journal
    failed = journal.pending.in_state
    await away.rig.until(lambda: any(failed(PendingState.FAILED)) or any(journal.conflicts))
    (parked,) = failed(PendingState.FAILED)
    assert parked.error is not None
    assert parked.error.code == "InvalidURI"
    assert await away.there.read(BUCKET, "x/y") == b"one"


async def test_a_delete_of_it_is_done_and_deletes_nothing_else(away: Away) -> None:
    await away.rig.journal.recorder.delete(BUCKET, ["x//y"])
    away.rig.start()
    await away.rig.pushed()
    assert not list(away.rig.journal.conflicts)
    assert await away.there.read(BUCKET, "x/y") == b"one"
