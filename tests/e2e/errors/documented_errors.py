"""The errors that AWS documents, and why some of them occur nowhere in the tables of requests.

Codes and statuses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, which the
documentation of botocore's model repeats for the older ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader

_STATUSES = """
301 PermanentRedirectControlError
304 NotModified
400 AccessControlListNotSupported AuthorizationQueryParametersError BucketHasAccessPointsAttached
400 ConnectionClosedByRequester DeviceNotActiveError EndpointNotFound IncorrectEndpoint
400 IllegalLocationConstraintException InvalidAccessPoint InvalidAccessPointAliasError
400 InvalidBucketAclWithObjectOwnership InvalidBucketOwnerAWSAccountID InvalidHostHeader
400 InvalidHttpMethod InvalidSessionException InvalidSignature InvalidTag KMS.DisabledException
400 KMS.InvalidKeyUsageException KMS.KMSInvalidStateException KMS.NotFoundException MalformedPolicy
400 NotDeviceOwnerError RequestHeaderSectionTooLarge ResponseInterrupted TagPolicyException
400 TokenCodeInvalidError TooManyAccessPoints TooManyMultiRegionAccessPoints
400 TooManyMultiRegionAccessPointregionsError UnsupportedArgument UnsupportedSignature
403 InvalidRegion MissingAuthenticationToken UnauthorizedAccessError UnexpectedIPError
404 NoSuchAccessPoint NoSuchAsyncRequest NoSuchCORSConfiguration NoSuchMultiRegionAccessPoint
404 NoSuchObjectLockConfiguration NoSuchTagSet NoSuchWebsiteConfiguration NoTransformationDefined
404 ObjectLockConfigurationNotFoundError OwnershipControlsNotFoundError
404 ServerSideEncryptionConfigurationNotFoundError
409 AccessPointAlreadyOwnedByYou BucketAlreadyOwnedByYou ClientTokenConflict
409 ConditionalRequestConflict
"""
"""Those of the list that botocore's does not have. AWS sends 404 where the list says 400 for
ServerSideEncryptionConfigurationNotFoundError."""

_FURTHER = """
400 AnnotationNameTooLong EncryptionTypeMismatch IdMismatch IdempotencyParameterMismatch
400 InvalidAnnotationName InvalidPrefix InvalidS3DestinationBucket InvalidWriteOffset TooManyParts
400 XAmzContentSHA256Mismatch
403 ObjectAlreadyInActiveTierError ObjectNotInActiveTierError
404 NoSuchAnnotation NoSuchConfiguration NoSuchPublicAccessBlockConfiguration
404 ReplicationConfigurationNotFoundError
415 UnsupportedMediaType
416 InvalidPartNumber
"""
"""Documented with a single operation, or measured at AWS."""

ELSEWHERE: Mapping[str, str] = {
    "BucketAlreadyOwnedByYou": "tests/contract/test_buckets.py",
    "ConditionalRequestConflict": "tests/contract/test_conditions.py",
    "ExpiredToken": "tests/agent/s3/test_sts_messages.py",
    "IdempotencyParameterMismatch": "tests/agent/stores/local/test_rename.py",
    "IncompleteBody": "tests/agent/frontends/http/test_body.py",
    "InternalError": "tests/agent/frontends/http/test_s3_server.py",
    "MissingAuthenticationToken": "tests/agent/frontends/http/test_sts_endpoint.py",
    "OperationAborted": "tests/contract/test_conditions.py",
    "RequestTimeout": "tests/agent/frontends/http/test_client_connection.py",
    "ServiceUnavailable": "tests/contract/test_semantics.py",
    "SlowDown": "tests/agent/frontends/http/test_s3_server.py",
    "TooManyParts": "tests/agent/stores/local/test_multipart.py",
}
"""Code -> the test that provokes it by other means than one request: another region, time, a race,
bytes that are missing, 10,000 requests, a remote, or a fault."""

_REASONS: Mapping[str, str] = {
    "there are no access points": "AccessPointAlreadyOwnedByYou BucketHasAccessPointsAttached "
    "InvalidAccessPoint InvalidAccessPointAliasError NoSuchAccessPoint TooManyAccessPoints",
    "there are no Multi-Region Access Points": "ClientTokenConflict InvalidRegion "
    "NoSuchAsyncRequest NoSuchMultiRegionAccessPoint PermanentRedirectControlError "
    "TooManyMultiRegionAccessPoints TooManyMultiRegionAccessPointregionsError",
    "there is one endpoint, which has all buckets": "EndpointNotFound IncorrectEndpoint "
    "PermanentRedirect Redirect TemporaryRedirect",
    "one endpoint is that of all regions": "IllegalLocationConstraintException",
    "all buckets are in one location": "CrossLocationLoggingProhibited",
    "keys belong to owners that are declared here, not to accounts with bills or contracts": (
        "AccountProblem AllAccessDisabled InvalidPayer NotSignedUp TooManyBuckets "
        "UnauthorizedAccessError UnexpectedIPError"
    ),
    "owners have no e-mail address": "AmbiguousGrantByEmailAddress",
    "SOAP is not served": "InlineDataTooLarge InvalidAddressingHeader InvalidSOAPRequest "
    "MissingAttachment MissingSecurityElement",
    "there are no archives": "InvalidObjectState ObjectAlreadyInActiveTierError "
    "ObjectNotInActiveTierError RestoreAlreadyInProgress",
    "S3 Object Lambda has a host of its own": "ConnectionClosedByRequester InvalidSessionException "
    "NoTransformationDefined ResponseInterrupted",
    "MFA delete cannot be enabled": "DeviceNotActiveError NotDeviceOwnerError "
    "TokenCodeInvalidError",
    "DevPay ended in 2019": "TokenRefreshRequired",
    "the keys of the local key ring have no states and uses": "KMS.DisabledException "
    "KMS.InvalidKeyUsageException KMS.KMSInvalidStateException",
    "there are no tag policies": "TagPolicyException",
    "S3 makes no torrents any more": "RequestTorrentOfBucketError",
    "a key without a resource is read as another sub-resource": "NoLoggingStatusForKey",
    "AWS sends 403 SignatureDoesNotMatch for it": "InvalidSignature",
    "AWS sends 403 InvalidAccessKeyId for it": "InvalidSecurity",
    "AWS sends InvalidArgument for it": "IncorrectNumberOfFilesInPostRequest "
    "UnsupportedArgument UserKeyMustBeSpecified",
    "AWS sends 412 PreconditionFailed for it": "RequestIsNotMultiPartContent",
    "AWS sends 405 MethodNotAllowed for it": "InvalidHttpMethod",
    "both versions of signatures, and requests without one, are served": "CredentialsNotSupported "
    "UnsupportedSignature",
    "another host is refused with AccessDenied, before anything is read": "InvalidHostHeader",
    "suites want AccessDenied": "InvalidBucketOwnerAWSAccountID",
    "an appended object is encrypted as it was": "EncryptionTypeMismatch",
}

NOT_HERE: Mapping[str, str] = {
    code: reason for reason, codes in _REASONS.items() for code in codes.split()
}
"""Code -> why the embedded store never sends it."""


@cache
def statuses() -> dict[str, int]:
    """Every documented code and its status; 400 when AWS names none (of SOAP)."""
    return {**dict(_listed(_STATUSES)), **dict(_listed(_FURTHER)), **of_botocore()}


def _listed(text: str) -> Iterator[tuple[str, int]]:
    for line in text.split("\n"):
        status, *codes = line.split() or ["0"]
        yield from ((code, int(status)) for code in codes)


@cache
def _model() -> Any:
    return Loader().load_service_model("s3", "service-2")


@cache
def of_botocore() -> dict[str, int]:
    """The list in the documentation of the shape Error."""
    html = _model()["shapes"]["Error"]["members"]["Code"]["documentation"]
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html))
    found = {}
    for entry in re.split(r"Code: (?=[A-Z][A-Za-z]{3})", text)[1:]:
        code, _, rest = entry.partition(" ")
        status = re.search(r"Status Code: (?:Code: )?(\d{3})", rest)
        found.setdefault(code, int(status[1]) if status else 400)
    return found | {"BucketAlreadyOwnedByYou": 409}


@cache
def of_operations() -> dict[str, list[str]]:
    """Operation -> the errors that botocore's model has for it."""
    operations = _model()["operations"].items()
    return {
        name: [error["shape"] for error in model["errors"]]
        for name, model in operations
        if model.get("errors")
    }
