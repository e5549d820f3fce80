"""Authenticates requests: the only verifier of signatures.

Signature Version 4 in the Authorization header or in the query, and Version 2 in the query. All
forms end in a Verified, which nothing else can make, so that no kind of payload reaches a handler
past the check. No message or detail holds a secret or the signature that would have been right.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import NamedTuple, NoReturn, final
from urllib.parse import unquote

from s3d.agent.s3 import sigv2
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import (
    ALGORITHM,
    SERVICE,
    Pairs,
    Payload,
    Scope,
    canonical_path,
    canonical_query,
    canonical_request,
    from_http_date,
    joined_headers,
    mac,
    parse_authorization,
    parse_credential,
    parse_date,
    payload_of,
    query_pairs,
    signing_key,
    string_to_sign,
    to_bytes,
)

MAX_SKEW = 900
"""Seconds that a caller's clock may differ."""
MAX_EXPIRES = 604_800
"""Longest validity of a presigned URL in seconds."""

SecretOf = Callable[[str], str | None]
"""Access key id -> secret; None for an unknown key."""


class Form(Enum):
    """The forms of a proof."""

    HEADER_V4 = auto()
    QUERY_V4 = auto()
    QUERY_V2 = auto()


def forms_of(authorization: str, names: Collection[str]) -> list[Form]:
    """The forms of a proof in a request, which may have one. authorization: the header; another
    scheme proves nothing. names: of the query parameters, spelt as they came."""
    found = [Form.HEADER_V4] if authorization.startswith("AWS") else []
    if not _V4_MARKS.isdisjoint(names):
        found.append(Form.QUERY_V4)
    if not sigv2.MARKS.isdisjoint(names):
        found.append(Form.QUERY_V2)
    return found


@dataclass(frozen=True, slots=True)
class Seed:
    """Where the chain of chunk signatures begins."""

    signature: str = field(repr=False)
    key: bytes = field(repr=False)
    date: str
    scope: str


_SEAL = object()


