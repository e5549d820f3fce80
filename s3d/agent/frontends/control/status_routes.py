"""Routes of the agent's status: hello, status, the snapshot for the event stream, health,
metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from s3d import __version__
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import RING, SUBSCRIBERS, Events
from s3d.agent.frontends.control.control_call import Call, Handler, Route, answer
from s3d.agent.frontends.control.object_routes import get_tags
from s3d.agent.frontends.control.object_states import ObjectStates
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.records import StoreTotals
from s3d.shared import control
from s3d.shared.control import AgentStatus, ApiVersion, BucketInfo, Hello, ObjectInfo, State
from s3d.shared.diagnostics import READY, Readiness
from s3d.shared.status_rows import status_rows
from s3d.shared.text import in_columns

FEATURES = [
    "buckets",
    "objects",
    "tags",
    "presign",
    "events",
    "queue",
    "transfers",
    "migration",
    "cache",
    "remotes",
]
LIMITS = {"page": control.MAX_PAGE, "subscribers": SUBSCRIBERS, "events": RING}


@dataclass(frozen=True, slots=True)
class StatusSources:
    """Functions that return the parts of the status."""

    agent: Callable[[], Awaitable[AgentStatus]]
    usage: Callable[[str], Awaitable[StoreTotals | None]]
    """Objects and bytes of a bucket; None: only the remote knows them."""
    readiness: Callable[[], Readiness]
    metrics: Callable[[str], tuple[bytes, str]]
    """Accept header -> the metrics and their content type."""


class StatusRoutes:
    """Status of the agent, a bucket or an object."""

    def __init__(
        self,
        sources: StatusSources,
        objects: S3Client,
        events: Events,
        object_states: ObjectStates | None = None,
    ) -> None:
        self._sources = sources
        self._objects = objects
        self._events = events
        self._object_states = object_states

    def routes(self) -> list[Route]:
        watched: dict[str, Handler] = {
            "/healthz": self.health,
            "/readyz": self.readiness,
            "/metrics": self.metrics,
        }
        return [
            Route("GET", "/v1/hello", self.hello),
            Route("GET", "/v1/status", self.status, frozenset({"bucket", "key"})),
            Route("GET", "/v1/state", self.state),
            *(Route(method, *each) for method in ("GET", "HEAD") for each in watched.items()),
        ]

    async def hello(self, call: Call) -> web.Response:
        status = await self._sources.agent()
        return answer(
            Hello(
                agent=__version__,
                api=ApiVersion(),
                boot=self._events.boot,
                pid=status.pid,
                endpoint=status.endpoint,
                features=FEATURES,
                limits=LIMITS,
            )
        )

    async def status(self, call: Call) -> web.Response:
        """Answer the status of the agent, or of the bucket or the object that the query names.

        The agent's is also text for people, as `s3d status` prints it.
        """
        bucket, key = call.query.get("bucket", ""), call.query.get("key", "")
        if key:
            return answer(await self._object(call.required("bucket"), key))
        if bucket:
            return answer(await self._bucket(bucket))
        status = await self._sources.agent()
        if call.request.headers.get("Accept") == "text/plain":
            return web.Response(text=in_columns(status_rows(status)))
        return answer(status)

    async def state(self, call: Call) -> web.Response:
        """A snapshot. Its seq is read first, so that no event is lost; one may come twice."""
        seq = self._events.seq
        status = await self._sources.agent()
        try:
            buckets = await self._objects.buckets()
        except S3Error:  # the remote is unreachable, which the status shows
            buckets = []
        return answer(State(seq, self._events.boot, status, buckets))

    async def health(self, call: Call) -> web.Response:
        """200 while the event loop runs."""
        return web.Response(text="ok\n")

    async def readiness(self, call: Call) -> web.Response:
        """200 when the agent is ready, else 503; the reasons in both cases."""
        readiness = self._sources.readiness()
        return answer(readiness, 200 if readiness.status == READY else 503)

    async def metrics(self, call: Call) -> web.Response:
        """All metrics as Prometheus text, or as OpenMetrics for those who accept it."""
        body, content_type = self._sources.metrics(call.request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _bucket(self, bucket: str) -> BucketInfo:
        buckets = {info.name: info for info in await self._objects.buckets()}
        if bucket not in buckets:
            raise S3Error("NoSuchBucket", BucketName=bucket)
        usage = await self._sources.usage(bucket)
        return msgspec.structs.replace(
            buckets[bucket],
            objects=None if usage is None else usage.objects,
            size=None if usage is None else usage.size,
            tags=await self._objects.tags(bucket),
            versioning=await self._objects.versioning(bucket),
        )

    async def _object(self, bucket: str, key: str) -> ObjectInfo:
        """The object; its tags may be unknown while a remote is away."""
        info, tags_error = await self._objects.head(bucket, key), ""
        if info is not None:
            try:
                tags = await get_tags(self._objects, bucket, key)
                info = msgspec.structs.replace(info, tags=tags)
            except S3Error as error:
                if self._object_states is None or error.code != "ServiceUnavailable":
                    raise
                tags_error = error.message
        if self._object_states is not None:
            status = await self._object_states.object_status(bucket, key, info)
            info = status and msgspec.structs.replace(status, tags_error=tags_error)
        if info is None:
            raise S3Error("NoSuchKey", Key=key)
        return info
