from s3d.shared.control import ObjectStatus
from tests.agent.stores.write_queue.rig import DENIED, unreachable

STATUS = "/v1/status?bucket=bbb&key=k"


async def test_a_pending_object_is_not_at_the_remote_yet(gate):
    transfer = await gate.put("k", b"12345")
    status = await gate.ask("GET", STATUS, ObjectStatus)
    assert (status.state, status.size, status.remote_etag) == ("pending", 5, None)
    assert [write.id for write in status.pending] == [transfer]


async def test_a_pushed_object_has_the_remote_s_etag(gate):
    await gate.put("k")
    gate.rig.start()
    await gate.rig.pushed()
    status = await gate.ask("GET", STATUS, ObjectStatus)
    assert (status.state, status.pending, status.remote_etag) == ("pushed", [], status.etag)


async def test_a_failed_object_says_why(gate):
    gate.rig.remote.fail("PutObject", DENIED)
    await gate.put("k")
    gate.rig.start()
    await gate.rig.parked()
    status = await gate.ask("GET", STATUS, ObjectStatus)
    assert (status.state, status.pending[0].error.code) == ("failed", "AccessDenied")


async def test_a_held_object_says_so(gate):
    await gate.rig.journal.control.hold(int(await gate.put("k")))
    assert (await gate.ask("GET", STATUS, ObjectStatus)).state == "held"


async def test_a_pending_deletion_is_shown_with_what_the_remote_still_has(gate):
    await gate.rig.there("PutObject", Bucket="bbb", Key="k", Body=b"old")
    await gate.rig.journal.recorder.delete("bbb", ["k"])
    status = await gate.ask("GET", STATUS, ObjectStatus)
    assert (status.state, status.deleted, status.size) == ("pending", True, 0)
    assert status.remote_etag is not None


async def test_a_remote_that_is_away_does_not_hide_what_is_pending(gate):
    gate.rig.remote.fail("", unreachable(), 100)
    await gate.put("k")
    status = await gate.ask("GET", STATUS, ObjectStatus)
    assert (status.state, status.remote_etag) == ("pending", None)
    assert "cannot be reached" in status.remote_error


async def test_what_nobody_has_is_not_found(gate):
    assert await gate.refused("GET", STATUS) == (404, "NoSuchKey")
