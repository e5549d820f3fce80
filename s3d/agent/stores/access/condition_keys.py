"""The condition keys of a request: what the conditions of a policy can look at. Pure.

A key that a request does not have, or that s3d does not know, has no value, as at AWS.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from s3d.agent.s3.access_decision import EXISTING_TAG
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.principal import ANONYMOUS, Principal
from s3d.agent.s3.routing import decode, parse_query
from s3d.agent.s3.signature_elements import ALGORITHM, query_pairs
from s3d.agent.s3.sigv4 import Form, forms_of

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
_UPLOAD_OPERATIONS = frozenset({"CompleteMultipartUpload", "UploadPart", "UploadPartCopy"})
_SHA256, UNSIGNED = "x-amz-content-sha256", "UNSIGNED-PAYLOAD"
_REQUEST_TAG = "s3:requestobjecttag/"


class ConditionKeys:
    """The values of the condition keys for one action of one request; a Lookup of policies."""

    def __init__(
        self,
        request: S3Request[Any],
        *,
        now: float,
        account: str,
        tags: Callable[[], Mapping[str, str]] = dict,
        begun: Callable[[], Mapping[str, Any]] = dict,
        version_id: str = "",
        if_match: str = "",
    ) -> None:
        """now: Unix seconds. account: id of the account that owns the bucket. tags: finds those of
        the existing object, and is called only for a condition on them. begun: finds the
        CONDITION_MEMBERS that the upload was begun with. version_id, if_match: that the action
        names."""
        self.request = request
        self.now = now
        self.account = account
        self._tags = tags
        self._begun = begun
        self._named = {"s3:versionid": version_id, "s3:if-match": if_match}

    @cached_property
    def input(self) -> Mapping[str, Any]:
        """The members of the request. What CreateMultipartUpload says about the new object holds
        for the parts and the completion too, which do not repeat it."""
        own = self.request.input
        return {**self._begun(), **own} if self.request.op.name in _UPLOAD_OPERATIONS else own

    def __call__(self, key: str) -> Values:
        """The values of a key, spelt as policy_patterns.key_of gives it; None: it has none."""
        member = _MEMBERS.get(key)
        if self._named.get(key):
            return [self._named[key]]
        if member is not None:
            return _texts(self.input.get(member))
        read = _READERS.get(key)
        if read is not None:
            return read(self)
        if key.startswith(EXISTING_TAG):
            return _texts(self._tags().get(key.removeprefix(EXISTING_TAG)))
        if key.startswith(_REQUEST_TAG):
            return _texts(_request_tags(self).get(key.removeprefix(_REQUEST_TAG)))
        return None


# ---------------------------------------------------------------- the caller


def _caller(view: ConditionKeys) -> Principal:
    return view.request.context.principal or ANONYMOUS


def _principal_arn(view: ConditionKeys) -> Values:
    return [_caller(view).arn] if _caller(view).arn else None


def _principal_account(view: ConditionKeys) -> Values:
    return None if _caller(view).is_anonymous else [_caller(view).account_id]


def _principal_type(view: ConditionKeys) -> Values:
    return [_type_of(_caller(view))]


def _user_id(view: ConditionKeys) -> Values:
    """The id of the key stands for the unique id of the user."""
    if _caller(view).is_anonymous:
        return ["anonymous"]
    is_account = _caller(view).arn.endswith(":root")
    return [_caller(view).account_id if is_account else _caller(view).access_key_id]


def _username(view: ConditionKeys) -> Values:
    _, is_user, name = _caller(view).arn.partition(":user/")
    return [name.rpartition("/")[2]] if is_user else None


# ---------------------------------------------------------------- the connection and the time


def _source_ip(view: ConditionKeys) -> Values:
    return _texts(view.request.context.client_address)


def _secure_transport(view: ConditionKeys) -> Values:
    """s3d serves plain HTTP on this machine."""
    return ["false"]


def _current_time(view: ConditionKeys) -> Values:
    return [datetime.fromtimestamp(view.now, UTC).isoformat()]


def _epoch_time(view: ConditionKeys) -> Values:
    return [str(int(view.now))]


def _user_agent(view: ConditionKeys) -> Values:
    return _header(view, "user-agent")


def _referer(view: ConditionKeys) -> Values:
    return _header(view, "referer")


def _form(view: ConditionKeys) -> Form | None:
    """The form of the signature that was verified; None: there is none, or it is that of a form.

    What stands beside it may not decide: a caller could add it to look like another one.
    """
    wire = view.request.wire
    if wire is None:
        return None
    names = {name for name, _ in query_pairs(wire.raw_query)}
    return next(iter(forms_of((_header(view, "authorization") or [""])[0], names)), None)


def _content_sha256(view: ConditionKeys) -> Values:
    """As it is signed: a presigned URL without a hash signs that it has none."""
    if _form(view) is not Form.QUERY_V4:
        return _header(view, _SHA256)
    return _texts(_query(view).get(_SHA256)) or _header(view, _SHA256) or [UNSIGNED]


def _auth_type(view: ConditionKeys) -> Values:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html"""
    if _caller(view).is_anonymous:
        return None
    if view.request.wire is None:
        return ["POST"]
    return ["REST-HEADER" if _form(view) is Form.HEADER_V4 else "REST-QUERY-STRING"]


