"""Which x-amz-* headers of a request are understood. The others may promise anything.

A header that nobody reads is a promise that is dropped silently: a checksum that is not compared,
a lock that is not set. S3 refuses such a header with 501, "A header you provided implies
functionality that is not implemented". The same goes for the x-amz-* words of a query, where
presigning SDKs put headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from functools import cache

from s3d.agent.s3.model import UNKNOWN, Operation, operations, service

_PREFIX = "x-amz-"
_META = "x-amz-meta-"

_SIGNING = "https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"
_PRESIGNED = "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"
_TRAILER = "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html"
_COMMON = "https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html"

WITHOUT_PROMISE: Mapping[str, str] = {
    # They belong to the signature or to the coding of the body, and are read there.
    "x-amz-algorithm": _PRESIGNED,
    "x-amz-content-sha256": _SIGNING,
    "x-amz-credential": _PRESIGNED,
    "x-amz-date": _COMMON,
    "x-amz-decoded-content-length": _TRAILER,
    "x-amz-expires": _PRESIGNED,
    "x-amz-security-token": _COMMON,
    "x-amz-signature": _PRESIGNED,
    "x-amz-signedheaders": _PRESIGNED,
    "x-amz-trailer": _TRAILER,
    "x-amz-trailer-signature": _TRAILER,
    # They say something about the client.
    "x-amz-user-agent": "https://github.com/aws/aws-sdk-js-v3/tree/main/packages/middleware-user-agent",
    "x-amz-api-version": "https://github.com/aws/aws-sdk-cpp/blob/main/generated/src/aws-cpp-sdk-s3/"
    "include/aws/s3/S3Request.h",
    "x-amz-te": "https://github.com/aws/aws-sdk-java-v2/pull/5043",
    "x-amz-cf-id": "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/"
    "RequestAndResponseBehaviorCustomOrigin.html",
    "x-amz-region-set": "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html",
}
"""Lower-case name -> where it is described. They ask for nothing that a store could omit."""


@cache
def understood() -> frozenset[str]:
    """Lower-case names of the x-amz-* headers of all operations, and those without a promise."""
    members = (
        member
        for name in operations()
        for member in service().input_of(name).members.values()
        if member.location == "header" and member.location_name
    )
    named = {str(member.location_name).lower() for member in members}
    return frozenset(name for name in named if name.startswith(_PREFIX)) | WITHOUT_PROMISE.keys()


_harmless: set[str] = set()
"""Names that were found to be no unknown ones: comparing sets takes a sixth of looking at each."""
_MOST_HARMLESS = 1_000


def has_unknown(names: Set[str]) -> bool:
    """Whether one of these lower-case names is an x-amz-* header that nobody reads."""
    if names <= _harmless:
        return False
    known = understood()
    for name in names:
        if name[:6] == _PREFIX and name not in known and name[:11] != _META:
            return True
    if len(_harmless) < _MOST_HARMLESS:
        _harmless.update(names)
    return False


@cache
def opaque(op: Operation) -> Operation:
    """The operation of a request that is understood only in part.

    It has no name, so an embedded store refuses it (501), and the layers of a gateway treat it as a
    change of unknown kind and pass it on as it came. Its body travels as that of the original.
    """
    return replace(
        UNKNOWN,
        method=op.method,
        scope=op.scope,
        status=op.status,
        streaming_input=op.streaming_input,
        streaming_output=op.streaming_output,
    )
