"""What decides about the access to a bucket and its objects, read from the index."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.s3.access_decision import WRITER, BucketAccess, ObjectAccess
from s3d.agent.s3.acl import OWNER, private
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_document import Policy, parse_policy
from s3d.agent.s3.public_access import NOTHING_BLOCKED, PublicAccessBlock
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord
from s3d.shared.logs import log_fields

ACL = "acl"
POLICY = "policy"
PUBLIC_ACCESS_BLOCK = "publicAccessBlock"
OWNERSHIP = "ownershipControls"
"""Names of the settings: the query words of their operations."""

logger = LimitedLogger(logging.getLogger(__name__))


def canonical_id(recorded: str) -> str:
    """The canonical id of an owner as records have it: "" is the default owner."""
    return recorded or OWNER["ID"]


def read_bucket_access(reader: Reader, name: str) -> BucketAccess | None:
    """None for a bucket that does not exist."""
    record = reader.bucket(name)
    if record is None:
        return None
    settings = reader.settings(name)
    owner = canonical_id(record.owner)
    return BucketAccess(
        owner=owner,
        acl=_decoded(settings, ACL) or private({"ID": owner}),
        policy=_policy(settings, name),
        block=block_of(settings),
        ownership=ownership_of(settings),
        has_other_owners=record.has_other_owners,
    )


def object_access(record: ObjectRecord) -> ObjectAccess:
    """What decides about the access to a version."""
    owner = canonical_id(record.owner)
    return ObjectAccess(owner, record.description.acl or private({"ID": owner}))


def block_of(settings: Mapping[str, bytes]) -> PublicAccessBlock:
    """The switches among the settings of a bucket."""
    block = _decoded(settings, PUBLIC_ACCESS_BLOCK)
    if block is None:
        return NOTHING_BLOCKED
    return PublicAccessBlock.of_members(block["PublicAccessBlockConfiguration"])


def ownership_of(settings: Mapping[str, bytes]) -> str:
    """The Object Ownership among the settings of a bucket."""
    controls = _decoded(settings, OWNERSHIP)
    if controls is None:
        return WRITER
    return str(controls["OwnershipControls"]["Rules"][0]["ObjectOwnership"])


def _policy(settings: Mapping[str, bytes], bucket: str) -> Policy | None:
    """The policy; None for one that an older s3d has stored without looking at it closely. That
    version has enforced no policy, so such a policy grants and denies nothing, as before."""
    stored = _decoded(settings, POLICY)
    if stored is None:
        return None
    try:
        return parse_policy(stored["Policy"], bucket)
    except S3Error as error:
        logger.warning(
            "the policy of a bucket has no effect reason=%s: put a valid one",
            error.message,
            extra=log_fields(bucket=bucket),
        )
        return None


def _decoded(settings: Mapping[str, bytes], name: str) -> dict[str, Any] | None:
    value = settings.get(name)
    return None if value is None else msgspec.msgpack.decode(value, type=dict[str, Any])
