"""Members sent the way of a client's request: as a wire that the remote store forwards verbatim."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.handlers import validate_ascii_metadata, validate_bucket_name

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response, WireRequest
from s3d.agent.s3.model import Operation
from s3d.agent.stores.remote.boto_call import for_boto
from s3d.agent.stores.remote.direct_call import direct_request, settled
from s3d.agent.stores.remote.loop_detection import HOPS
from tests.contract.client import read


class Forwarding:
    """Gives each request the wire that boto3 makes of it, and reads the wire of the answer."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self._client: Any = boto3.client(
            "s3",
            endpoint_url="http://client.invalid",  # https would put checksums behind the body
            region_name="us-east-1",
            aws_access_key_id="clientkey",
            aws_secret_access_key="clientsecret",
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                parameter_validation=False,
                retries={"total_max_attempts": 1},
            ),
        )
        self._client.meta.events.register("before-send.s3", _capture)
        # A hostile client sends what it likes.
        self._client.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
        for name in ("PutObject", "CopyObject", "CreateMultipartUpload"):
            event = f"before-parameter-build.s3.{name}"
            self._client.meta.events.unregister(event, validate_ascii_metadata)

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        members = dict(request.input)
        if request.body is not None:
            members["Body"] = await read(request.body)
        if hasattr(self._client, xform_name(request.op.name)):
            wire, document = self._wire(request.op, members)
        else:
            wire, document = _own_wire(request, members.get("Body") or b"")
        body = BytesBody(document) if document or request.body else None
        sent = S3Request(request.op, request.input, body, wire)
        return await settled(request.op, await self._inner.call(sent))

    def _wire(self, op: Operation, members: Members) -> tuple[WireRequest, bytes]:
        try:
            getattr(self._client, xform_name(op.name))(**for_boto(op.name, members))
        except _Captured as captured:
            sent = captured.request
        url = urlsplit(sent.url)
        headers = tuple((name.lower(), _text(value)) for name, value in sent.headers.items())
        body = sent.body.read() if hasattr(sent.body, "read") else sent.body or b""
        return WireRequest(sent.method, url.path, url.query, headers), body


def _own_wire(request: S3Request[Any], body: bytes) -> tuple[WireRequest, bytes]:
    """The wire of an operation that is newer than boto3."""
    given = request.replace(body=BytesBody(body) if body else None)
    sent = direct_request(given, "", trailers=False)
    document = sent.body if isinstance(sent.body, bytes) else body
    headers = tuple(each for each in sent.headers if each[0] != HOPS)
    path = quote(f"/{request.bucket}/{request.key}" if request.key else f"/{request.bucket}")
    return WireRequest(sent.method, path, sent.raw_query, headers), document


class _Captured(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request: Any = request


def _capture(request: AWSPreparedRequest, **_: Any) -> None:
    raise _Captured(request)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
