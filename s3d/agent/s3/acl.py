"""Access control lists: what a canned ACL, the Grant* headers or an AccessControlPolicy grant.

Pure; it makes lists of grants and enforces none.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
"""Canned ACL -> (group, permission) beside the owner's full control."""

TO_BUCKET_OWNER: Mapping[str, str] = {
    "bucket-owner-read": "READ",
    "bucket-owner-full-control": "FULL_CONTROL",
}
"""Canned ACL -> the permission that it grants to the owner of the bucket, if that is another."""

GRANT_MEMBERS: Mapping[str, str] = {
    "GrantRead": "READ",
    "GrantWrite": "WRITE",
    "GrantReadACP": "READ_ACP",
    "GrantWriteACP": "WRITE_ACP",
    "GrantFullControl": "FULL_CONTROL",
}

ACL_MEMBERS = frozenset({"ACL", *GRANT_MEMBERS})
"""Members of a write of which each sets the list of what is written."""

MAX_GRANTS = 100

FindUser = Callable[[str], Mapping[str, str]]
"""Canonical id -> the members of its Owner element. Raises S3Error for an unknown id."""


def any_user(id: str) -> Mapping[str, str]:
    """A FindUser of a store that cannot know who exists: the staging area of a remote's writes."""
    return {"ID": id}


def private(owner: Mapping[str, str]) -> Members:
    """The list of a new bucket or object: its owner may do everything."""
    return {"Owner": dict(owner), "Grants": [_grant(_user(owner), "FULL_CONTROL")]}


def requested(
    input: Mapping[str, Any],
    owner: Mapping[str, str],
    *,
    bucket_owner: Mapping[str, str] | None = None,
    find_user: FindUser = any_user,
) -> Members | None:
    """The list that a request asks for, as GetBucketAcl gives it; None when the request has none.

    owner: of the bucket or object. bucket_owner: of the bucket of an object; None: the same.
    Raises InvalidRequest or UnexpectedContent for more than one way to say it, InvalidArgument
    for an unknown canned ACL, group, user or form of a header, MalformedACLError for a policy that
    is none, UnresolvableGrantByEmailAddress, AccessDenied for an owner other than owner.
    """
    canned, policy = input.get("ACL"), input.get("AccessControlPolicy")
    headers = [member for member in GRANT_MEMBERS if input.get(member) is not None]
    if canned is not None and headers:
        message = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise S3Error("InvalidRequest", message)
    if policy is not None:
        if canned is not None or headers:
            raise S3Error("UnexpectedContent")
        return _of_policy(policy, owner, find_user)
    if canned is not None:
        return _of_canned(canned, owner, bucket_owner or owner)
    if headers:
        return _of_headers(input, headers, owner, find_user)
    return None


def is_full_control_of(acl: Mapping[str, Any], owner: str) -> bool:
    """Whether a list grants full control to this canonical id and nothing to anyone else."""
    grants = [(grant["Grantee"].get("ID"), grant["Permission"]) for grant in acl["Grants"]]
    return set(grants) == {(owner, "FULL_CONTROL")}


def _of_canned(canned: str, owner: Mapping[str, str], bucket_owner: Mapping[str, str]) -> Members:
    if canned not in CANNED:
        raise S3Error("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
    grants = [_grant(_group(uri), permission) for uri, permission in CANNED[canned]]
    grants += private(owner)["Grants"]
    if canned in TO_BUCKET_OWNER and bucket_owner["ID"] != owner["ID"]:
        grants.append(_grant(_user(bucket_owner), TO_BUCKET_OWNER[canned]))
    return {"Owner": dict(owner), "Grants": grants}


def _of_headers(
    input: Mapping[str, Any],
    headers: Sequence[str],
    owner: Mapping[str, str],
    find_user: FindUser,
) -> Members:
    grants = [
        _grant(_grantee(kind, value, owner, find_user), GRANT_MEMBERS[member])
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


def _grantee(kind: str, value: str, owner: Mapping[str, str], find_user: FindUser) -> Members:
    if kind == "id":
        return _user(owner if value == owner["ID"] else find_user(value))
    if kind == "uri":
        if value not in GROUPS:
            raise S3Error("InvalidArgument", "Invalid group uri", ArgumentValue=value)
        return _group(value)
    raise S3Error("UnresolvableGrantByEmailAddress")


def _of_policy(policy: Mapping[str, Any], owner: Mapping[str, str], find_user: FindUser) -> Members:
    given, grants = policy.get("Owner") or {}, policy.get("Grants") or []
    if not given.get("ID") or len(grants) > MAX_GRANTS:
        raise S3Error("MalformedACLError")
    if given["ID"] != owner["ID"]:
        raise S3Error("AccessDenied")
    checked = [_checked(grant, owner, find_user) for grant in grants]
    # As in the canned lists. The order of grants has no meaning.
    checked.sort(key=lambda grant: grant["Grantee"]["Type"] != "Group")
    return {"Owner": dict(owner), "Grants": checked}


def _checked(grant: Mapping[str, Any], owner: Mapping[str, str], find_user: FindUser) -> Members:
    """A grant of a policy, its grantee in AWS's form."""
    grantee, permission = grant.get("Grantee") or {}, grant.get("Permission")
    kind = _GRANTEE_TYPES.get(grantee.get("Type", ""))
    if kind is None or not grantee.get(kind) or permission not in PERMISSIONS:
        raise S3Error("MalformedACLError")
    return _grant(_grantee(_KINDS[kind], grantee[kind], owner, find_user), permission)


_GRANTEE_TYPES = {"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}
_KINDS = {"ID": "id", "URI": "uri", "EmailAddress": "emailaddress"}


def _user(user: Mapping[str, str]) -> Members:
    return {**user, "Type": "CanonicalUser"}


def _group(uri: str) -> Members:
    return {"Type": "Group", "URI": uri}


def _grant(grantee: Members, permission: str) -> Members:
    return {"Grantee": grantee, "Permission": permission}
