from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.frontends.control.control_call import Call
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.trace_routes import TraceRoutes
from s3d.agent.s3.messages import BytesBody, RequestContext
from s3d.agent.s3.trace_context import TraceContext
from s3d.shared.control import decode
from s3d.shared.diagnostics import ObjectLife
from tests.agent.stores.write_queue.rig import SLOW_DOWN, Rig, open_rig

TRACE = TraceContext("a" * 32, "b" * 16)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as rig:
        yield rig


async def life(routes: TraceRoutes) -> ObjectLife:
    request = SimpleNamespace(match_info={"bucket": "bbb"})
    response = await routes.trace(Call(request, {"key": "k"}))  # type: ignore[arg-type]
    assert isinstance(response.body, bytes)
    return decode(response.body, ObjectLife)


async def test_a_pending_write_that_is_not_in_the_history_was_accepted(rig, tmp_path):
    context = RequestContext("CLIENT", trace=TRACE)
    await S3Client(rig.staged.store, context).store("bbb", "k", BytesBody(b"value"))
    routes = TraceRoutes(ObjectHistory(tmp_path), SimpleNamespace(journal=rig.journal))
    (event,) = (await life(routes)).events
    assert (event.event, event.request_id, event.trace_id) == ("accepted", "CLIENT", "a" * 32)
    assert event.at == rig.time.clock.now()
    assert event.data == {"seq": 1, "operation": "put", "size": 5}


async def test_what_is_in_the_history_is_told_once(rig, tmp_path):
    history = ObjectHistory(tmp_path)
    rig.events.taps.append(history.on_event)
    context = RequestContext("CLIENT", trace=TRACE)
    await S3Client(rig.staged.store, context).store("bbb", "k", BytesBody(b"value"))
    (event,) = (await life(TraceRoutes(history, SimpleNamespace(journal=rig.journal)))).events
    assert (event.event, event.request_id, event.trace_id) == ("accepted", "CLIENT", "a" * 32)


async def test_failures_are_part_of_the_life_of_an_object(rig, tmp_path):
    history = ObjectHistory(tmp_path)
    rig.events.taps.append(history.on_event)
    rig.remote.fail("PutObject", SLOW_DOWN)
    await S3Client(rig.staged.store).store("bbb", "k", BytesBody(b"value"))
    rig.start()
    await rig.back()
    await rig.advance(60)
    await rig.pushed()
    told = await life(TraceRoutes(history, None))
    assert [event.event for event in told.events] == ["accepted", "push failed", "pushed"]
    assert told.events[1].data["code"] == "SlowDown"


async def test_without_a_remote_there_is_nothing_to_follow():
    with pytest.raises(ControlError, match="no remote"):
        await life(TraceRoutes(None, None))
