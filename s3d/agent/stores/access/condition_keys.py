"""The condition keys of a request: what the conditions of a policy can look at. Pure.

A key that a request does not have, or that s3d does not know, has no value, as at AWS.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from s3d.agent.s3.address import decode, parse_query
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.principal import ANONYMOUS, Principal

Values = Sequence[str] | None

_MEMBERS: Mapping[str, str] = {
    "s3:delimiter": "Delimiter",
    "s3:if-match": "IfMatch",
    "s3:if-none-match": "IfNoneMatch",
    "s3:max-keys": "MaxKeys",
    "s3:prefix": "Prefix",
    "s3:versionid": "VersionId",
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-grant-full-control": "GrantFullControl",
    "s3:x-amz-grant-read": "GrantRead",
    "s3:x-amz-grant-read-acp": "GrantReadACP",
    "s3:x-amz-grant-write": "GrantWrite",
    "s3:x-amz-grant-write-acp": "GrantWriteACP",
    "s3:x-amz-metadata-directive": "MetadataDirective",
    "s3:x-amz-object-ownership": "ObjectOwnership",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "s3:x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
"""Condition key -> the input member that is its value."""

_CREATING = frozenset({"CompleteMultipartUpload", "CopyObject", "PutObject"})
_EXISTING_TAG = "s3:existingobjecttag/"
_REQUEST_TAG = "s3:requestobjecttag/"


class ConditionKeys:
    """The values of the condition keys for one action of one request; a Lookup of policies."""

    def __init__(
        self,
        request: S3Request[Any],
        *,
        now: float,
        account: str,
        tags: Mapping[str, str] | None = None,
        version_id: str = "",
    ) -> None:
        """now: Unix seconds. account: id of the account that owns the bucket. tags: of the existing
        object; None: there is none. version_id: that the action names."""
        self._request = request
        self._now = now
        self._account = account
        self._tags = tags
        self._version_id = version_id

    def __call__(self, key: str) -> Values:
        """The values of a key, spelt as policy_patterns.key_of gives it; None: it has none."""
        member = _MEMBERS.get(key)
        if key == "s3:versionid" and self._version_id:
            return [self._version_id]
        if member is not None:
            return _texts(self._request.input.get(member))
        read = _READERS.get(key)
        if read is not None:
            return read(self)
        if key.startswith(_EXISTING_TAG):
            return _texts((self._tags or {}).get(key.removeprefix(_EXISTING_TAG)))
        if key.startswith(_REQUEST_TAG):
            return _texts(self._request_tags().get(key.removeprefix(_REQUEST_TAG)))
        return None

    # ------------------------------------------------------------ the caller

    @property
    def _caller(self) -> Principal:
        return self._request.context.principal or ANONYMOUS

    def principal_arn(self) -> Values:
        return [self._caller.arn] if self._caller.arn else None

    def principal_account(self) -> Values:
        return None if self._caller.is_anonymous else [self._caller.account_id]

    def principal_type(self) -> Values:
        return [_principal_type(self._caller)]

    def user_id(self) -> Values:
        """The id of the key stands for the unique id of the user."""
        if self._caller.is_anonymous:
            return ["anonymous"]
        is_account = self._caller.arn.endswith(":root")
        return [self._caller.account_id if is_account else self._caller.access_key_id]

    def username(self) -> Values:
        _, is_user, name = self._caller.arn.partition(":user/")
        return [name.rpartition("/")[2]] if is_user else None

    # ------------------------------------------------------------ the connection and the time

    def source_ip(self) -> Values:
        return _texts(self._request.context.client_address)

    def secure_transport(self) -> Values:
        """s3d serves plain HTTP on this machine."""
        return ["false"]

    def current_time(self) -> Values:
        return [datetime.fromtimestamp(self._now, UTC).isoformat()]

    def epoch_time(self) -> Values:
        return [str(int(self._now))]

    def user_agent(self) -> Values:
        return self._header("user-agent")

    def referer(self) -> Values:
        return self._header("referer")

    def content_sha256(self) -> Values:
        return self._header("x-amz-content-sha256")

    def auth_type(self) -> Values:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html"""
        if self._caller.is_anonymous:
            return None
        if self._request.wire is None:
            return ["POST"]
        return ["REST-HEADER" if self._header("authorization") else "REST-QUERY-STRING"]

    def signature_version(self) -> Values:
        if self._caller.is_anonymous or self._request.wire is None:
            return None
        header = self._header("authorization") or [""]
        if header[0].startswith("AWS4") or "X-Amz-Algorithm" in self._query():
            return ["AWS4-HMAC-SHA256"]
        return ["AWS"]

    def signature_age(self) -> Values:
        """Milliseconds since a request was presigned."""
        date = self._query().get("X-Amz-Date")
        if date is None:
            return None
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return [str(int((self._now - signed.timestamp()) * 1_000))]

    def _header(self, name: str) -> Values:
        wire = self._request.wire
        found = [value for key, value in wire.headers if key == name] if wire is not None else []
        return found or None

    def _query(self) -> Mapping[str, str]:
        wire = self._request.wire
        return parse_query(wire.raw_query) if wire is not None and wire.raw_query else {}

    # ------------------------------------------------------------ the operation

    def resource_account(self) -> Values:
        return [self._account]

    def is_creation(self) -> Values:
        return ["true" if self._request.op.name in _CREATING else "false"]

    def copy_source(self) -> Values:
        """With and without the slash in front, since clients send both, and decoded."""
        source = self._request.input.get("CopySource")
        if not source:
            return None
        plain = decode(source).removeprefix("/")
        return [plain, f"/{plain}"]

    def location(self) -> Values:
        configuration = self._request.input.get("CreateBucketConfiguration") or {}
        return _texts(configuration.get("LocationConstraint"))

    def request_tag_keys(self) -> Values:
        return list(self._request_tags()) or None

    def lock_mode(self) -> Values:
        input = self._request.input
        mode = input.get("ObjectLockMode") or (input.get("Retention") or {}).get("Mode")
        return _texts(mode)

    def legal_hold(self) -> Values:
        input = self._request.input
        hold = input.get("ObjectLockLegalHoldStatus") or (input.get("LegalHold") or {}).get(
            "Status"
        )
        return _texts(hold)

    def retain_until(self) -> Values:
        until = self._until()
        return None if until is None else [until.isoformat()]

    def retention_days(self) -> Values:
        """Whole days until the end of the retention that is asked for."""
        until = self._until()
        return None if until is None else [str(int((until.timestamp() - self._now) // 86_400))]

    def _until(self) -> datetime | None:
        input = self._request.input
        until = input.get("ObjectLockRetainUntilDate")
        until = until or (input.get("Retention") or {}).get("RetainUntilDate")
        return until if isinstance(until, datetime) else None

    def _request_tags(self) -> Mapping[str, str]:
        """The tags that a request sets; a request with tags that are none is refused later."""
        header = self._request.input.get("Tagging")
        if isinstance(header, str):
            return dict(parse_qsl(header, keep_blank_values=True))
        tags = (header or {}).get("TagSet") or ()
        return {str(tag.get("Key", "")): str(tag.get("Value") or "") for tag in tags}


_READERS: Mapping[str, Callable[[ConditionKeys], Values]] = {
    "aws:currenttime": ConditionKeys.current_time,
    "aws:epochtime": ConditionKeys.epoch_time,
    "aws:principalaccount": ConditionKeys.principal_account,
    "aws:principalarn": ConditionKeys.principal_arn,
    "aws:principaltype": ConditionKeys.principal_type,
    "aws:referer": ConditionKeys.referer,
    "aws:resourceaccount": ConditionKeys.resource_account,
    "aws:securetransport": ConditionKeys.secure_transport,
    "aws:sourceip": ConditionKeys.source_ip,
    "aws:useragent": ConditionKeys.user_agent,
    "aws:userid": ConditionKeys.user_id,
    "aws:username": ConditionKeys.username,
    "s3:authtype": ConditionKeys.auth_type,
    "s3:locationconstraint": ConditionKeys.location,
    "s3:object-lock-legal-hold": ConditionKeys.legal_hold,
    "s3:object-lock-mode": ConditionKeys.lock_mode,
    "s3:object-lock-remaining-retention-days": ConditionKeys.retention_days,
    "s3:object-lock-retain-until-date": ConditionKeys.retain_until,
    "s3:objectcreationoperation": ConditionKeys.is_creation,
    "s3:requestobjecttagkeys": ConditionKeys.request_tag_keys,
    "s3:resourceaccount": ConditionKeys.resource_account,
    "s3:signatureage": ConditionKeys.signature_age,
    "s3:signatureversion": ConditionKeys.signature_version,
    "s3:x-amz-content-sha256": ConditionKeys.content_sha256,
    "s3:x-amz-copy-source": ConditionKeys.copy_source,
}


def _texts(value: Any) -> Values:
    """The value of a member as the values of a key."""
    if value is None:
        return None
    return ["true" if value else "false"] if isinstance(value, bool) else [str(value)]


def _principal_type(caller: Principal) -> str:
    if caller.is_anonymous:
        return "Anonymous"
    if ":assumed-role/" in caller.arn:
        return "AssumedRole"
    return "Account" if caller.arn.endswith(":root") else "User"
