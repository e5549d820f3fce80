from pathlib import Path

from s3d.agent.frontends.control.pending import queue_status, transfer_of
from s3d.agent.stores.write_queue.pending_write import Kind, PendingState, PendingWrite, PushError
from s3d.shared.transfers import Totals, TransferError


def test_a_write_tells_all_that_a_person_wants_to_know():
    write = PendingWrite(7, Kind.PUT, "b", "k", 5, 1.0, state=PendingState.FAILED, attempts=2)
    write.error = PushError("AccessDenied", "no", "R1", 403, 9.0)
    told = transfer_of(write)
    assert (told.id, told.kind, told.operation, told.state) == ("7", "push", "put", "failed")
    assert told.error == TransferError("AccessDenied", "no", "R1", 403, 9.0)


def test_a_write_that_is_being_pushed_runs():
    write = PendingWrite(7, Kind.TAGS, "b", "k", 5, 1.0, state=PendingState.PUSHING)
    assert transfer_of(write).state == "running"


async def test_the_numbers_of_the_queue(gate):
    await gate.put("a", b"12345")
    await gate.put("b", b"123")
    await gate.rig.journal.control.hold(1)
    status = queue_status(gate.queue)
    assert (status.waiting, status.held, status.moving) == (
        Totals(1, 3),
        Totals(1, 5),
        Totals(1, 3),
    )
    assert status.left == Totals(2, 8)
    assert (status.limits.when_full, status.paused, status.trouble) == ("wait", False, "")
    assert status.path == str(Path(gate.queue.path))
