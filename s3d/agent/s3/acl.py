"""Access control lists: what a canned ACL, the Grant* headers or an AccessControlPolicy grant.

Pure; it makes lists of grants and enforces none.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.shared.access_key import DEFAULT_OWNER, owner_named

OWNER: Mapping[str, str] = owner_named(DEFAULT_OWNER).members
"""The owner of the default key, by a canonical user id as AWS has it."""

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = frozenset({ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY})

PERMISSIONS = frozenset({"FULL_CONTROL", "READ", "READ_ACP", "WRITE", "WRITE_ACP"})

CANNED: Mapping[str, Sequence[tuple[str, str]]] = {
    "private": (),
    "public-read": ((ALL_USERS, "READ"),),
    "public-read-write": ((ALL_USERS, "READ"), (ALL_USERS, "WRITE")),
    "authenticated-read": ((AUTHENTICATED_USERS, "READ"),),
    "aws-exec-read": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "log-delivery-write": ((LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")),
}
"""Canned ACL -> (group, permission) beside the owner's full control. The owner of a bucket owns
its objects too, so bucket-owner-* grant nothing further."""

GRANT_MEMBERS: Mapping[str, str] = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}

MAX_GRANTS = 100


def private(owner: Mapping[str, str]) -> Members:
    """The list of a new bucket or object: its owner may do everything."""
    return {"Owner": dict(owner), "Grants": [_grant(_user(owner), "FULL_CONTROL")]}


def requested(input: Mapping[str, Any], owner: Mapping[str, str]) -> Members | None:
    """The list that a request asks for, as GetBucketAcl gives it; None when the request has none.

    Raises InvalidRequest or UnexpectedContent for more than one way to say it, InvalidArgument
    for an unknown canned ACL, group or form of a header, MalformedACLError for a policy that is
    none, UnresolvableGrantByEmailAddress, AccessDenied for an owner other than owner.
    """
    canned, policy = input.get("ACL"), input.get("AccessControlPolicy")
    headers = [member for member in GRANT_MEMBERS if input.get(member) is not None]
    if canned is not None and headers:
        message = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise S3Error("InvalidRequest", message)
    if policy is not None:
        if canned is not None or headers:
            raise S3Error("UnexpectedContent")
        return _of_policy(policy, owner)
    if canned is not None:
        return _of_canned(canned, owner)
    if headers:
        return _of_headers(input, headers, owner)
    return None


def _of_canned(canned: str, owner: Mapping[str, str]) -> Members:
    if canned not in CANNED:
        raise S3Error("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
    given = private(owner)
    given["Grants"] += [_grant(_group(uri), permission) for uri, permission in CANNED[canned]]
    return given


def _of_headers(
    input: Mapping[str, Any], headers: Sequence[str], owner: Mapping[str, str]
) -> Members:
    grants = [
        _grant(_grantee(kind, value), GRANT_MEMBERS[member])
        for member in headers
        for kind, value in _grantees(str(input[member]))
    ]
    return {"Owner": dict(owner), "Grants": grants}


_GRANTEE = re.compile(r'\s*(?i:(id|uri|emailAddress))\s*=\s*(?:"([^"]+)"|([^",\s]+))\s*')


def _grantees(header: str) -> list[tuple[str, str]]:
    """The (kind in lower case, value) of `id="...", uri="..."`."""
    found = [_GRANTEE.fullmatch(part) for part in header.split(",")]
    if not all(found):
        raise S3Error("InvalidArgument", "Argument format not recognized", ArgumentValue=header)
    return [(match[1].lower(), match[2] or match[3]) for match in found if match]


def _grantee(kind: str, value: str) -> Members:
    if kind == "id":
        return _user({"ID": value})
    if kind == "uri":
        if value not in GROUPS:
            raise S3Error("InvalidArgument", "Invalid group uri", ArgumentValue=value)
        return _group(value)
    raise S3Error("UnresolvableGrantByEmailAddress")


def _of_policy(policy: Mapping[str, Any], owner: Mapping[str, str]) -> Members:
    said, grants = policy.get("Owner") or {}, policy.get("Grants") or []
    if not said.get("ID") or len(grants) > MAX_GRANTS:
        raise S3Error("MalformedACLError")
    if said["ID"] != owner["ID"]:
        raise S3Error("AccessDenied")
    return {"Owner": dict(owner), "Grants": [_checked(grant, owner) for grant in grants]}


def _checked(grant: Mapping[str, Any], owner: Mapping[str, str]) -> Members:
    """A grant of a policy, its grantee in AWS's form."""
    grantee, permission = grant.get("Grantee") or {}, grant.get("Permission")
    kind = _GRANTEE_TYPES.get(grantee.get("Type", ""))
    if kind is None or not grantee.get(kind) or permission not in PERMISSIONS:
        raise S3Error("MalformedACLError")
    if grantee[kind] == owner["ID"]:
        return _grant(_user(owner), permission)
    return _grant(_grantee(_KINDS[kind], grantee[kind]), permission)


_GRANTEE_TYPES = {"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}
_KINDS = {"ID": "id", "URI": "uri", "EmailAddress": "emailaddress"}


def _user(user: Mapping[str, str]) -> Members:
    return {**user, "Type": "CanonicalUser"}


def _group(uri: str) -> Members:
    return {"Type": "Group", "URI": uri}


def _grant(grantee: Members, permission: str) -> Members:
    return {"Grantee": grantee, "Permission": permission}
