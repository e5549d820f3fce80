"""What x-amz-content-sha256 says about a body.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from s3d.agent.s3.canonical import EMPTY_SHA256
from s3d.agent.s3.errors import S3Error


class PayloadKind(StrEnum):
    """What x-amz-content-sha256 says about the body."""

    SIGNED = "SIGNED"
    """The body's SHA-256 itself was signed."""
    UNSIGNED = "UNSIGNED-PAYLOAD"
    STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def streaming(self) -> bool:
        """The body is aws-chunked: it goes through chunked.Decoder."""
        return self not in (PayloadKind.SIGNED, PayloadKind.UNSIGNED)

    @property
    def chunks_signed(self) -> bool:
        return self in (PayloadKind.STREAMING_SIGNED, PayloadKind.STREAMING_SIGNED_TRAILER)


class Payload(NamedTuple):
    """What was promised about the body. sha256: lower-case hex, of SIGNED only."""

    kind: PayloadKind
    sha256: str = ""


UNSIGNED = Payload(PayloadKind.UNSIGNED)
_EMPTY = Payload(PayloadKind.SIGNED, EMPTY_SHA256)

_KINDS = {str(kind): kind for kind in PayloadKind if kind is not PayloadKind.SIGNED}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def payload_of(method: str, declared: str) -> Payload:
    """The Payload that x-amz-content-sha256 declares. Raises S3Error for unknown or misplaced."""
    if declared == EMPTY_SHA256:
        return _EMPTY
    if _SHA256.fullmatch(declared):
        return Payload(PayloadKind.SIGNED, declared.lower())
    if declared.startswith("STREAMING-AWS4-ECDSA-"):
        raise S3Error("InvalidRequest", f"The chunk encoding {declared} is not supported.")
    kind = _KINDS.get(declared)
    if kind is None:
        raise S3Error(
            "InvalidArgument",
            f"x-amz-content-sha256 must be {', '.join(_KINDS)}, or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=declared,
        )
    if kind.streaming and method != "PUT":
        raise S3Error("InvalidRequest", f"{kind} is for uploads of objects and parts only.")
    return UNSIGNED if kind is PayloadKind.UNSIGNED else Payload(kind)
