"""From the head of an HTTP request to what the caller may have done: who, what, how many bytes.

Everything here is judged before a byte of the body is read or asked for, in this order: size of
the head, Host, address, signature, operation, length. Only the raw target is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp.http_parser import RawRequestMessage

from s3d.agent.frontends.http.hosts import Hosts
from s3d.agent.frontends.http.limits import DOCUMENT_SIZE, HEAD_SIZE, PUT_SIZE
from s3d.agent.s3 import sigv4
from s3d.agent.s3.address import Address, parse_address, parse_query
from s3d.agent.s3.canonical import joined_headers
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.model import Operation
from s3d.agent.s3.routing import route
from s3d.agent.s3.sigv4 import SecretOf, Verified

STATE_CHANGING = frozenset({"PUT", "POST", "DELETE"})


@dataclass(slots=True)
class RequestHead:
    """A request that is well-formed and meant for us; nobody knows yet whether it is allowed."""

    wire: WireRequest
    headers: Mapping[str, str]
    """By lower-case name; repeated ones are joined with a comma."""
    host: str
    address: Address
    query: Mapping[str, str]

    @property
    def is_form(self) -> bool:
        """True for a POST object: a browser's form sent to a bucket."""
        return (
            self.wire.method == "POST"
            and bool(self.address.bucket)
            and not self.address.key
            and not self.wire.raw_query
        )


@dataclass(slots=True)
class AuthorizedRequest:
    """A request that may be carried out once its body has come."""

    head: RequestHead
    op: Operation
    verified: Verified
    size: int | None
    """Bytes of the payload without any coding; None: unknown until its end."""


class RequestReader:
    """Judges heads of requests."""

    def __init__(
        self, secret_of: SecretOf | None, hosts: Hosts, clock: Callable[[], float]
    ) -> None:
        """secret_of: None when nobody needs to sign."""
        self._secret_of = secret_of
        self._hosts = hosts
        self._clock = clock

    def parse_head(self, message: RawRequestMessage) -> RequestHead:
        """Raises S3Error: RequestHeaderSectionTooLarge, AccessDenied for a foreign Host, InvalidURI
        and the like for a bad address."""
        size = sum([len(name) + len(value) + 4 for name, value in message.raw_headers])
        if size + len(message.path) > HEAD_SIZE:
            raise S3Error("RequestHeaderSectionTooLarge", MaxSizeAllowed=HEAD_SIZE)
        pairs = tuple([(name.lower(), value) for name, value in message.headers.items()])
        headers = joined_headers(pairs)
        authority, path, query = split_target(message.path)
        host = headers.get("host", "")
        if authority and authority.lower() != host.lower():
            raise S3Error("BadRequest", "The request target and the Host header differ.")
        if not self._hosts.allows(host):
            raise S3Error("AccessDenied")
        wire = WireRequest(message.method, path, query, pairs)
        address = parse_address(host, path, self._hosts.bases)
        return RequestHead(wire, headers, host, address, parse_query(query) if query else {})

    def authorize(self, head: RequestHead) -> AuthorizedRequest:
        """Raises S3Error for a bad signature, an impossible operation or length."""
        wire, address = head.wire, head.address
        if self._secret_of is None:
            verified = sigv4.unauthenticated(wire)
        else:
            bucket = address.bucket if address.virtual else ""
            verified = sigv4.verify(
                wire,
                self._secret_of,
                self._clock(),
                headers=head.headers,
                virtual_bucket=bucket,
            )
        op = route(wire.method, address.bucket, address.key, head.query, head.headers)
        return AuthorizedRequest(head, op, verified, _payload_size(head.headers, op, verified))


def split_target(target: str) -> tuple[str, str, str]:
    """(authority, raw path, raw query) of a request target; authority is empty in origin form.

    https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    """
    authority = ""
    if not target.startswith("/") and "://" in target:
        rest = target.partition("://")[2]
        end = min((rest + "/").index("/"), (rest + "?").index("?"))
        authority, target = rest[:end], rest[end:]
        if not target.startswith("/"):
            target = "/" + target
    path, _, query = target.partition("?")
    return authority, path, query


def sent_size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the body as it is sent: 0 without one, None when it comes in HTTP chunks."""
    if "transfer-encoding" in headers:
        return None
    return int(headers.get("content-length", "0"))


def _payload_size(headers: Mapping[str, str], op: Operation, verified: Verified) -> int | None:
    streaming = verified.payload.kind.streaming
    if not op.streaming_input:
        if streaming:
            raise S3Error("InvalidRequest", f"{op.name or 'This request'} takes no chunked payload")
        size = sent_size(headers)
        if size is not None and size > DOCUMENT_SIZE:
            raise S3Error("MaxMessageLengthExceeded", MaxMessageLengthBytes=DOCUMENT_SIZE)
        return size
    size = _decoded_size(headers) if streaming else _declared_size(headers)
    if size > PUT_SIZE:
        raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=PUT_SIZE)
    return size


def _declared_size(headers: Mapping[str, str]) -> int:
    if "content-length" not in headers:
        raise S3Error("MissingContentLength")
    return int(headers["content-length"])


def _decoded_size(headers: Mapping[str, str]) -> int:
    text = headers.get("x-amz-decoded-content-length")
    if text is None:
        raise S3Error("MissingContentLength")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        name = "x-amz-decoded-content-length"
        raise S3Error("InvalidArgument", ArgumentName=name, ArgumentValue=text)
    return int(text)
