import pytest

from s3d.agent.core.clock import Clock
from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PushError,
    new_write,
)
from s3d.agent.stores.write_queue.layer import WriteQueue
from s3d.agent.stores.write_queue.queue_status import (
    QueueParts,
    pending_below,
    queue_status,
    transfer_of,
)
from s3d.shared.transfers import Totals, TransferError
from tests.agent.stores.write_queue.rig import open_rig


def test_a_write_tells_all_that_a_person_wants_to_know():
    write = new_write(7, Kind.PUT, "b", "k", 5, 1.0, state=PendingState.FAILED, attempts=2)
    write.error = PushError("AccessDenied", "no", "R1", 403, 9.0)
    told = transfer_of(write)
    assert (told.id, told.kind, told.operation, told.state) == ("7", "push", "put", "failed")
    assert told.error == TransferError("AccessDenied", "no", "R1", 403, 9.0)


def test_a_write_that_is_being_pushed_runs():
    write = new_write(7, Kind.TAGS, "b", "k", 5, 1.0, state=PendingState.PUSHING)
    assert transfer_of(write).state == "running"


async def test_the_counts_of_the_queue(tmp_path):
    async with open_rig(tmp_path, clock=Clock()) as rig:
        layer = WriteQueue(
            rig.remote, rig.staged.store, rig.journal, Limits(), rig.pusher, clock=Clock()
        )
        for key, body in (("a", b"12345"), ("b", b"123")):
            await rig.staged("PutObject", Bucket="bbb", Key=key, Body=body)
        await rig.journal.control.hold(1)
        body_of = rig.body_of
        status = queue_status(
            QueueParts(rig.journal, rig.pusher, rig.throttle, layer.admission, body_of, tmp_path)
        )
    assert (status.waiting, status.held, status.moving) == (
        Totals(1, 3),
        Totals(1, 5),
        Totals(1, 3),
    )
    assert status.left == Totals(2, 8)
    assert (status.limits.when_full, status.paused, status.trouble) == ("wait", False, "")
    assert status.path == str(tmp_path)


@pytest.mark.finding("tui-9")
async def test_what_the_remote_does_not_have_of_an_upload(tmp_path):
    async with open_rig(tmp_path, clock=Clock()) as rig:
        layer = WriteQueue(
            rig.remote, rig.staged.store, rig.journal, Limits(), rig.pusher, clock=Clock()
        )
        queue = QueueParts(
            rig.journal, rig.pusher, rig.throttle, layer.admission, rig.body_of, tmp_path
        )
        for key in ("up", "up/a", "upper"):
            await rig.staged("PutObject", Bucket="bbb", Key=key, Body=key.encode())
        now = Clock().now()
        assert pending_below(queue, "bbb", "up", since=0.0) == Totals(2, 6)
        assert pending_below(queue, "bbb", "", since=0.0, until=now + 60) == Totals(3, 11)
        assert pending_below(queue, "bbb", "up", since=now + 60) == Totals()
        assert pending_below(queue, "bbb", "up", since=0.0, until=now - 60) == Totals()
