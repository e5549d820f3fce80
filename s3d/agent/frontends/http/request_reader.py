"""Finds out from the head of a request who calls, which operation, and how many bytes follow.

All checks precede the first read of the body, in this order: size of the head, Host, address,
signature, operation, length. They use the raw request target.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.frontends.http.limits import DOCUMENT_SIZE, HEAD_SIZE, PUT_SIZE
from s3d.agent.frontends.http.request_parser import HttpRequest
from s3d.agent.s3 import sigv4
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.model import Operation
from s3d.agent.s3.principal import ANONYMOUS, Principal
from s3d.agent.s3.routing import (
    Address,
    has_unknown_header,
    has_unknown_header_in_query,
    parse_address,
    parse_query,
    route,
    unknown_operation,
)
from s3d.agent.s3.scalars import is_header
from s3d.agent.s3.sigv4 import Verified

STATE_CHANGING = frozenset({"PUT", "POST", "DELETE"})


@dataclass(slots=True)
class RequestHead:
    """A well-formed request for this endpoint, not authorized yet."""

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

    @property
    def is_cross_site(self) -> bool:
        """True when a browser may have sent this for another site's page."""
        headers = self.headers
        return "origin" in headers or headers.get("sec-fetch-site") == "cross-site"


@dataclass(slots=True)
class AuthorizedRequest:
    """A request that may be carried out."""

    head: RequestHead
    op: Operation
    verified: Verified
    principal: Principal | None
    """None: requests need no signature."""
    size: int | None
    """Bytes of the payload without any coding; None: unknown until its end."""


class RequestReader:
    """Parses and authorizes heads of requests."""

    def __init__(
        self,
        keys: AccessKeys | None,
        hosts: Hosts,
        clock: Callable[[], float],
        *,
        admits_anonymous: bool = False,
    ) -> None:
        """keys: None when requests need no signature. admits_anonymous: the store decides about
        requests without a signature; otherwise they are refused here."""
        self._keys = keys
        self._admits_anonymous = admits_anonymous
        self._hosts = hosts
        self._clock = clock

    def parse_head(self, request: HttpRequest) -> RequestHead:
        """Raises S3Error: RequestHeaderSectionTooLarge, AccessDenied for another Host, InvalidURI
        and others for a bad address, InvalidArgument for a header in the query that is none."""
        if request.head_size > HEAD_SIZE:
            raise S3Error("RequestHeaderSectionTooLarge", MaxSizeAllowed=HEAD_SIZE)
        headers = request.by_name
        authority, path, query = split_target(request.target)
        host = headers.get("host", "")
        if authority and authority.lower() != host.lower():
            raise S3Error("BadRequest", "The request target and the Host header differ.")
        if not self._hosts.allows(host):
            raise S3Error("AccessDenied")
        wire = WireRequest(request.method, path, query, request.headers)
        address = parse_address(host, path, self._hosts.bases)
        words = parse_query(query) if query else {}
        for word, value in words.items():
            if word[:6].lower() == "x-amz-" and not is_header(word, value):
                raise S3Error("InvalidArgument", ArgumentName=word, ArgumentValue=value)
        return RequestHead(wire, headers, host, address, words)

    def address_of(self, request: HttpRequest) -> Address:
        """What the request seems to be for, to be logged; an empty address when it names none."""
        try:
            return self.parse_head(request).address
        except S3Error:
            return Address("", "", virtual=False)

    def authorize(self, head: RequestHead) -> AuthorizedRequest:
        """Raises S3Error for a bad signature, an unknown operation or a bad length."""
        wire, address = head.wire, head.address
        verified, principal = self._identify(head)
        op = route(wire.method, address.bucket, address.key, head.query, head.headers)
        if has_unknown_header(head.headers.keys()) or (
            head.query and has_unknown_header_in_query(head.query)
        ):
            op = unknown_operation(op)
        size = _payload_size(head.headers, op, verified)
        return AuthorizedRequest(head, op, verified, principal, size)

    def _identify(self, head: RequestHead) -> tuple[Verified, Principal | None]:
        if self._keys is None:
            return sigv4.unauthenticated(head.wire), None
        now = self._clock()
        token = head.headers.get(TOKEN_HEADER) or (head.query and _token_in_query(head.query))
        source = self._keys.of_session(token, now) if token else self._keys
        verified = sigv4.verify(
            head.wire,
            source.secret_of,
            now,
            headers=head.headers,
            virtual_bucket=head.address.bucket if head.address.virtual else "",
            admits_unsigned=self._admits_anonymous,
        )
        if verified.access_key is None:
            _check_anonymous(head)
            return verified, ANONYMOUS
        return verified, source.principal_of(verified.access_key, now)


