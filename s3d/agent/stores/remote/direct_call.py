"""Requests of the agent that are sent without aioboto3: members -> one signed request -> members.

aioboto3 costs six to eight times the CPU, and 33 MiB of memory once it is imported. Keys of a
listing travel percent-encoded, since XML has no control characters, and are decoded here, as boto3
does. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html

A document is small, so it is signed with its SHA-256. Where AWS requires a checksum of it, it has a
Content-MD5, which every server accepts.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cache
from typing import Any
from urllib.parse import quote

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import quote_etags
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.model import Operation, service
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.s3.parse import parse_output
from s3d.agent.s3.request import is_header_only, serialize_document, serialize_input
from s3d.agent.s3.signature_elements import EMPTY_SHA256
from s3d.agent.stores.remote.addressing import is_directory_bucket
from s3d.agent.stores.remote.encoded_listing import LISTINGS, decode
from s3d.agent.stores.remote.error_mapping import error_elements, is_refusal, read_refusal, refused
from s3d.agent.stores.remote.forward import UNSIGNED, attach_trailed
from s3d.agent.stores.remote.loop_detection import HOPS
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_messages import (
    Headers,
    RemoteRequest,
    RemoteResponse,
    read_document,
)
from s3d.agent.stores.remote.request_body import HashedBody
from s3d.agent.stores.remote.response_proof import root_of
from s3d.agent.stores.remote.spooled_body import with_size
from s3d.agent.stores.remote.static_credentials import DEFAULT_REGION

OPERATIONS = frozenset((
    "DeleteObject", "GetObject", "HeadBucket", "HeadObject", "ListBuckets", "PutObject",
    "UploadPart",
))  # fmt: skip
"""Operations whose members are headers and query words only, and that the agent sends often."""

_LATE_ERRORS = frozenset(("CompleteMultipartUpload", "CopyObject", "UploadPartCopy"))
"""Operations that may fail after their status 200 is sent: then the document is an error's, and it
means what a 500 does. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
MAX_DOCUMENT = 32 * 1024 * 1024
"""Bytes of an XML document: far more than 1000 keys or 10,000 parts need."""
DOCUMENT_MEMBERS = ("ContentMD5", "ChecksumAlgorithm")
"""Members about the document as the client wrote it; ours is another one."""


def can_send(request: S3Request[Any]) -> bool:
    """Whether the request needs no aioboto3: for directory buckets it opens the sessions, and it
    reads event streams."""
    op = request.op
    if op.name in OPERATIONS:
        return True
    if is_directory_bucket(request.bucket) or op.name in _DIRECTORY_BUCKET_OPERATIONS:
        return False
    return not op.streaming_output or op.name in _STREAMS


_DIRECTORY_BUCKET_OPERATIONS = frozenset(("CreateSession", "ListDirectoryBuckets", "RenameObject"))
_STREAMS = frozenset(("GetObjectTorrent",))
"""Operations with a body that is not an event stream."""


async def send(connection: RemoteConnection, request: S3Request[Any], hops: str) -> S3Response[Any]:
    """The response in members; 304 is a response. Raises S3Error as every store does.

    hops: the ids of the agents that the request has passed, ours included.
    """
    is_encoded_here = request.op.name in LISTINGS and not request.input.get("EncodingType")
    if is_encoded_here:
        request = request.replace(input={**request.input, "EncodingType": "url"})
    if request.body is not None and request.body.size is None:
        request = request.replace(body=await with_size(request.body, connection.settings.spool))
    response = await _respond(connection, request, hops)
    try:
        answer = await _in_members(request.op, response.status, response.headers, response.body)
    except S3Error as error:
        if not isinstance(error.failure, Unreachable) or request.op.access not in ("read", "list"):
            raise
        # The document broke off. What only reads is asked once more, as without any response.
        response = await _respond(connection, request, hops)
        answer = await _in_members(request.op, response.status, response.headers, response.body)
    if is_encoded_here:
        decode(request.op.name, answer.output)
    return answer


async def _respond(
    connection: RemoteConnection, request: S3Request[Any], hops: str
) -> RemoteResponse:
    """The response, if it is no refusal; the body of the request is closed."""
    try:
        if request.op.name == "CreateBucket":
            request = await _placed(connection, request)
        trailers = connection.settings.trailers
        response = await connection.send(direct_request(request, hops, trailers=trailers))
    finally:
        if request.body is not None:
            await request.body.aclose()
    if response.refusal is not None:
        raise refused(request.op, response.refusal, error_elements(response.document))
    return response


