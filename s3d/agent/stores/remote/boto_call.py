"""Requests of the agent that go through aioboto3: those of directory buckets, and event streams.

It opens the sessions that directory buckets are signed with. aioboto3 is imported and its client
made at the first such call, in a thread: both together take most of a second, and 33 MiB.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode

from s3d.agent.core.failures import Refusal, Refused, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import quote_etags
from s3d.agent.s3.messages import Members, S3Request, S3Response, StreamBody
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.s3.request import is_header_only
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.remote.addressing import Target
from s3d.agent.stores.remote.direct_call import DOCUMENT_MEMBERS, placed
from s3d.agent.stores.remote.error_mapping import refused
from s3d.agent.stores.remote.loop_detection import HOPS, ViaTracker
from s3d.agent.stores.remote.remote_connection import (
    FIRST_ATTEMPT,
    MAX_CORRECTIONS,
    RemoteConnection,
)
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.response_proof import Evidence

logger = logging.getLogger(__name__)

_request: ContextVar[S3Request[Any]] = ContextVar("request")
"""The request that this task sends; the hooks of aioboto3 are not passed it."""

_trace: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""The span that makes this request."""


class BotoCaller:
    """Calls operations of aioboto3's client."""

    def __init__(self, connection: RemoteConnection, via: ViaTracker) -> None:
        """via: the agents that a request has passed."""
        self._connection = connection
        self._via = via
        self._boto: Any = None
        self._client: Any = None
        self._names: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def send(self, request: S3Request[Any]) -> S3Response[Any]:
        """The response in members. Raises S3Error as every store does."""
        if request.body is not None:
            await (
                request.body.aclose()
            )  # the document of the client, which is in the input as members
        for _ in range(MAX_CORRECTIONS - 1):
            try:
                return await self._reach(request)
            except S3Error as error:
                cause = error.failure
                # botocore itself follows redirects: only it knows where it has sent the request.
                change = isinstance(cause, Refused) and await self._connection.correct(
                    request.bucket, cause.refusal, {}
                )
                if not change:
                    raise
                logger.info(
                    "the remote %s; sending the request again remote=%s",
                    change,
                    self._connection.url,
                )
        return await self._reach(request)

    async def close(self) -> None:
        """Close all connections; a call after that opens new ones."""
        if self._client is not None:
            await self._client.close()

    async def _reach(self, request: S3Request[Any]) -> S3Response[Any]:
        """One response; a read that got none is sent again, with the rest of its time."""
        repeatable = request.op.access in ("read", "list")
        limit = self._connection.monitor.time_limit(request.op, repeatable=repeatable)
        if not repeatable:
            return await self._once(request, limit)
        try:
            return await self._once(request, limit * FIRST_ATTEMPT)
        except S3Error as error:
            cause = error.failure
            if not (isinstance(cause, Unreachable) and cause.sent and not cause.status):
                raise
        return await self._once(request, limit * (1 - FIRST_ATTEMPT))

    async def _once(self, request: S3Request[Any], limit: float) -> S3Response[Any]:
        """limit: seconds until the response."""
        target, region = await self._connection.target(request.bucket)
        target.locate(request.bucket)  # raises for an invalid name
        client = await self._ready()
        op = request.op
        call = getattr(client, self._names.get(op.name, ""), None)
        if call is None:
            raise S3Error("NotImplemented")
        given = for_boto(op.name, request.input)
        if op.name == "CreateBucket" and target.is_aws:
            given = placed(given, region)
        trace = request.context.trace
        under_way = _request.set(request)
        try:
            with self._connection.spans.request(
                op.name, trace, request.bucket, request.key
            ) as span:
                _trace.set(trace if span is None else span.context)
                async with asyncio.timeout(limit):
                    output: Members = await call(**given)
        except self._boto.ERRORS as error:
            ours = self._translated(request, error)
            raise ours from ours.failure
        finally:
            _request.reset(under_way)
            _trace.set(None)
        return from_boto(request, output)

    async def _verify(self, status: int, headers: Mapping[str, str], document: bytes) -> None:
        """Verify a response before botocore parses it. Raises S3Error if it is another's."""
        request = _request.get()
        version = request.input.get("VersionId")
        query = urlencode({"versionId": version}) if version else ""
        sent = RemoteRequest(request.op, request.op.method, request.bucket, request.key, query)
        await self._connection.verify(sent, Evidence(status, headers, document))

    async def _ready(self) -> Any:
        async with self._lock:
            if self._client is None:
                target, region = await self._connection.target()
                self._client = await asyncio.to_thread(self._make, target, region)
                names = self._client.meta.method_to_api_mapping
                self._names = {operation: method for method, operation in names.items()}
        return self._client

    def _make(self, target: Target, region: str) -> Any:
        from s3d.agent.stores.remote import boto_client

        self._boto = boto_client
        hooks = boto_client.Hooks(
            self._connection,
            headers=lambda: {HOPS: self._via.header},
            unsigned_headers=self._trace_headers,
            verify=self._verify,
        )
        return boto_client.make_client(hooks, target, region)

    def _trace_headers(self) -> dict[str, str]:
        trace = _trace.get()
        return {} if trace is None else dict(self._connection.spans.headers(trace))

    def _translated(self, request: S3Request[Any], error: Exception) -> S3Error:
        """The S3Error, with its cause, for an exception of aioboto3."""
        output = self._boto.error_answer(error)
        if output is not None:
            return refused(request.op, _refusal(output), _details(output))
        cause = self._boto.unreachable_by(error)
        if cause is not None:
            return self._connection.monitor.failed(cause)
        ours = S3Error("InvalidRequest", str(error))  # botocore refused to send these members
        ours.failure = error
        return ours


def for_boto(name: str, members: Members) -> Members:
    """Our input members in the form of boto3."""
    dropped = () if is_header_only(name) else DOCUMENT_MEMBERS
    given = {k: v for k, v in members.items() if v is not None and k not in dropped}
    if "CopySource" in given and isinstance(given["CopySource"], str):
        bucket, key, version = parse_copy_source(given["CopySource"])
        named = {"Bucket": bucket, "Key": key, "VersionId": version}
        given["CopySource"] = {k: v for k, v in named.items() if v}
    return given


def from_boto(request: S3Request[Any], output: Members) -> S3Response[Any]:
    """The response of boto3 as ours. Raises S3Error NotImplemented for an event stream."""
    op = request.op
    status = output.pop("ResponseMetadata")["HTTPStatusCode"]
    if "EncodingType" not in request.input:
        output.pop("EncodingType", None)  # botocore requested the encoding, and has decoded it
    quote_etags(op.name, output)
    body = output.pop("Body", None) if op.streaming_output else None
    if op.streaming_output and body is None:
        for stream in output.values():
            if hasattr(stream, "close"):
                stream.close()
        raise S3Error("NotImplemented")
    stream = StreamBody(body.iter_chunks()) if body is not None else None
    return S3Response(output, stream, None if status == op.status else status)


def _refusal(output: Members) -> Refusal:
    error, meta = output.get("Error", {}), output["ResponseMetadata"]
    code = str(error.get("Code", ""))
    after = meta.get("HTTPHeaders", {}).get("retry-after", "")
    return Refusal(
        meta["HTTPStatusCode"],
        "" if code.isdigit() else code,
        "" if code.isdigit() else error.get("Message", ""),
        meta.get("RequestId", ""),
        float(after) if after.isdigit() else None,
    )


def _details(output: Members) -> dict[str, str]:
    return {k: v for k, v in output.get("Error", {}).items() if isinstance(v, str)}
