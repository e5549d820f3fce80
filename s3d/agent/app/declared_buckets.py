"""Makes the buckets that the configuration file declares, with their settings.

What exists stays: no bucket, object or setting is removed. Each start puts each setting of the file
again, by the request that a client would send: see written_members.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.written_members import parse_written
from s3d.shared.config.bucket_tables import BucketSetting, DeclaredBucket
from s3d.shared.config.rules import ConfigError, Problem

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _object_lock(value: Any) -> Members:
    enabled: Members = {"ObjectLockEnabled": "Enabled"}
    if isinstance(value, dict):
        enabled["Rule"] = {"DefaultRetention": value}
    return enabled


def _public_access_block(value: Any) -> Members:
    return value if isinstance(value, dict) else dict.fromkeys(_BLOCKS, value)


def _encryption(value: Any) -> Members:
    default = value if isinstance(value, dict) else {"SSEAlgorithm": value}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


def _tags(value: Any) -> Members:
    return {"TagSet": [{"Key": key, "Value": text} for key, text in value.items()]}


def _ownership(value: Any) -> Members:
    return {"Rules": [{"ObjectOwnership": value}]}


def _same(value: Any) -> Any:
    return value


_REQUESTS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "object_lock": ("PutObjectLockConfiguration", _object_lock),
    "versioning": ("PutBucketVersioning", lambda value: {"Status": value}),
    "ownership": ("PutBucketOwnershipControls", _ownership),
    "public_access_block": ("PutPublicAccessBlock", _public_access_block),
    "encryption": ("PutBucketEncryption", _encryption),
    "tags": ("PutBucketTagging", _tags),
    "cors": ("PutBucketCors", lambda value: {"CORSRules": value}),
    "lifecycle": ("PutBucketLifecycleConfiguration", lambda value: {"Rules": value}),
    "policy": (
        "PutBucketPolicy",
        lambda value: value if isinstance(value, str) else json.dumps(value),
    ),
    "website": ("PutBucketWebsite", _same),
    "logging": ("PutBucketLogging", _same),
    "notification": ("PutBucketNotificationConfiguration", _same),
}
"""Name of bucket_tables.SETTINGS -> the operation, and its payload."""


async def declare_buckets(client: S3Client, declared: Sequence[DeclaredBucket]) -> None:
    """Create the missing ones, and put the settings of all. Raises ConfigError with all problems,
    once everything else is made."""
    there = {bucket.name for bucket in await client.buckets()}
    problems: list[Problem] = []
    for bucket in declared:  # all, since one can be the target of another one's log
        if bucket.name not in there:
            lock = any(each.name == "object_lock" and each.value for each in bucket.settings)
            members = {"Bucket": bucket.name, "ObjectLockEnabledForBucket": lock}
            try:
                await client.output("CreateBucket", members)
            except S3Error as error:
                problems.append(Problem("bucket.name", bucket.origin, error.message))
    for bucket in declared:
        for setting in bucket.settings:
            if setting.name == "object_lock" and setting.value is False:
                continue
            if problem := await _put(client, bucket.name, setting):
                problems.append(Problem(f"bucket.{setting.name}", setting.origin, problem))
    if problems:
        raise ConfigError(problems)


async def _put(client: S3Client, bucket: str, setting: BucketSetting) -> str:
    """Put a setting. Returns what is wrong with it, or ""."""
    name, payload_of = _REQUESTS[setting.name]
    try:
        await client.output(name, parse_written(name, bucket, payload_of(setting.value)))
    except S3Error as error:
        return f"{error.code}: {error.message}"
    except ValueError as error:
        return str(error)
    return ""
