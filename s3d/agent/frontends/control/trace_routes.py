"""The route of `s3d trace`: what has happened to an object here, also before a restart."""

from __future__ import annotations

from aiohttp import web

from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.stores.write_queue.queue_status import QueueParts
from s3d.shared import control
from s3d.shared.control import Scalar
from s3d.shared.diagnostics import ObjectEvent, ObjectLife

ACCEPTED = "accepted"


class TraceRoutes:
    """Without a remote each call is refused."""

    def __init__(self, history: ObjectHistory | None, queue: QueueParts | None) -> None:
        self._history = history
        self._queue = queue

    def routes(self) -> list[Route]:
        path = "/v1/buckets/{bucket}/object:trace"
        return [Route("GET", path, self.trace, frozenset({"key"}))]

    async def trace(self, call: Call) -> web.Response:
        """The events of one object, oldest first.

        The history is complete but for the last second before a kill. What is lost there is in the
        rows of the writes that are pending.
        """
        if self._history is None:
            hint = "set S3D_REMOTE: an object of the embedded store stays where it is"
            raise ControlError(409, control.NO_REMOTE, "there is no remote", hint)
        bucket, key = call.bucket, call.key
        events = await self._history.of(bucket, key)
        known = {event.data.get("seq") for event in events if event.event == ACCEPTED}
        events += await self._pending(bucket, key, known)
        return answer(ObjectLife(bucket, key, sorted(events, key=lambda event: event.at)))

    async def _pending(self, bucket: str, key: str, known: set[Scalar]) -> list[ObjectEvent]:
        """That pending writes were accepted: a kill may have come before it was in the history."""
        if self._queue is None:
            return []
        journal, found = self._queue.journal, []
        for write in journal.pending.of_key(bucket, key):
            row = await journal.load(write) if write.seq not in known else None
            if row is not None:
                trace = row.origin.trace
                data: dict[str, Scalar] = {"seq": write.seq, "operation": str(write.kind)}
                found.append(
                    ObjectEvent(
                        row.base.accepted,
                        ACCEPTED,
                        row.origin.request_id,
                        "" if trace is None else trace.trace_id,
                        {**data, "size": write.size},
                    )
                )
        return found