async def _placed(connection: RemoteConnection, request: S3Request[Any]) -> S3Request[Any]:
    target, region = await connection.target(request.bucket)
    return request.replace(input=placed(request.input, region)) if target.is_aws else request


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


async def _in_members(op: Operation, status: int, headers: Headers, body: Body) -> S3Response[Any]:
    streams = op.streaming_output and status in (200, 206)
    document = b"" if streams else await read_document(body, MAX_DOCUMENT)
    if op.name in _LATE_ERRORS and root_of(document) == "Error":
        refusal = read_refusal(500, dict(headers), document.lstrip())
        raise refused(op, refusal, error_elements(document.lstrip()))
    try:
        output = parse_output(op, status, headers, document)
    except ValueError as error:
        await body.aclose()
        raise S3Error("InternalError", f"The remote's response is invalid: {error}") from error
    quote_etags(op.name, output)
    return S3Response(output, body if streams else None, None if status == op.status else status)


# ---------------------------------------------------------------- members -> request


def direct_request(request: S3Request[Any], hops: str, *, trailers: bool) -> RemoteRequest:
    """Raises S3Error InvalidRequest or InvalidArgument for members that cannot be sent.

    hops: the ids of the agents that the request has passed. trailers: the remote accepts them.
    """
    op, members = request.op, request.input
    has_document = not is_header_only(op.name)
    if has_document:
        members = {k: v for k, v in members.items() if k not in DOCUMENT_MEMBERS}
    for name in _required(op.name):
        if members.get(name) in (None, ""):
            raise S3Error("InvalidArgument", f"{name} is missing", ArgumentName=name)
    if members.get("CopySource"):
        members = {**members, "CopySource": copy_source(members["CopySource"])}
    try:
        query, headers = serialize_input(op.name, members)
    except ValueError as error:
        raise S3Error("InvalidArgument", str(error)) from error
    headers = [each for each in headers if each[0] != "content-length"]
    result = RemoteRequest(
        op, op.method, request.bucket, request.key, query, [*headers, (HOPS, hops)]
    )
    result.trace = request.context.trace
    result.may_repeat = op.access in ("read", "list")
    if has_document:
        _attach_document(result, members)
    elif op.streaming_input and request.body is not None:
        _attach(result, request.body, members, trailers=trailers)
    return result


@cache
def _required(name: str) -> tuple[str, ...]:
    """Members outside the document without which the request is that of another operation:
    AbortMultipartUpload without UploadId deletes the object, and DeleteObject without Key the
    bucket."""
    given = service().input_of(name)
    places = ("header", "querystring", "uri")
    return tuple(each for each in given.required if given.members[each].location in places)


def copy_source(value: str) -> str:
    """A CopySource as the header has it, percent-encoded."""
    bucket, key, version = parse_copy_source(value)
    return quote(f"{bucket}/{key}", safe="/-_.~") + (f"?versionId={version}" if version else "")


def placed(members: Members, region: str) -> Members:
    """CreateBucket for AWS, where a region must be named unless it is us-east-1.

    It is not sent to other servers: they have one region, maybe under another name.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    if region == DEFAULT_REGION or members.get("CreateBucketConfiguration"):
        return members
    return {**members, "CreateBucketConfiguration": {"LocationConstraint": region}}


def _attach_document(request: RemoteRequest, members: Members) -> None:
    """Raises S3Error InvalidRequest."""
    try:
        document = serialize_document(request.op.name, members)
    except ValueError as error:
        raise S3Error("InvalidRequest", str(error)) from error
    request.body, request.length = document, len(document)
    request.payload = hashlib.sha256(document).hexdigest()
    if document and "ChecksumAlgorithm" in service().input_of(request.op.name).members:
        digest = hashlib.md5(document, usedforsecurity=False).digest()
        request.headers.append(("content-md5", base64.b64encode(digest).decode()))


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


def _sha256(members: Members) -> str:
    """The SHA-256 of the body in hex, when a member has it."""
    try:
        return base64.b64decode(members.get("ChecksumSHA256") or "", validate=True).hex()
    except binascii.Error:
        return ""
