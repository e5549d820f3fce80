"""The evaluation of access control lists: which grant allows an action. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.acl import ALL_USERS, AUTHENTICATED_USERS
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.public_access import PUBLIC_GROUPS

Acl = Mapping[str, Any]
"""As GetBucketAcl and GetObjectAcl give it."""

BUCKET_PERMISSIONS: Mapping[str, str] = {
    "s3:GetBucketAcl": "READ_ACP",
    "s3:ListBucket": "READ",
    "s3:ListBucketMultipartUploads": "READ",
    "s3:ListBucketVersions": "READ",
    "s3:PutBucketAcl": "WRITE_ACP",
    "s3:PutObject": "WRITE",
}
"""Action -> the permission in the list of the bucket that allows it."""

OBJECT_PERMISSIONS: Mapping[str, str] = {
    "s3:GetObject": "READ",
    "s3:GetObjectAcl": "READ_ACP",
    "s3:GetObjectTorrent": "READ",
    "s3:GetObjectVersion": "READ",
    "s3:GetObjectVersionAcl": "READ_ACP",
    "s3:GetObjectVersionTorrent": "READ",
    "s3:PutObjectAcl": "WRITE_ACP",
    "s3:PutObjectVersionAcl": "WRITE_ACP",
}
"""Action -> the permission in the list of the object that allows it."""

OWN_OBJECT_ACTIONS = frozenset({"s3:DeleteObject"})
"""WRITE on a bucket includes these for objects that the grantee owns."""


class Grant(NamedTuple):
    """A grant that applies to a caller."""

    permission: str
    grantee: str
    """The URI of a group, or a canonical user id."""

    @property
    def is_to_group(self) -> bool:
        return self.grantee in PUBLIC_GROUPS


def find_grant(
    acl: Acl, caller: Principal, permission: str, *, ignores_public: bool
) -> Grant | None:
    """The grant of a permission to the caller; one to a group before one to its account.

    ignores_public: by the switch IgnorePublicAcls, grants to public groups have no effect.
    """
    found: Grant | None = None
    for grant in _grants(acl, permission):
        if grant.is_to_group:
            if not ignores_public and _is_member(caller, grant.grantee):
                return grant
        elif grant.grantee == caller.owner and not caller.is_anonymous:
            found = grant
    return found


def _grants(acl: Acl, permission: str) -> Iterator[Grant]:
    for grant in acl.get("Grants") or ():
        if grant["Permission"] in (permission, "FULL_CONTROL"):
            grantee = grant["Grantee"]
            yield Grant(grant["Permission"], grantee.get("URI") or grantee.get("ID", ""))


def _is_member(caller: Principal, group: str) -> bool:
    return group == ALL_USERS or (group == AUTHENTICATED_USERS and not caller.is_anonymous)