TOKEN_HEADER = "x-amz-security-token"


def _token_in_query(query: Mapping[str, str]) -> str:
    """The session token of a presigned URL: Version 4 has capitals, Version 2 has none."""
    return query.get("X-Amz-Security-Token") or query.get(TOKEN_HEADER) or ""


def _check_anonymous(head: RequestHead) -> None:
    """Refuse response-* parameters: only a signed request may choose headers of its response.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax
    """
    if any(word.startswith("response-") for word in head.query):
        raise S3Error(
            "InvalidRequest",
            "Request specific response headers cannot be used for anonymous GET requests.",
        )


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
    """S3 accepts the chunked transfer coding only for a body that has the aws-chunked coding.

    https://github.com/aws/aws-sdk-js-v3/pull/3403
    """
    if "content-length" not in headers:
        if "transfer-encoding" in headers:
            raise S3Error("NotImplemented", Header="Transfer-Encoding")
        raise S3Error("MissingContentLength")
    return int(headers["content-length"])


def _decoded_size(headers: Mapping[str, str]) -> int:
    """Of a body that x-amz-content-sha256 calls STREAMING-. The header means nothing beside another
    body, and is ignored there, as MinIO does. AWS says of a value that is no number that the length
    is missing: https://github.com/versity/versitygw/issues/1656
    """
    text = headers.get("x-amz-decoded-content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise S3Error("MissingContentLength")
    return int(text)


# ---------------------------------------------------------------- names of the endpoint

LOCAL_NAMES = ("localhost", "s3.localhost")
"""Always accepted, also after a bucket's name (RFC 6761 section 6.3: localhost is loopback)."""

LOCAL_ADDRESSES = ("127.0.0.1", "[::1]")

_WILDCARDS = ("", "0.0.0.0", "::", "[::]")
_MAX_ALLOWED = 256


class Hosts:
    """The names and addresses that the endpoint answers to, at any port."""

    def __init__(self, bind: str, configured: Collection[str]) -> None:
        """bind: the address listened on; a wildcard adds nothing. configured: further names."""
        names = {name.lower().rstrip(".") for name in configured}
        self.bases = tuple(sorted({*LOCAL_NAMES, *names}, key=len, reverse=True))
        """Names before which a bucket may stand (virtual-host style), longest first."""
        self._exact = {*LOCAL_NAMES, *LOCAL_ADDRESSES, *names}
        self._suffixes = tuple("." + name for name in self.bases)
        self._allowed: set[str] = set()
        """Hosts that were allowed before, for speed."""
        self.add_address(bind)

    def add_address(self, bind: str) -> None:
        """Answer to an address that is listened on; a wildcard adds nothing."""
        if bind not in _WILDCARDS:
            self._exact.add(f"[{bind}]" if ":" in bind and bind[0] != "[" else bind.lower())

    def allows(self, host: str) -> bool:
        """host: of a Host header or the authority of a request target, with its port."""
        if host in self._allowed:
            return True
        name = name_of(host)
        if name is None or not (name in self._exact or name.endswith(self._suffixes)):
            return False
        if len(self._allowed) < _MAX_ALLOWED:
            self._allowed.add(host)
        return True


def name_of(host: str) -> str | None:
    """The host without its port, in lower case; None when it is no valid host."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdigit()) and port != "":
        return None
    if ":" in name and not (name.startswith("[") and name.endswith("]")):
        return None
    name = name.lower().rstrip(".")
    return name if name and not set(name) & set("/\\@?# \t") else None
