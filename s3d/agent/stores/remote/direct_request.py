"""The request of a direct call: members -> method, path, query, headers and body.

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

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request
from s3d.agent.s3.model import service
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.s3.request import is_header_only, serialize_document, serialize_input
from s3d.agent.s3.signature_elements import EMPTY_SHA256
from s3d.agent.stores.remote.forward import UNSIGNED, attach_trailed
from s3d.agent.stores.remote.loop_detection import HOPS
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.request_body import HashedBody
from s3d.agent.stores.remote.static_credentials import DEFAULT_REGION

OF_THE_DOCUMENT = ("ContentMD5", "ChecksumAlgorithm")
"""Members about the document as the client wrote it; ours is another one."""


def direct_request(request: S3Request[Any], hops: str, *, trailers: bool) -> RemoteRequest:
    """Raises S3Error InvalidRequest or InvalidArgument for members that cannot be sent.

    hops: the ids of the agents that the request has passed. trailers: the remote accepts them.
    """
    op, members = request.op, request.input
    has_document = not is_header_only(op.name)
    if has_document:
        members = {k: v for k, v in members.items() if k not in OF_THE_DOCUMENT}
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
