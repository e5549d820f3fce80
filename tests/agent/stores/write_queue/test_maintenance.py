from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.stores.write_queue.maintenance import QueueMaintenance
from s3d.agent.stores.write_queue.pending import Kind, PendingState, PendingWrite, PushError
from tests.agent.stores.write_queue.rig import BAD_KEY, Rig, open_rig, unreachable

GONE = PushError("NoSuchBucket")


async def nothing() -> None:
    return None


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


@pytest.fixture
async def maintenance(rig: Rig) -> QueueMaintenance:
    """With a write that is parked since its bucket is missing."""
    maintenance = QueueMaintenance(rig.journal, rig.remote, rig.time.clock, nothing)
    await rig.staged("CreateBucket", Bucket="new")
    await rig.staged.put("new", "k", b"1")
    write = await rig.journal.take()
    maintenance.parked(write, GONE)
    await rig.journal.park(write.seq, GONE)
    return maintenance


def error_of(maintenance: QueueMaintenance) -> PushError | None:
    """For a write that comes only now."""
    return maintenance.error_of(PendingWrite(99, Kind.PUT, "new", "k", 1, 0.0))


def waiting(rig: Rig) -> int:
    return rig.journal.status().shares[PendingState.WAITING].files


async def test_a_missing_bucket_is_asked_for_until_it_is_there(
    rig: Rig, maintenance: QueueMaintenance
) -> None:
    assert await maintenance.look()
    assert error_of(maintenance) == GONE
    await rig.there("CreateBucket", Bucket="new")
    await maintenance.look()
    assert (error_of(maintenance), waiting(rig)) == (None, 1)


@pytest.mark.parametrize("trouble", [unreachable(), BAD_KEY])
async def test_no_answer_does_not_mean_that_it_is_there(
    rig: Rig, maintenance: QueueMaintenance, trouble: object
) -> None:
    rig.remote.fail("GetObject", trouble)  # type: ignore[arg-type]
    await maintenance.look()
    assert (error_of(maintenance), waiting(rig)) == (GONE, 0)


async def test_a_bucket_that_nobody_waits_for_is_forgotten(
    rig: Rig, maintenance: QueueMaintenance
) -> None:
    for write in list(rig.journal.all()):
        await rig.journal.discard(write.seq)
    await maintenance.look()
    assert (error_of(maintenance), rig.remote.names()) == (None, [])


async def test_it_rests_when_there_is_nothing_to_look_after(rig: Rig) -> None:
    maintenance = QueueMaintenance(rig.journal, rig.remote, rig.time.clock, nothing)
    assert not await maintenance.look()
