"""Signs requests and URLs with Signature Version 4.

sigv4.verify accepts the results; tests compare both with botocore's signers.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import quote, urlsplit, urlunsplit

from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import (
    ALGORITHM,
    Scope,
    Signer,
    basic_date,
    canonical_path,
    canonical_query,
    canonical_request,
    joined_headers,
    query_pairs,
    signing_key,
    string_to_sign,
)

_NEVER_SIGNED = frozenset(
    {"authorization", "connection", "expect", "transfer-encoding", "user-agent"}
)
"""Headers that a proxy or the HTTP client itself may change on the way."""


def sign(wire: WireRequest, payload: str, signer: Signer, now: float) -> dict[str, str]:
    """The headers to add to a request so that it is signed.

    payload: hex SHA-256 of the body or one of PayloadKind's words. The host header must be among
    the headers; now is in Unix seconds.
    """
    date = basic_date(now)
    added = {"x-amz-date": date, "x-amz-content-sha256": payload}
    kept = ((n, v) for n, v in wire.headers if n not in _NEVER_SIGNED and n not in added)
    headers = joined_headers([*kept, *added.items()])
    signed = sorted(headers)
    scope = Scope(signer.access_key, date[:8], signer.region)
    target = canonical_path(wire.raw_path), canonical_query(query_pairs(wire.raw_query))
    canonical = canonical_request(wire.method, target, headers, signed, payload)
    added["authorization"] = (
        f"{ALGORITHM} Credential={scope.credential}, SignedHeaders={';'.join(signed)}, "
        f"Signature={_signature(signer, date, scope, canonical)}"
    )
    return added


def presign(method: str, url: str, signer: Signer, expires: int, now: float) -> str:
    """A presigned URL: anyone who has it may use it for expires seconds.

    url: absolute, its path and query percent-encoded. Only host is signed among the headers.
    """
    date = basic_date(now)
    scope = Scope(signer.access_key, date[:8], signer.region)
    parts = urlsplit(url)
    proof = _encoded(
        {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": scope.credential,
            "X-Amz-Date": date,
            "X-Amz-Expires": str(expires),
            "X-Amz-SignedHeaders": "host",
        }.items()
    )
    query = f"{parts.query}&{proof}" if parts.query else proof
    target = canonical_path(parts.path), canonical_query(query_pairs(query))
    canonical = canonical_request(
        method, target, {"host": parts.netloc}, ["host"], "UNSIGNED-PAYLOAD"
    )
    query += f"&X-Amz-Signature={_signature(signer, date, scope, canonical)}"
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _signature(signer: Signer, date: str, scope: Scope, canonical: str) -> str:
    key = signing_key(signer.secret, scope.day, scope.region)
    return hmac.digest(key, string_to_sign(date, scope.text, canonical).encode(), "sha256").hex()


def _encoded(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in pairs)
