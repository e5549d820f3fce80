"""Object reads, writes and deletes that the agent made or edited: members -> one signed request.

All their members are headers and query words, so they need no aioboto3, which costs six to eight
times the CPU.
"""

from __future__ import annotations

import base64
import binascii
from contextlib import aclosing
from typing import Any

from s3d.agent.s3.canonical import EMPTY_SHA256
from s3d.agent.s3.conditions import quote_etags
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.model import Operation
from s3d.agent.s3.parse import parse_output
from s3d.agent.s3.request import serialize_input
from s3d.agent.stores.remote.error_mapping import error_elements, is_refusal, read_refusal, refused
from s3d.agent.stores.remote.forward import HOPS, UNSIGNED, attach_trailed
from s3d.agent.stores.remote.messages import Call, Headers
from s3d.agent.stores.remote.remote_connection import Connection
from s3d.agent.stores.remote.request_body import HashedBody

OPERATIONS = frozenset(("DeleteObject", "GetObject", "HeadObject", "PutObject", "UploadPart"))

MAX_DOCUMENT = 32 * 1024 * 1024
"""Bytes of an answer in XML: far more than 1000 keys or 10,000 parts need."""


async def ask(connection: Connection, request: S3Request[Any], hops: str) -> S3Response[Any]:
    """The remote's answer in members; 304 is an answer. Raises S3Error as every store does.

    hops: whom it has passed, us included.
    """
    try:
        call = _call_of(connection, request, hops)
        answer = await connection.ask(call)
    finally:
        if request.body is not None:
            await request.body.aclose()
    if answer.refusal is not None:
        raise refused(request.op, answer.refusal)
    return await _in_members(request.op, answer.status, answer.headers, answer.body)


async def settled(op: Operation, response: S3Response[Any]) -> S3Response[Any]:
    """A forwarded answer in members, for a caller that wants them. Raises S3Error for an error."""
    wire = response.wire
    body = response.body or BytesBody(b"")
    if wire is None:
        return response
    if is_refusal(wire.status):
        document = await _read(body)
        refusal = read_refusal(wire.status, dict(wire.headers), document)
        raise refused(op, refusal, error_elements(document))
    return await _in_members(op, wire.status, wire.headers, body)


def _call_of(connection: Connection, request: S3Request[Any], hops: str) -> Call:
    op = request.op
    try:
        query, headers = serialize_input(op.name, request.input)
    except ValueError as error:
        raise S3Error("InvalidArgument", str(error)) from error
    kept = [each for each in headers if each[0] != "content-length"]
    call = Call(op, op.method, request.bucket, request.key, query, [*kept, (HOPS, hops)])
    call.may_repeat = op.access in ("read", "list")
    if op.streaming_input and request.body is not None:
        _attach(call, request.body, request.input, trailers=connection.settings.trailers)
    return call


def _attach(call: Call, body: Body, members: Members, *, trailers: bool) -> None:
    """Give the Call its body; a checksum that was asked for and not given goes after it."""
    size = body.size if body.size is not None else members.get("ContentLength")
    call.length = size
    call.body = body.data if isinstance(body, BytesBody) else body
    call.payload = _sha256(members) or UNSIGNED
    if size == 0:
        call.body, call.payload = b"", EMPTY_SHA256
    algorithm = members.get("ChecksumAlgorithm")
    if not algorithm or members.get(f"Checksum{algorithm}"):
        return
    if trailers and size is not None:
        hashed = HashedBody(body, algorithm)
        attach_trailed(call, hashed, size, (hashed.trailer,))
    else:
        call.headers = [each for each in call.headers if each[0] != "x-amz-sdk-checksum-algorithm"]


async def _in_members(op: Operation, status: int, headers: Headers, body: Body) -> S3Response[Any]:
    streams = op.streaming_output and status in (200, 206)
    document = b"" if streams else await _read(body)
    try:
        output = parse_output(op, status, headers, document)
    except ValueError as error:
        await body.aclose()
        raise S3Error("InternalError", f"The remote's answer makes no sense: {error}") from error
    quote_etags(op.name, output)
    return S3Response(output, body if streams else None, None if status == op.status else status)


async def _read(body: Body) -> bytes:
    """All of a document, which is closed. Raises S3Error InternalError for an endless one."""
    found = bytearray()
    async with aclosing(body):
        async for chunk in body:
            found += chunk
            if len(found) > MAX_DOCUMENT:
                raise S3Error("InternalError", "The remote's answer is too long.")
    return bytes(found)


def _sha256(members: Members) -> str:
    """The body's SHA-256 in hex when a member tells it."""
    try:
        return base64.b64decode(members.get("ChecksumSHA256") or "", validate=True).hex()
    except binascii.Error:
        return ""
