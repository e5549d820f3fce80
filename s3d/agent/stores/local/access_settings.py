"""The settings that decide about the access to a bucket: what may be put, and whether it is public.

stores/access enforces them.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.access_decision import ENFORCED
from s3d.agent.s3.acl import is_full_control_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.policy_document import parse_policy
from s3d.agent.s3.public_access import is_public_acl, is_public_policy
from s3d.agent.storage.bucket_access import read_bucket_access
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord
from s3d.agent.stores.local.lookup import find_bucket


def admit_policy(reader: Reader, bucket: BucketRecord, text: str) -> None:
    """Raises MalformedPolicy, and AccessDenied for a public policy that BlockPublicPolicy
    refuses."""
    policy = parse_policy(text, bucket.name)
    access = read_bucket_access(reader, bucket.name)
    if access is not None and access.block.block_public_policy and is_public_policy(policy):
        raise S3Error("AccessDenied")


def admit_ownership(reader: Reader, bucket: BucketRecord, controls: Mapping[str, Any]) -> None:
    """Raises InvalidBucketAclWithObjectOwnership when BucketOwnerEnforced would end grants that the
    bucket's list has."""
    if controls["Rules"][0]["ObjectOwnership"] != ENFORCED:
        return
    access = read_bucket_access(reader, bucket.name)
    if access is not None and not is_full_control_of(access.acl, access.owner):
        raise S3Error("InvalidBucketAclWithObjectOwnership")


class PolicyStatusOps:
    """Handler of GetBucketPolicyStatus."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @operation("GetBucketPolicyStatus")
    def get_bucket_policy_status(self, request: S3Request[Members]) -> Completed[Members]:
        """Whether a policy or a list of grants makes the bucket public."""

        def look(reader: Reader) -> bool:
            access = read_bucket_access(reader, find_bucket(reader, request.bucket).name)
            if access is None:
                return False
            is_shared = access.ownership != ENFORCED and not access.block.ignore_public_acls
            return access.is_public or (is_shared and is_public_acl(access.acl))

        is_public = self._index.read_inline(look)
        return Completed(S3Response({"PolicyStatus": {"IsPublic": is_public}}))