def _signature_version(view: ConditionKeys) -> Values:
    if _caller(view).is_anonymous:
        return None
    if view.request.wire is None:
        form = view.request.context.form
        return None if form is None else [form.signature]
    return ["AWS" if _form(view) is Form.QUERY_V2 else ALGORITHM]


def _signature_age(view: ConditionKeys) -> Values:
    """Milliseconds since a request was presigned."""
    date = _query(view).get("x-amz-date") if _form(view) is Form.QUERY_V4 else None
    if date is None:
        return None
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # of a request without a signature, which may say anything
        return None
    return [str(int((view.now - signed.timestamp()) * 1_000))]


def _header(view: ConditionKeys, name: str) -> Values:
    wire, context = view.request.wire, view.request.context
    form = context.form.headers if context.form is not None else ()
    headers = form if wire is None else wire.headers
    return [value for key, value in headers if key == name] or None


def _query(view: ConditionKeys) -> Mapping[str, str]:
    """By the names in lower case: those of a presigned URL may be spelt in any case."""
    wire = view.request.wire
    words = parse_query(wire.raw_query) if wire is not None and wire.raw_query else {}
    return {name.lower(): value for name, value in words.items()}


# ---------------------------------------------------------------- the operation


def _resource_account(view: ConditionKeys) -> Values:
    return [view.account]


def _is_creation(view: ConditionKeys) -> Values:
    return ["true" if view.request.op.name in _CREATING else "false"]


def _copy_source(view: ConditionKeys) -> Values:
    """With and without the slash in front, since clients send both, and decoded as the source is
    read: parse_copy_source."""
    source = view.input.get("CopySource")
    if not source:
        return None
    path, question, version = source.partition("?")
    plain = decode(path.replace("+", " ") + question + version).removeprefix("/")
    return [plain, f"/{plain}"]


def _location(view: ConditionKeys) -> Values:
    configuration = view.input.get("CreateBucketConfiguration") or {}
    return _texts(configuration.get("LocationConstraint"))


def _request_tag_keys(view: ConditionKeys) -> Values:
    return list(_request_tags(view)) or None


def _lock_mode(view: ConditionKeys) -> Values:
    input = view.input
    mode = input.get("ObjectLockMode") or (input.get("Retention") or {}).get("Mode")
    return _texts(mode)


def _legal_hold(view: ConditionKeys) -> Values:
    input = view.input
    hold = input.get("ObjectLockLegalHoldStatus") or (input.get("LegalHold") or {}).get("Status")
    return _texts(hold)


def _retain_until(view: ConditionKeys) -> Values:
    until = _until(view)
    return None if until is None else [until.isoformat()]


def _retention_days(view: ConditionKeys) -> Values:
    """Whole days until the end of the retention that is asked for."""
    until = _until(view)
    return None if until is None else [str(int((until.timestamp() - view.now) // 86_400))]


def _until(view: ConditionKeys) -> datetime | None:
    input = view.input
    until = input.get("ObjectLockRetainUntilDate")
    until = until or (input.get("Retention") or {}).get("RetainUntilDate")
    return until if isinstance(until, datetime) else None


def _request_tags(view: ConditionKeys) -> Mapping[str, str]:
    """The tags that a request sets; a request with tags that are none is refused later."""
    header = view.input.get("Tagging")
    if isinstance(header, str):
        return dict(parse_qsl(header, keep_blank_values=True))
    tags = (header or {}).get("TagSet") or ()
    return {str(tag.get("Key", "")): str(tag.get("Value") or "") for tag in tags}


_READERS: Mapping[str, Callable[[ConditionKeys], Values]] = {
    "aws:currenttime": _current_time,
    "aws:epochtime": _epoch_time,
    "aws:principalaccount": _principal_account,
    "aws:principalarn": _principal_arn,
    "aws:principaltype": _principal_type,
    "aws:referer": _referer,
    "aws:resourceaccount": _resource_account,
    "aws:securetransport": _secure_transport,
    "aws:sourceip": _source_ip,
    "aws:useragent": _user_agent,
    "aws:userid": _user_id,
    "aws:username": _username,
    "s3:authtype": _auth_type,
    "s3:locationconstraint": _location,
    "s3:object-lock-legal-hold": _legal_hold,
    "s3:object-lock-mode": _lock_mode,
    "s3:object-lock-remaining-retention-days": _retention_days,
    "s3:object-lock-retain-until-date": _retain_until,
    "s3:objectcreationoperation": _is_creation,
    "s3:requestobjecttagkeys": _request_tag_keys,
    "s3:resourceaccount": _resource_account,
    "s3:signatureage": _signature_age,
    "s3:signatureversion": _signature_version,
    "s3:x-amz-content-sha256": _content_sha256,
    "s3:x-amz-copy-source": _copy_source,
}


def _texts(value: Any) -> Values:
    """The value of a member as the values of a key."""
    if value is None:
        return None
    return ["true" if value else "false"] if isinstance(value, bool) else [str(value)]


def _type_of(caller: Principal) -> str:
    if caller.is_anonymous:
        return "Anonymous"
    if ":assumed-role/" in caller.arn:
        return "AssumedRole"
    return "Account" if caller.arn.endswith(":root") else "User"
