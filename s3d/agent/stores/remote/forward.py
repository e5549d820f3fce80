"""Forwarding: a client's request that no layer changed, sent verbatim under our own signature.

Unknown operations, headers, query words and documents pass unchanged, unless a rule here says
otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.messages import Body, BytesBody, S3Request, S3Response, WireResponse
from s3d.agent.s3.model_overrides import EMPTY_CHECKSUMS
from s3d.agent.s3.signature_elements import EMPTY_SHA256
from s3d.agent.stores.remote.client_span import TRACE_HEADERS
from s3d.agent.stores.remote.error_mapping import refused
from s3d.agent.stores.remote.http_transport import HOP_BY_HOP
from s3d.agent.stores.remote.loop_detection import HOPS, check_hops, read_hops
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_messages import RemoteRequest, RemoteResponse
from s3d.agent.stores.remote.request_body import TrailedBody, are_checksums

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_CLIENT_TO_AGENT = HOP_BY_HOP | {
    "authorization",
    "content-length",
    "cookie",
    "date",
    "expect",
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    HOPS,
    *TRACE_HEADERS,
}
"""Headers about the connection between the client and us."""

_PRESIGNED = frozenset(
    (
        "awsaccesskeyid",
        "expires",
        "signature",
        "x-amz-algorithm",
        "x-amz-content-sha256",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    )
)
"""Query words of a presigned URL, V4 and V2, in lower case."""


_SHA256 = re.compile(r"[0-9a-f]{64}")


async def forward(
    connection: RemoteConnection, request: S3Request[Any], agent: str
) -> S3Response[Any]:
    """The response verbatim, also when it is an error.

    agent: our id among the hops. Raises S3Error when there is no response, when the remote refuses
    our credentials or redirects, when the request has passed us before, and what the body raises.
    """
    assert request.wire is not None
    remote_request = forwarded(request, agent, trailers=connection.settings.trailers)
    try:
        response = await connection.send(remote_request)
    finally:
        if request.body is not None:
            await request.body.aclose()
    if response.refusal is not None and (
        response.status < 400 or classify(response.refusal) is FailureClass.AUTH
    ):
        raise refused(request.op, response.refusal)
    return _verbatim(response)


def forwarded(request: S3Request[Any], agent: str, *, trailers: bool) -> RemoteRequest:
    """The request to the remote. Raises S3Error InvalidRequest when the request has looped."""
    wire = request.wire
    assert wire is not None
    received = dict(wire.headers)
    headers = end_to_end(wire.headers)
    hops = received.get(HOPS, "")
    check_hops(hops, agent)
    headers.append((HOPS, ",".join((*read_hops(hops), agent))))
    query, hoisted = split_query(wire.raw_query)
    headers += [each for each in hoisted if each[0] not in received]
    remote_request = RemoteRequest(
        request.op, wire.method, request.bucket, request.key, query, headers
    )
    remote_request.trace = request.context.trace
    remote_request.may_repeat = wire.method in ("GET", "HEAD")
    if request.body is not None:
        _attach(remote_request, request.body, received, trailers=trailers)
    return remote_request


def end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The end-to-end headers, without the aws-chunked coding, which has been decoded."""
    headers = tuple(headers)
    named = {
        name.strip().lower()
        for header, value in headers
        if header == "connection"
        for name in value.split(",")
    }
    passed = []
    for name, value in headers:
        if name in _CLIENT_TO_AGENT or name in named:
            continue
        if name == "content-encoding":
            codings = [c.strip() for c in value.split(",")]
            value = ",".join(c for c in codings if c.lower() != "aws-chunked")
            if not value:
                continue
        passed.append((name, value))
    return passed


def split_query(raw_query: str) -> tuple[str, list[tuple[str, str]]]:
    """The query without the signature of a presigned URL, and the headers that were in it.

    A signer may move x-amz-* headers into the query of a presigned URL; S3 reads them only there.
    Some signers add the checksum of an empty body, because they do not know the body: it is
    dropped. Words are encoded canonically: a raw `+` is a space, which not every remote knows.
    """
    passed: list[str] = []
    hoisted: list[tuple[str, str]] = []
    pieces = [piece.partition("=") for piece in raw_query.split("&") if piece]
    words = [(_decoded(name), equals, _decoded(value)) for name, equals, value in pieces]
    names = {name.lower() for name, _, _ in words}
    presigned = bool(names & {b"x-amz-signature", b"signature"})
    for name, equals, value in words:
        lower = name.lower().decode("utf-8", "surrogateescape")
        if presigned and lower in _PRESIGNED:
            continue
        if presigned and lower.startswith("x-amz-"):
            text = value.decode("utf-8", "surrogateescape")
            if text not in EMPTY_CHECKSUMS:
                hoisted.append((lower, text))
        else:
            passed.append(quote(name, safe="-_.~") + equals + quote(value, safe="-_.~"))
    return "&".join(passed), hoisted


def _attach(
    request: RemoteRequest, body: Body, received: Mapping[str, str], *, trailers: bool
) -> None:
    """Give the RemoteRequest its body, its length and its hash in the signature."""
    if isinstance(body, BytesBody):
        request.body, request.length = body.data, body.size
    else:
        request.body, request.length = body, body.size
    declared = received.get("x-amz-content-sha256", "").lower()
    request.payload = declared if _SHA256.fullmatch(declared) else UNSIGNED
    if request.length == 0:
        request.body, request.payload = b"", EMPTY_SHA256
    late = tuple(
        name.strip().lower() for name in received.get("x-amz-trailer", "").split(",") if name
    )
    if not late:
        return
    if trailers and body.size is not None and are_checksums(late):
        attach_trailed(request, body, body.size, late)
    else:  # The trailing checksums were verified here, and cannot be sent.
        request.headers = [
            each for each in request.headers if each[0] != "x-amz-sdk-checksum-algorithm"
        ]


def attach_trailed(request: RemoteRequest, body: Body, size: int, names: Collection[str]) -> None:
    """Set a body of this size that ends with these of its trailers."""
    trailed = TrailedBody(body, size, names)
    request.body, request.length, request.payload = trailed, trailed.size, STREAMED
    coding = dict(request.headers).get("content-encoding", "")
    request.headers = [
        *(each for each in request.headers if each[0] != "content-encoding"),
        ("content-encoding", f"aws-chunked,{coding}" if coding else "aws-chunked"),
        ("x-amz-decoded-content-length", str(size)),
        ("x-amz-trailer", ",".join(names)),
    ]


def _verbatim(response: RemoteResponse) -> S3Response[Any]:
    wire = WireResponse(response.status, response.headers)
    body = response.body if response.refusal is None else BytesBody(response.document)
    return S3Response({}, body, response.status, wire)


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", "%20").encode("utf-8", "surrogateescape"))
