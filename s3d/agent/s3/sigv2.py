"""Verifies presigned URLs of Signature Version 2, which boto3, AWS CLI v1 and s3cmd still make.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
It raises for expired and forged URLs; sigv4.verify makes the Verified.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from urllib.parse import unquote_plus

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.signature_elements import joined_headers, to_bytes

MARKS = frozenset({"AWSAccessKeyId", "Signature"})
"""Query parameters that make a request one of Version 2."""

SIGNED_WORDS = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)
"""Query parameters that Version 2 signs, as botocore's HmacV1Auth has them."""

Parameter = tuple[str, str, str]
"""Name, "=" or nothing, value; name and value decoded."""

_PROOF = ("AWSAccessKeyId", "Signature", "Expires")
_STANDARD = ("content-md5", "content-type")
_DIGITS = re.compile(r"\d{1,15}", re.ASCII)
_NOBODY = "nobody has this secret"


def verify_query(
    wire: WireRequest, secret_of: Callable[[str], str | None], now: float, virtual_bucket: str = ""
) -> str:
    """The access key id that signed.

    Raises AccessDenied, InvalidAccessKeyId and SignatureDoesNotMatch.
    """
    parameters = _parameters(wire.raw_query)
    access_key, signature, expires = _proof(parameters)
    if not _DIGITS.fullmatch(expires):
        raise S3Error("AccessDenied", "Invalid date (should be seconds since epoch)")
    if now > int(expires):
        raise S3Error("AccessDenied", "Request has expired", Expires=expires)
    _refuse_ambiguous(parameters)
    headers = _headers(wire, parameters)
    secret = secret_of(access_key)
    # An unknown key costs the same work, so that the timing does not reveal which keys exist.
    key, to_sign, same = _NOBODY if secret is None else secret, "", False
    for path in _signed_paths(wire.raw_path, virtual_bucket):
        resource = path + _signed_words(parameters)
        to_sign = _string_to_sign(wire.method, headers, expires, resource)
        same |= hmac.compare_digest(sign(key, to_bytes(to_sign)), to_bytes(signature))
    if secret is None:
        raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=access_key)
    if not same:
        raise S3Error("SignatureDoesNotMatch", AWSAccessKeyId=access_key, StringToSign=to_sign)
    return access_key


def sign(secret: str, text: bytes) -> bytes:
    """The base64 signature of a string to sign or of a POST policy."""
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1"))


def _parameters(raw_query: str) -> list[Parameter]:
    pieces = [piece.partition("=") for piece in raw_query.split("&") if piece]
    return [(_decode(name), equals, _decode(value)) for name, equals, value in pieces]


def _decode(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")


def _proof(parameters: Iterable[Parameter]) -> list[str]:
    """The three parameters of the proof; each must occur once and not be empty."""
    given: dict[str, list[str]] = {name: [] for name in _PROOF}
    for name, _, value in parameters:
        if name in given:
            given[name].append(value)
    if any(len(values) != 1 or not values[0] for values in given.values()):
        raise S3Error(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters, each once",
        )
    return [values[0] for values in given.values()]


def _refuse_ambiguous(parameters: Iterable[Parameter]) -> None:
    """Refuse what the holder of a URL could rewrite without touching what Version 2 signs.

    That is: a word that chooses the operation but is not signed; a value that swallows a further
    signed word ("partNumber=1%26uploadId%3DU"); a line break in a header moved into the query.
    """
    for name, _, value in parameters:
        swallowed = {word.partition("=")[0] for word in value.split("&")[1:]}
        if name in _unsigned_choices() or "\n" in value or swallowed & SIGNED_WORDS:
            raise S3Error("AccessDenied", f"A Version 2 signature cannot cover {name!a}")


@cache
def _unsigned_choices() -> frozenset[str]:
    """Words that choose an operation and are not signed. list-type chooses a form of answer."""
    words = {operation.subresource for operation in operations().values()}
    return frozenset(word for word in words if word) - SIGNED_WORDS - {"list-type"}


def _headers(wire: WireRequest, parameters: Iterable[Parameter]) -> dict[str, str]:
    """The headers that are signed: those sent, and those that botocore moves into the query."""
    headers = joined_headers(wire.headers)
    for name, _, value in parameters:
        name = name.lower()
        moved = name.startswith("x-amz-") or name in _STANDARD
        if moved and headers.setdefault(name, value) != value:
            raise S3Error("SignatureDoesNotMatch", f"{name!a} differs in the header and the query")
    return headers


def _signed_paths(raw_path: str, virtual_bucket: str) -> tuple[str, ...]:
    """The paths that the signature may cover: botocore signs /bucket/ for a request of /bucket."""
    if virtual_bucket:
        return (f"/{virtual_bucket}{raw_path}",)
    names_bucket = len(raw_path) > 1 and "/" not in raw_path[1:]
    return (f"{raw_path}/", raw_path) if names_bucket else (raw_path,)


def _signed_words(parameters: Iterable[Parameter]) -> str:
    words = sorted(p for p in parameters if p[0] in SIGNED_WORDS)
    return "?" + "&".join(map("".join, words)) if words else ""


def _string_to_sign(method: str, headers: Mapping[str, str], expires: str, resource: str) -> str:
    amz = "".join(f"{n}:{headers[n]}\n" for n in sorted(headers) if n.startswith("x-amz-"))
    md5, content_type = (headers.get(name, "") for name in _STANDARD)
    return f"{method}\n{md5}\n{content_type}\n{expires}\n{amz}{resource}"
