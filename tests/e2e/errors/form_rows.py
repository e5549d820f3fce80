"""Errors of POST forms. PostObject is no operation of the model.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from tests.e2e.errors.derived_rows import Row
from tests.e2e.errors.valid_requests import Request

_BOUNDARY = "----boundary"
_FIELDS = ("bucket", "key", "x-amz-algorithm", "x-amz-credential", "x-amz-date")
_ANY = [["starts-with", f"${field}", ""] for field in _FIELDS]
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "any": {"expiration": "2090-01-01T00:00:00Z", "conditions": _ANY},
    "sized": {
        "expiration": "2090-01-01T00:00:00Z",
        "conditions": [*_ANY, ["content-length-range", 2, 3]],
    },
    "expired": {"expiration": "2001-01-01T00:00:00Z", "conditions": _ANY},
    "incomplete": {"expiration": "2090-01-01T00:00:00Z"},
}
"""Beside them, "broken" is no JSON."""


def signed_policies(secret: str, now: str) -> Iterator[tuple[str, str]]:
    """What the forms have in place of {NAME} and {NAME_signature}. now: as in x-amz-date."""
    key = f"AWS4{secret}".encode()
    for part in (now[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    for name, policy in POLICIES.items():
        yield from _signed(name, json.dumps(policy), key)
    yield from _signed("broken", "policy", key)


def _signed(name: str, policy: str, key: bytes) -> Iterator[tuple[str, str]]:
    encoded = b64encode(policy.encode())
    yield name, encoded.decode()
    yield f"{name}_signature", hmac.digest(key, encoded, "sha256").hex()


def form(policy: str = "any", *, file: str | None = "data", **more: str) -> Request:
    """A form with the file at its end. more: further fields; an empty one is left out.

    policy: the name of one; "": the form is not signed.
    """
    signature = {
        "policy": f"{{{policy}}}",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "{key}/{today}/us-east-1/s3/aws4_request",
        "x-amz-date": "{now}",
        "x-amz-signature": f"{{{policy}_signature}}",
    }
    fields = {"key": "form", **(signature if policy else {})}
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    parts = [(f'name="{name}"', value) for name, value in fields.items() if value]
    if file is not None:
        parts.append(('name="file"; filename="f"', file))
    text = "".join(
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n"
        for head, value in parts
    )
    body = f"{text}--{_BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Request("POST", "/plain", body, {"Content-Type": kind, "Content-MD5": ""})


def _row(code: str, how: str, request: Request) -> Row:
    return Row("PostObject", code, request, "anonymous", how)


ROWS = (
    _row("EntityTooLarge", "above the policy's range", form("sized", file="four")),
    _row("EntityTooSmall", "below the policy's range", form("sized", file="1")),
    _row("AccessDenied", "expired policy", form("expired")),
    _row("AccessDenied", "field without a condition", form(x_amz_meta_a="b")),
    _row("AccessDenied", "no policy", form("")),
    _row("InvalidPolicyDocument", "no JSON", form("broken")),
    _row("InvalidPolicyDocument", "no conditions", form("incomplete")),
    _row("SignatureDoesNotMatch", "other signature", form(x_amz_signature="0" * 64)),
    _row(
        "InvalidAccessKeyId",
        "unknown key",
        form(x_amz_credential="AKIAIOSFODNN7EXAMPLE/{today}/us-east-1/s3/aws4_request"),
    ),
    _row("InvalidArgument", "no key", form(key="")),
    _row("InvalidArgument", "no file", form(file=None)),
    _row("MalformedPOSTRequest", "no boundary", form().having(Content_Type="multipart/form-data")),
    _row("MalformedPOSTRequest", "no end", form()._replace(body=form().body[:-20])),
    _row("PreconditionFailed", "no form", form().having(Content_Type="text/plain")),
    _row("MaxPostPreDataLengthExceededError", "21 KB", form(x_amz_meta_a="a" * 21_000)),
    _row("NoSuchBucket", "no bucket", form().to("missing")),
)
