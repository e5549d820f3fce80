"""Random requests over all operations, with mutated members, headers, queries and bodies; raw
bytes; and settings, followed by requests that they decide about.

What is written is bytes, since no HTTP library writes what a hostile client may.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3d.agent.s3.model import Member, operations, service
from tests.e2e.errors.valid_requests import NAMES, Request, valid
from tests.torture.fuzz_values import TEXTS, mutated_xml, random_document, random_text

SETTINGS = [
    name for name in NAMES if name.startswith("Put") and operations()[name].scope == "bucket"
]
UNSAFE = {"DeleteBucket", "PutBucketVersioning", "PutObjectLockConfiguration"}
"""Operations after which a bucket can never be what it was; they go to one of their own."""
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "get")
FORMS = ("key", "policy", "acl", "success_action_status", "x-amz-signature", "Content-Type", "file")


class Message(NamedTuple):
    """What is written on a connection."""

    method: str
    """Of the first request, as far as there is one."""
    data: bytes
    what: str
    """For the report: the operation, or the kind of bytes."""


@dataclass
class Sender:
    """Makes messages for one endpoint. names: see ErrorStore.names."""

    host: str
    keys: Sequence[tuple[str, str] | None]
    """Access keys and secrets; None: no signature."""
    names: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    """Operations that are not sent."""

    def message(self, rng: random.Random, request: Request, what: str) -> Message:
        """The bytes of a request, signed or not."""
        path, body = self._filled(request.path), self._filled_bytes(request.body)
        headers = {name: self._filled(value) for name, value in request.headers.items() if name}
        signed = self._signed(rng, request.method, path, headers, body)
        lines = [f"{request.method} {signed.target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in signed.headers if name.lower() != "host"]
        if not any(name.lower() == "content-length" for name, _ in signed.headers):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        return Message(request.method, head.encode("utf-8", "surrogateescape") + body, what)

    def _filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _filled_bytes(self, data: bytes) -> bytes:
        for name, value in self.names.items():
            data = data.replace(f"{{{name}}}".encode(), value.encode())
        return data

    def _signed(
        self, rng: random.Random, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> _Signed:
        key = rng.choice(self.keys)
        if key is None:
            return _Signed(path, list(headers.items()))
        auth = S3SigV4QueryAuth if rng.random() < 0.1 else S3SigV4Auth
        signed_body = b"" if auth is S3SigV4QueryAuth else body
        request = AWSRequest(method, f"http://{self.host}{path}", headers, signed_body)
        try:
            auth(Credentials(*key), "s3", "us-east-1").add_auth(request)
        except (UnicodeError, ValueError):  # botocore cannot sign it, so nobody has
            return _Signed(path, list(headers.items()))
        target = request.url.partition(self.host)[2] if auth is S3SigV4QueryAuth else path
        return _Signed(target, list(request.headers.items()))


class _Signed(NamedTuple):
    target: str
    headers: list[tuple[str, str]]


# ---------------------------------------------------------------- (a) requests of the model


def random_request(rng: random.Random) -> tuple[str, Request]:
    """An operation and a request for it, changed in up to four places."""
    name = rng.choice(NAMES)
    request = _placed(rng, name, valid(name))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        request = rng.choice(_MUTATIONS)(rng, name, request)
    return name, request


def _placed(rng: random.Random, name: str, request: Request) -> Request:
    if name in UNSAFE or rng.random() < 0.1:
        return request.to(rng.choice(("spare", "missing", "locked")))
    bucket = rng.choice(("plain", "versioned", "locked", "enforced"))
    return request.to(bucket, rng.choice(("k", "k", "other", quote(rng.choice(TEXTS) or "k"))))


def _member(rng: random.Random, name: str, request: Request) -> Request:
    """With a member of the operation that it may lack, or any header of the model."""
    members = _members(rng.choice(NAMES) if rng.random() < 0.1 else name)
    if not members:
        return request
    wire, member = rng.choice(members)
    value = random_text(rng, service().shapes[member.shape])
    if member.location == "querystring":
        return request.at(f"{wire}={quote(value, safe='')}")
    wire += "a" if member.location == "headers" else ""
    return request.having(**{wire: _header_value(value)})


def _members(name: str) -> list[tuple[str, Member]]:
    given = service().input_of(name).members
    places = ("header", "headers", "querystring")
    return [(m.location_name or n, m) for n, m in given.items() if m.location in places]


def _header(rng: random.Random, name: str, request: Request) -> Request:
    header = rng.choice(
        (
            "Range", "If-Match", "If-None-Match", "If-Modified-Since", "Content-MD5",
            "Content-Type",
            "Content-Encoding", "Expect", "Origin", "Access-Control-Request-Method", "If-Range",
            "Access-Control-Request-Headers", "Connection", "Content-Length", "Date", "x-amz-date",
            "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-foo",
            "x-amz-meta-a", "x-amz-security-token", "Authorization", "Transfer-Encoding", "Cookie",
            "traceparent", "X-Forwarded-For", "Accept-Encoding", "Upgrade", "TE",
        )
    )  # fmt: skip
    if header == "Transfer-Encoding":  # of raw bytes: here the end of the body would be unknown
        return request
    if header == "Content-Length":
        size = len(request.body)
        return request.having(**{header: rng.choice((str(size), f"0{size}", f"+{size}", "x"))})
    return request.having(**{header: _header_value(rng.choice(TEXTS))})


def _header_value(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


def _query(rng: random.Random, name: str, request: Request) -> Request:
    words = (
        "acl",
        "uploads",
        "versionId",
        "list-type",
        "prefix",
        "unknown",
        "partNumber",
        "X-Amz-Date",
    )
    word = rng.choice((*words, *TEXTS))
    value = rng.choice(TEXTS)
    if rng.random() < 0.8:
        word, value = quote(word, safe=""), quote(value, safe="")
    else:  # as it is, but for what would end the request line
        word, value = (
            "".join(sign for sign in text if sign.isprintable() and sign not in " \\")
            for text in (word, value)
        )
    return request.at(rng.choice((word, f"{word}={value}", f"{word}=", f"={value}", "&")))


def _path(rng: random.Random, name: str, request: Request) -> Request:
    path, mark, query = request.path.partition("?")
    change = rng.choice(
        ("//", "/../", "/%2e%2e/", "%00", "%ff", "%zz", "/./", "%2F", ";a", "%C3%28", "+", "/" * 50)
    )
    at = rng.randint(1, len(path))
    return request._replace(path=path[:at] + change + path[at:] + mark + query)


def _body(rng: random.Random, name: str, request: Request) -> Request:
    kind = rng.randrange(6)
    if kind == 0:
        body = rng.randbytes(rng.choice((0, 1, 100, 5_000, 100_000)))
    elif kind == 1:
        body = valid(rng.choice(NAMES)).body
    elif kind == 2:
        body = random_document(rng, name)
    else:
        body = mutated_xml(rng, request.body or b"<x/>")
    return request._replace(body=body)


def _method(rng: random.Random, name: str, request: Request) -> Request:
    return request._replace(method=rng.choice(METHODS)) if rng.random() < 0.3 else request


def _chunked(rng: random.Random, name: str, request: Request) -> Request:
    """In chunks of a streaming signature, right or wrong; nobody has signed them."""
    data = request.body
    chunks = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    trailer = rng.choice((b"", b"x-amz-checksum-crc32:AAAAAA==\r\n", b"a:b\r\n", b":\r\n"))
    body = chunks + b"0\r\n" + trailer + b"\r\n"
    if rng.random() < 0.5:
        at = rng.randint(0, len(body))
        body = body[:at] + rng.choice((b"", b"ffffffffffffffff\r\n", b"-1\r\n", b"\n", b"0" * 50))
        body += b"" if rng.random() < 0.3 else rng.randbytes(10)
    kind = rng.choice(("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))
    length = rng.choice((str(len(data)), str(len(data) + 1), "0", "x", ""))
    return request._replace(body=body).having(
        x_amz_content_sha256=kind,
        x_amz_decoded_content_length=length,
        x_amz_trailer="x-amz-checksum-crc32",
    )


def _form(rng: random.Random, name: str, request: Request) -> Request:
    """A form of a browser."""
    edge = rng.choice(("edge", "e", "x" * 71))
    parts = []
    for _ in range(rng.randint(0, 6)):
        field_name, value = rng.choice(FORMS), rng.choice(TEXTS)
        more = rng.choice(("", '; filename="a"', "; filename=", ";;"))
        head = f'Content-Disposition: form-data; name="{field_name}"{more}'
        parts.append(f"--{edge}\r\n{head}\r\n\r\n{value}\r\n")
    end = rng.choice((f"--{edge}--\r\n", f"--{edge}--", f"--{edge}", ""))
    kind = f"multipart/form-data; boundary={edge}"
    return Request("POST", "/plain", ("".join(parts) + end).encode(), {"Content-Type": kind})


_MUTATIONS = (_member, _member, _member, _header, _header, _query, _path, _body, _body, _method,
              _chunked, _form)  # fmt: skip


# ---------------------------------------------------------------- (b) raw bytes

_FRAGMENTS = (
    b"GET / HTTP/1.1\r\n", b"PUT /plain/k HTTP/1.1\r\n", b"POST /plain HTTP/1.0\r\n", b"G", b" ",
    b"GET http://h/ HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"Host: {host}\r\n", b"Host: evil\r\n", b"Host:\r\n", b"Content-Length: 5\r\n",
    b"5\r\nhello\r\n",
    b"Content-Length: 5, 6\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n", b"hello",
    b"Transfer-Encoding: chunked, gzip\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"0\r\na: b\r\n\r\n",
    b"5;ext=1;ext2=\"a\\\"b\"\r\nhello\r\n", b"fffffffffffffffff\r\n", b"-5\r\n", b"0x5\r\n",
    b"5\nhello\n",
    b"Expect: 100-continue\r\n", b"Expect: 200-ok\r\n", b"Connection: close\r\n", b"\r\n",
    b"\r\n\r\n",
    b"Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n", b"\n\n", b"\r", b"\0", b" folded\r\n",
    b"A: " + b"b" * 9_000 + b"\r\n", b"A: b\r\n" * 300, b": no name\r\n", b"A b: c\r\n",
    b"A\xff: b\r\n",
    b"Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0\r\n",
    b"Authorization: AWS a:b\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"a" * 20_000,
)  # fmt: skip


def random_bytes(rng: random.Random, host: str, usual: bytes) -> Message:
    """Fragments of requests, garbage, or a usual request that is cut, repeated or changed."""
    kind = rng.randrange(4)
    if kind == 0:
        data = rng.randbytes(rng.choice((1, 10, 1_000, 70_000)))
    elif kind == 1:
        data = usual * rng.randint(1, 30)
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(data))
            data = data[:at] + rng.randbytes(1) + data[at + rng.randint(0, 2) :]
    elif kind == 2:
        data = usual[: rng.randrange(len(usual))]
    else:
        data = b"".join(rng.choice(_FRAGMENTS) for _ in range(rng.randint(1, 12)))
    return Message(
        "", data.replace(b"{host}", host.encode()), f"bytes {hashlib.md5(data).hexdigest()}"
    )


# ---------------------------------------------------------------- (c) settings


def random_setting(rng: random.Random) -> list[tuple[str, Request]]:
    """A setting of a bucket, and requests that it decides about."""
    name = rng.choice(SETTINGS)
    request = valid(name)
    make_up = rng.random() < 0.6
    body = random_document(rng, name) if make_up else mutated_xml(rng, request.body)
    bucket = "spare" if name in UNSAFE else "settings"
    put = request._replace(body=body).to(bucket)
    get = name.replace("Put", "Get", 1)
    asked = [(get, valid(get).to(bucket))] if get in NAMES else []
    preflight = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}
    return [
        (name, put),
        *asked,
        ("OPTIONS", Request("OPTIONS", f"/{bucket}/k", b"", preflight)),
        ("PutObject", Request("PUT", f"/{bucket}/k", b"data", {"x-amz-tagging": "a=b"})),
        ("GetObject", Request("GET", f"/{bucket}/k", b"", {"Origin": "http://a.example"})),
        ("ListObjectsV2", Request("GET", f"/{bucket}?list-type=2&prefix=a", b"", {})),
        ("GetBucketPolicyStatus", Request("GET", f"/{bucket}?policyStatus", b"", {})),
        ("DeleteBucketPolicy", Request("DELETE", f"/{bucket}?policy", b"", {})),
    ]
