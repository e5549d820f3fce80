"""Requests of the agent that are sent without aioboto3: members -> one signed request -> members.

The members of these operations are headers and query words only, and aioboto3 costs six to eight
times the CPU. Keys of a listing travel percent-encoded, since XML has no control characters, and
are decoded here, as boto3 does.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import quote_etags
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.model import Operation
from s3d.agent.s3.parse import parse_output
from s3d.agent.s3.request import serialize_input
from s3d.agent.s3.signature_elements import EMPTY_SHA256
from s3d.agent.stores.remote.error_mapping import error_elements, is_refusal, read_refusal, refused
from s3d.agent.stores.remote.forward import UNSIGNED, attach_trailed
from s3d.agent.stores.remote.loop_detection import HOPS
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_messages import Headers, RemoteRequest, read_document
from s3d.agent.stores.remote.request_body import HashedBody

OPERATIONS = frozenset((
    "DeleteObject", "GetObject", "HeadBucket", "HeadObject", "ListBuckets", "PutObject",
    "UploadPart",
))  # fmt: skip
LISTING_OPERATIONS = frozenset(("ListObjectsV2",))

MAX_DOCUMENT = 32 * 1024 * 1024
"""Bytes of an XML document: far more than 1000 keys or 10,000 parts need."""

_ENCODED = ("Prefix", "Delimiter", "StartAfter")
"""Members of a listing, apart from its rows, that encoding-type=url encodes."""


async def send(connection: RemoteConnection, request: S3Request[Any], hops: str) -> S3Response[Any]:
    """The response in members; 304 is a response. Raises S3Error as every store does.

    hops: the ids of the agents that the request has passed, ours included.
    """
    try:
        remote_request = _remote_request(connection, request, hops)
        response = await connection.send(remote_request)
    finally:
        if request.body is not None:
            await request.body.aclose()
    if response.refusal is not None:
        raise refused(request.op, response.refusal)
    return await _in_members(request.op, response.status, response.headers, response.body)


async def send_listing(
    connection: RemoteConnection, request: S3Request[Any], hops: str
) -> S3Response[Any]:
    """Send a request for a page of a listing. Keys are asked for in URL encoding, because XML 1.0
    cannot represent all of them."""
    if request.input.get("EncodingType"):
        return await send(connection, request, hops)
    encoded = request.replace(input={**request.input, "EncodingType": "url"})
    response = await send(connection, encoded, hops)
    if response.output.pop("EncodingType", "") == "url":
        _decode(response.output)
    return response


async def settled(op: Operation, response: S3Response[Any]) -> S3Response[Any]:
    """A forwarded response in members. Raises S3Error for an error response."""
    wire = response.wire
    body = response.body or BytesBody(b"")
    if wire is None:
        return response
    if is_refusal(wire.status):
        document = await read_document(body, MAX_DOCUMENT)
        refusal = read_refusal(wire.status, dict(wire.headers), document)
        raise refused(op, refusal, error_elements(document))
    return await _in_members(op, wire.status, wire.headers, body)


def _remote_request(
    connection: RemoteConnection, request: S3Request[Any], hops: str
) -> RemoteRequest:
    op = request.op
    try:
        query, headers = serialize_input(op.name, request.input)
    except ValueError as error:
        raise S3Error("InvalidArgument", str(error)) from error
    headers = [each for each in headers if each[0] != "content-length"]
    remote_request = RemoteRequest(
        op, op.method, request.bucket, request.key, query, [*headers, (HOPS, hops)]
    )
    remote_request.trace = request.context.trace
    remote_request.may_repeat = op.access in ("read", "list")
    if op.streaming_input and request.body is not None:
        trailers = connection.settings.trailers
        _attach(remote_request, request.body, request.input, trailers=trailers)
    return remote_request


def _attach(request: RemoteRequest, body: Body, members: Members, *, trailers: bool) -> None:
    """Add the body, followed by a checksum when one is required and none is given."""
    size = body.size if body.size is not None else members.get("ContentLength")
    request.length = size
    request.body = body.data if isinstance(body, BytesBody) else body
    request.payload = _sha256(members) or UNSIGNED
    if size == 0:
        request.body, request.payload = b"", EMPTY_SHA256
    algorithm = members.get("ChecksumAlgorithm")
    if not algorithm or members.get(f"Checksum{algorithm}"):
        return
    if trailers and size is not None:
        hashed = HashedBody(body, algorithm)
        attach_trailed(request, hashed, size, (hashed.trailer,))
    else:
        request.headers = [
            each for each in request.headers if each[0] != "x-amz-sdk-checksum-algorithm"
        ]


async def _in_members(op: Operation, status: int, headers: Headers, body: Body) -> S3Response[Any]:
    streams = op.streaming_output and status in (200, 206)
    document = b"" if streams else await read_document(body, MAX_DOCUMENT)
    try:
        output = parse_output(op, status, headers, document)
    except ValueError as error:
        await body.aclose()
        raise S3Error("InternalError", f"The remote's response is invalid: {error}") from error
    quote_etags(op.name, output)
    return S3Response(output, body if streams else None, None if status == op.status else status)


def _sha256(members: Members) -> str:
    """The SHA-256 of the body in hex, when a member has it."""
    try:
        return base64.b64decode(members.get("ChecksumSHA256") or "", validate=True).hex()
    except binascii.Error:
        return ""


def _decode(output: Members) -> None:
    for name in _ENCODED:
        if name in output:
            output[name] = unquote_plus(output[name])
    for row in output.get("Contents", ()):
        row["Key"] = unquote_plus(row["Key"])
    for row in output.get("CommonPrefixes", ()):
        row["Prefix"] = unquote_plus(row["Prefix"])
