"""Who waits for keys to be settled."""

import asyncio

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.pending import Kind, PendingWrite
from s3d.agent.stores.write_queue.settle_waiters import SettleWaiter, SettleWaiters


def write(seq, key="k", bucket="bbb"):
    return PendingWrite(seq, Kind.PUT, bucket, key, 0, 0.0)


def denied():
    return S3Error("AccessDenied")


async def waits(act, *, strict, needed):
    """Whether somebody still waits after the act; what was raised is raised."""
    waiters, waiter = SettleWaiters(), SettleWaiter("bbb", needed, strict=strict)
    waiting = asyncio.get_running_loop().create_task(waiters.wait(waiter))
    await asyncio.sleep(0)
    act(waiters)
    done, _ = await asyncio.wait([waiting], timeout=0.01)
    if not done:
        waiting.cancel()
        return True
    waiting.result()
    return False


@pytest.mark.parametrize(
    ("act", "still"),
    [
        (lambda waiters: waiters.pushed(write(1)), True),
        (lambda waiters: waiters.pushed(write(2)), False),
        (lambda waiters: waiters.pushed(write(3)), False),
        (lambda waiters: waiters.pushed(write(3, bucket="other")), True),
        (lambda waiters: waiters.pushed(write(3, key="other")), True),
        (lambda waiters: waiters.emptied(write(1)), False),
    ],
)
async def test_a_key_is_settled_by_its_write_or_a_later_one(act, still):
    assert await waits(act, strict=True, needed={"k": 2}) is still


async def test_all_keys_have_to_be_settled():
    assert await waits(lambda w: w.pushed(write(9)), strict=False, needed={"k": 2, "l": 1})


async def test_who_waits_for_a_key_is_told_of_its_failure():
    for act in (
        lambda waiters: waiters.failed(write(2), denied),
        lambda waiters: waiters.delayed(write(2), denied),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            await waits(act, strict=True, needed={"k": 2})


async def test_who_waits_for_a_bucket_passes_over_what_is_parked_and_waits_for_what_is_delayed():
    assert not await waits(lambda w: w.failed(write(2), denied), strict=False, needed={"k": 2})
    assert await waits(lambda w: w.delayed(write(2), denied), strict=False, needed={"k": 2})
