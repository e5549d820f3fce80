"""The settings that a new bucket has from the start: S3D_NEW_BUCKETS.

AWS gives each new bucket BucketOwnerEnforced and Block Public Access since April 2023, and blocks
SSE-C since 2026. Programs that were written before, and their tests, need the older defaults.
Explicit settings are enforced in the same way whatever the defaults are.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.s3.access_decision import ENFORCED
from s3d.agent.s3.acl import is_full_control_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.public_access import is_public_acl
from s3d.agent.storage.bucket_access import OWNERSHIP, PUBLIC_ACCESS_BLOCK

OPEN = "open"
"""Lists of grants work, nothing is blocked."""
AWS_2026 = "aws-2026"
"""As AWS creates buckets."""

ENCRYPTION = "encryption"
"""Name of the setting: the query word of its operations."""

_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_AWS_SETTINGS: Mapping[str, Members] = {
    OWNERSHIP: {"OwnershipControls": {"Rules": [{"ObjectOwnership": ENFORCED}]}},
    PUBLIC_ACCESS_BLOCK: {"PublicAccessBlockConfiguration": dict.fromkeys(_SWITCHES, True)},
    ENCRYPTION: {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]
        }
    },
}


def settings_of_new_bucket(
    defaults: str, input: Mapping[str, Any], acl: Members | None, owner: str
) -> dict[str, Members]:
    """The settings by name, from the defaults (OPEN or AWS_2026) and what CreateBucket asks for.

    owner: canonical id. Raises S3Error for a list of grants that these settings do not allow.
    """
    settings = dict(_AWS_SETTINGS) if defaults == AWS_2026 else {}
    ownership = input.get("ObjectOwnership")
    if ownership:
        rules = {"Rules": [{"ObjectOwnership": ownership}]}
        settings[OWNERSHIP] = {"OwnershipControls": rules}
    elif OWNERSHIP in settings:
        ownership = ENFORCED
    if acl is not None:
        if ownership == ENFORCED and not is_full_control_of(acl, owner):
            raise S3Error("InvalidBucketAclWithObjectOwnership")
        if PUBLIC_ACCESS_BLOCK in settings and is_public_acl(acl):
            raise S3Error("InvalidBucketAclWithBlockPublicAccessError")
    return settings
