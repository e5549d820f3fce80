"""What an access key may do at most: its bucket, its prefix, and whether it may write.

The scope of a key is what an IAM policy of its user would be: s3:* on the bucket and its objects
or, with a prefix, s3:* on the objects below it, and listings under the condition s3:prefix.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
"""

from __future__ import annotations

import re

from s3d.agent.s3.principal import KeyScope, Principal

LISTINGS = frozenset({"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"})
"""Actions on a bucket that name a prefix of its keys."""

_UNSCOPED_ACTIONS = frozenset({"s3:GetBucketLocation"})
"""Actions on its bucket that a key with a prefix has: clients ask for the region first."""

_SLASHES = re.compile("//+")
_READS = ("s3:Get", "s3:List", "s3:Head", "s3:Describe")


def scope_allows(principal: Principal, action: str, bucket: str, key: str) -> bool:
    """Whether the scope of the caller's key includes an action, by its IAM name ("s3:GetObject").

    bucket: "" for an action on no bucket (s3:ListAllMyBuckets). key: of the object; for a listing
    (LISTINGS) its prefix; "" for any other action on a bucket. It does not evaluate
    session_policies, and grants nothing by itself.
    """
    if principal.is_read_only and not action.startswith(_READS):
        return False
    scope = principal.scope
    if scope is None:
        return True
    if bucket != scope.bucket or not bucket:
        return False
    if not scope.prefix:
        return True
    return action in _UNSCOPED_ACTIONS or in_prefix(scope, key)


def in_prefix(scope: KeyScope, key: str) -> bool:
    """Whether a key, or the prefix of a listing, begins with the prefix of the scope.

    S3 compares keys as text, so `team/../other` is below `team/` for AWS. A remote that keeps
    objects as files may resolve the dots, and may do so after it has merged slashes, so such a key
    is in the scope only if it stays there in each way.
    """
    if not key.startswith(scope.prefix):
        return False
    if "." not in key:
        return True
    paths = (key, _SLASHES.sub("/", key)) if "//" in key else (key,)
    return all(without_dots(path).startswith(scope.prefix) for path in paths)


def without_dots(key: str) -> str:
    """The key as a path without `.` and `..` segments; it keeps empty ones and a final slash."""
    segments: list[str] = []
    for segment in key.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if key.endswith(("/.", "/..")):
        segments.append("")
    return "/".join(segments)