@final
class Verified:
    """A request whose signature was verified (or that needs none: unauthenticated()).

    Only this module makes one. seed: for signed chunks; None when they need no check.
    """

    __slots__ = ("access_key", "payload", "seed")

    def __init__(
        self, seal: object, access_key: str | None, payload: Payload, seed: Seed | None = None
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only the verifier can say who is calling")
        self.access_key = access_key
        self.payload = payload
        self.seed = seed

    def __repr__(self) -> str:
        return f"Verified({self.access_key!r}, {self.payload!r})"


class _Proof(NamedTuple):
    """A V4 proof as the caller gave it, whichever form it came in. Never printed."""

    scope: Scope
    date: str
    signed: list[str]
    signature: str
    declared: str
    """What stands for the payload in the canonical request."""
    pairs: Pairs
    """Query parameters that are signed."""


def verify(
    wire: WireRequest,
    secret_of: SecretOf,
    now: float,
    *,
    headers: Mapping[str, str] | None = None,
    virtual_bucket: str = "",
    strict_region: str | None = None,
    admits_unsigned: bool = False,
) -> Verified:
    """Authenticate a request by its headers. Raises S3Error with AWS's codes.

    now: Unix seconds. headers: joined_headers() of the request, if the caller has them already.
    virtual_bucket: the bucket of a virtual-host request (V2 signs it).
    strict_region: the only region that a V4 signature may name; None: any.
    admits_unsigned: a request without any proof is nobody's, with access_key None; it is not
    refused here.
    """
    if headers is None:
        headers = joined_headers(wire.headers)
    pairs = query_pairs(wire.raw_query)
    authorization = headers.get("authorization", "")
    match forms_of(authorization, {name for name, _ in pairs}):
        case [Form.HEADER_V4]:
            proof = _header_proof(authorization, headers, pairs, now)
        case [Form.QUERY_V4]:
            proof = _query_proof(headers, pairs, now)
        case [Form.QUERY_V2]:
            access_key = sigv2.verify_query(wire, secret_of, now, virtual_bucket)
            return _verified_v2(wire.method, headers, access_key)
        case []:
            if authorization or not admits_unsigned:
                _refuse_unsigned(authorization)
            return _unsigned(wire.method, headers)
        case _:
            raise S3Error(
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified",
                ArgumentName="Authorization",
            )
    return _check(wire, headers, proof, secret_of, strict_region)


def unauthenticated(wire: WireRequest) -> Verified:
    """For S3D_AUTH=none: no access key. The header still declares the kind of body."""
    declared = joined_headers(wire.headers).get(_DECLARED, "UNSIGNED-PAYLOAD")
    return Verified(_SEAL, None, payload_of(wire.method, declared))


def verify_of_service(
    wire: WireRequest, secret_of: SecretOf, now: float, *, service: str, payload_hash: str
) -> Verified:
    """Authenticate a request to another service than S3, by its Authorization header.

    payload_hash: hex SHA-256 of the body, which other services sign without declaring it. Raises
    S3Error as verify().
    """
    headers = joined_headers(wire.headers)
    authorization = headers.get("authorization", "")
    if not authorization.startswith("AWS"):
        _refuse_unsigned(authorization)
    given = {**headers, _DECLARED: payload_hash}
    pairs = query_pairs(wire.raw_query)
    proof = _header_proof(authorization, given, pairs, now, service)
    return _check(wire, headers, proof, secret_of, None)


# ------------------------------------------------------------------ the two forms of a V4 proof


def _header_proof(
    authorization: str,
    headers: Mapping[str, str],
    pairs: Pairs,
    now: float,
    service: str = SERVICE,
) -> _Proof:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html"""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise S3Error(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. "
            f"Please use {ALGORITHM}.",
        )
    credential, names, signature = parse_authorization(rest)
    scope = parse_credential(credential, "AuthorizationHeaderMalformed", service)
    date = headers.get("x-amz-date") or from_http_date(headers.get("date", ""))
    at = parse_date(date)
    if at is None:
        raise S3Error(
            "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"
        )
    if abs(now - at) > MAX_SKEW:
        raise S3Error(
            "RequestTimeTooSkewed",
            RequestTime=date,
            ServerTime=_iso(now),
            MaxAllowedSkewMilliseconds=MAX_SKEW * 1000,
        )
    _check_day(scope, date, "AuthorizationHeaderMalformed")
    declared = headers.get(_DECLARED)
    if declared is None:
        raise S3Error(
            "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
        )
    return _Proof(scope, date, names.split(";"), signature, declared, pairs)


def _query_proof(headers: Mapping[str, str], pairs: Pairs, now: float) -> _Proof:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    given = _query_parts(pairs)
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise _bad_query(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    scope = parse_credential(given["X-Amz-Credential"], "AuthorizationQueryParametersError")
    date = given["X-Amz-Date"]
    at = parse_date(date)
    if at is None:
        raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    lifetime = _lifetime(given["X-Amz-Expires"])
    _check_day(scope, date, "AuthorizationQueryParametersError")
    if now < at - MAX_SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet", ServerTime=_iso(now))
    if now > at + lifetime:
        raise S3Error(
            "AccessDenied",
            "Request has expired",
            Expires=_iso(at + lifetime),
            ServerTime=_iso(now),
            **{"X-Amz-Expires": lifetime},
        )
    declared = given.get("X-Amz-Content-Sha256") or headers.get(_DECLARED)
    rest = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    signed = given["X-Amz-SignedHeaders"].split(";")
    return _Proof(
        scope, date, signed, given["X-Amz-Signature"], declared or "UNSIGNED-PAYLOAD", rest
    )


def _query_parts(pairs: Pairs) -> dict[str, str]:
    """The parameters of the proof, decoded; each must occur once and not be empty."""
    given: dict[str, str] = {}
    for name, value in pairs:
        name = _QUERY_NAMES.get(name.lower(), "")
        if name in given:
            raise _bad_query(f"{name} must be given once.")
        if name:
            given[name] = unquote(value)
    if not all(given.get(name) for name in _QUERY_PARTS):
        *others, last = _QUERY_PARTS
        raise _bad_query(
            f"Query-string authentication version 4 requires the {', '.join(others)} and {last} "
            "parameters."
        )
    return given


def _lifetime(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _bad_query("X-Amz-Expires should be a number")
    if text.startswith("-"):
        raise _bad_query("X-Amz-Expires must be non-negative")
    if len(text) > 20 or int(text) > MAX_EXPIRES:
        raise _bad_query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            f"X-Amz-Expires must be less than {MAX_EXPIRES} seconds"
        )
    return int(text)


def _check_day(scope: Scope, date: str, code: str) -> None:
    if scope.day != date[:8]:
        raise S3Error(
            code,
            f'Invalid credential date "{scope.day}". This date is not the same as X-Amz-Date: '
            f'"{date[:8]}".',
        )


# ------------------------------------------------------------------ the check itself


def _check(
    wire: WireRequest,
    headers: Mapping[str, str],
    proof: _Proof,
    secret_of: SecretOf,
    strict_region: str | None,
) -> Verified:
    scope = proof.scope
    if strict_region not in (None, scope.region):
        raise S3Error(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{scope.region}' is wrong; "
            f"expecting '{strict_region}'",
            Region=str(strict_region),
        )
    payload = payload_of(wire.method, proof.declared)
    secret = secret_of(scope.access_key)
    target = (canonical_path(wire.raw_path), canonical_query(proof.pairs))
    canonical = canonical_request(wire.method, target, headers, proof.signed, proof.declared)
    scope_text = scope.text
    to_sign = string_to_sign(proof.date, scope_text, canonical)
    # An unknown key costs the same work, so that the timing does not reveal which keys exist.
    key = signing_key(_NOBODY if secret is None else secret, scope.day, scope.region, scope.service)
    right = mac(key, to_sign.encode())
    same = hmac.compare_digest(right.encode(), to_bytes(proof.signature))
    if secret is None:
        raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=scope.access_key)
    _check_signed_headers(headers, proof.signed)
    if not same:
        raise S3Error(
            "SignatureDoesNotMatch",
            AWSAccessKeyId=scope.access_key,
            StringToSign=to_sign,
            CanonicalRequest=canonical,
        )
    seed = Seed(right, key, proof.date, scope_text) if payload.kind.chunks_signed else None
    return Verified(_SEAL, scope.access_key, payload, seed)


def _check_signed_headers(headers: Iterable[str], signed: list[str]) -> None:
    """host and every x-amz-* header must be signed; x-amz-content-sha256 is covered anyway."""
    missing = [n for n in headers if n not in signed and n[:6] == "x-amz-" and n != _DECLARED]
    if "host" not in signed or "host" not in headers:
        missing.append("host")
    if missing:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(missing),
        )


def _verified_v2(method: str, headers: Mapping[str, str], access_key: str) -> Verified:
    payload = payload_of(method, headers.get(_DECLARED, "UNSIGNED-PAYLOAD"))
    if payload.kind.chunks_signed:
        raise S3Error("InvalidRequest", f"{payload.kind} needs a Version 4 signature.")
    return Verified(_SEAL, access_key, payload)


def _unsigned(method: str, headers: Mapping[str, str]) -> Verified:
    payload = payload_of(method, headers.get(_DECLARED, "UNSIGNED-PAYLOAD"))
    if payload.kind.chunks_signed:
        raise S3Error("InvalidRequest", f"{payload.kind} needs a Version 4 signature.")
    return Verified(_SEAL, None, payload)


def _refuse_unsigned(authorization: str) -> NoReturn:
    if authorization:
        raise S3Error(
            "InvalidArgument", "Unsupported Authorization Type", ArgumentName="Authorization"
        )
    raise S3Error("AccessDenied")


def _bad_query(message: str) -> S3Error:
    return S3Error("AuthorizationQueryParametersError", message)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_DECLARED = "x-amz-content-sha256"
_QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_QUERY_NAMES = {name.lower(): name for name in (*_QUERY_PARTS, "X-Amz-Content-Sha256")}
_V4_MARKS = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"})
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_NOBODY = "nobody has this secret"
