"""Requests as botocore signs them, seen from the wire; the oracle of the signature tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer, parse_date, query_pairs
from s3d.agent.s3.signing import sign

ACCESS_KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
NOW = 1_800_000_000.0
HOST = "127.0.0.1:33333"
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNER = Signer(ACCESS_KEY, SECRET, REGION)
CREDENTIALS = Credentials(ACCESS_KEY, SECRET)

Headers = Iterable[tuple[str, str]]


def secret_of(access_key: str) -> str | None:
    return SECRET if access_key == ACCESS_KEY else None


def wire(method: str, target: str, headers: Headers = ()) -> WireRequest:
    """An unsigned request with a Host header."""
    path, _, query = target.partition("?")
    return WireRequest(method, path, query, (("host", HOST), *headers))


def signed(
    method: str = "GET",
    target: str = "/bucket/key",
    headers: Headers = (),
    payload: str = EMPTY,
    signer: Signer = SIGNER,
) -> WireRequest:
    """A request signed by signing.sign at NOW."""
    request = wire(method, target, headers)
    return with_headers(request, sign(request, payload, signer, NOW).items())


def with_headers(request: WireRequest, more: Headers) -> WireRequest:
    """The request with headers added, or replaced where they have the same name."""
    added = dict(more)
    kept = [(name, value) for name, value in request.headers if name not in added]
    headers = (*kept, *added.items())
    return WireRequest(request.method, request.raw_path, request.raw_query, headers)


def by_botocore(method: str, target: str, headers: Headers, body: bytes = b"") -> WireRequest:
    """Signed in the Authorization header by botocore, now by its own clock."""
    request = AWSRequest(method, f"http://{HOST}{target}", dict(headers), body)
    S3SigV4Auth(CREDENTIALS, "s3", REGION).add_auth(request)
    return seen(request)


def presigned_by_botocore(method: str, target: str, headers: Headers = ()) -> WireRequest:
    request = AWSRequest(method, f"http://{HOST}{target}", dict(headers))
    S3SigV4QueryAuth(CREDENTIALS, "s3", REGION, expires=300).add_auth(request)
    return seen(request)


def presigned_v2_by_botocore(
    method: str, target: str, headers: Headers = (), auth_path: str | None = None
) -> WireRequest:
    request = AWSRequest(method, f"http://{HOST}{target}", dict(headers), auth_path=auth_path)
    HmacV1QueryAuth(CREDENTIALS, expires=300).add_auth(request)
    del request.headers["Date"]
    return seen(request)


def seen(request: AWSRequest) -> WireRequest:
    """What a server gets."""
    parts = urlsplit(request.url)
    headers = [
        (n.lower(), v.decode() if isinstance(v, bytes) else v) for n, v in request.headers.items()
    ]
    return WireRequest(request.method, parts.path, parts.query, (("host", parts.netloc), *headers))


def time_of(request: WireRequest) -> float:
    """Unix seconds at which a request was signed."""
    found: Mapping[str, str] = dict(query_pairs(request.raw_query)) | dict(request.headers)
    at = parse_date(found.get("x-amz-date") or found["X-Amz-Date"])
    assert at is not None
    return at
