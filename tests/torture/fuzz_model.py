"""A few buckets as S3 keeps them: the state of the model that is the oracle of fuzz_sequences.

A bucket is a list of versions for each key, the newest first. fuzz_answers has what S3 answers; ids
of versions and uploads are the server's, and the model learns them from its responses.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Members = dict[str, Any]

MIN_PART = 5 << 20
NULL = "null"


Buckets = dict[str, "Bucket"]
"""By name."""


class Refused(Exception):
    """The request is answered with an error: its code."""


@dataclass
class Version:
    """One version of an object, or a delete marker: data is None."""

    data: bytes | None
    etag: str = ""
    parts: list[tuple[int, int]] = field(default_factory=list)
    """Number and size, of a multipart object."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    mode: str = ""
    until: datetime | None = None
    hold: str = ""
    id: str = ""
    """As the server gave it."""

    @property
    def is_marker(self) -> bool:
        return self.data is None

    @property
    def content(self) -> bytes:
        assert self.data is not None
        return self.data


@dataclass
class Upload:
    """An unfinished multipart upload."""

    key: str
    like: Version
    """What the object will be, but for its data."""
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Bucket:
    has_lock: bool = False
    versioning: str = ""
    versions: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    """By id, in the order in which they were begun."""
    completed: dict[str, tuple[str, Version]] = field(default_factory=dict)
    """Id of an upload -> its key and what it became."""
    rules: list[Members] | None = None

    def current(self, key: str) -> Version | None:
        """The object that a request without a version id means."""
        versions = self.versions.get(key)
        return versions[0] if versions and not versions[0].is_marker else None

    def publish(self, key: str, version: Version) -> None:
        """Make it the newest version. Where versioning is not enabled, it replaces the null one."""
        versions = self.versions.setdefault(key, [])
        if self.versioning != "Enabled":
            version.id = NULL
            versions[:] = [each for each in versions if each.id != NULL]
        versions.insert(0, version)

    def is_empty(self) -> bool:
        return not any(self.versions.values())


@dataclass
class Expected:
    """What a response must be."""

    code: str = ""
    """Of an error; "": success."""
    members: Members = field(default_factory=dict)
    """Those that it must have; None: one that it must not have."""
    learn: Callable[[Members], None] = lambda output: None
    """Takes the ids of a successful response."""
    status: int | None = None


Handler = Callable[[Buckets, Members], Expected]


def etag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def composed_etag(etags: list[str]) -> str:
    """Of an object that is made of parts with these ETags."""
    md5s = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    return f'"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(etags)}"'


def expiring_rule(bucket: Bucket, key: str) -> Members | None:
    """The lifecycle rule that expires an object first. The days of all rules differ."""
    rules = [rule for rule in bucket.rules or () if key.startswith(rule["Filter"]["Prefix"])]
    rules = [rule for rule in rules if rule["Status"] == "Enabled"]
    return min(rules, key=lambda rule: rule["Expiration"]["Days"], default=None)


def named_version(bucket: Bucket, members: Members, *, changes: bool = False) -> Version:
    """The version that a request means; raises Refused when it is none, or a delete marker.

    changes: the request changes the version or its tags.
    """
    versions = bucket.versions.get(members["Key"]) or []
    wanted = members.get("VersionId")
    if wanted is None:
        if versions and versions[0].is_marker and changes:
            raise Refused("MethodNotAllowed")
        if not versions or versions[0].is_marker:
            raise Refused("NoSuchKey")
        return versions[0]
    found = next((each for each in versions if each.id == wanted), None)
    if found is None:
        raise Refused("NoSuchVersion")
    if found.is_marker:
        raise Refused("MethodNotAllowed")
    return found


def check_write(bucket: Bucket, members: Members) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    current = bucket.current(members["Key"])
    if members.get("IfNoneMatch") == "*" and current is not None:
        raise Refused("PreconditionFailed")
    if "IfMatch" in members:
        if current is None:
            raise Refused("NoSuchKey")
        if members["IfMatch"] != current.etag:
            raise Refused("PreconditionFailed")


def check_removal(version: Version, members: Members) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"""
    if version.hold == "ON" or version.mode == "COMPLIANCE":
        raise Refused("AccessDenied")
    if version.mode == "GOVERNANCE" and not members.get("BypassGovernanceRetention"):
        raise Refused("AccessDenied")


def new_version(members: Members) -> Version:
    """The version that the members of a write describe, without its data."""
    pairs = [pair.partition("=") for pair in members.get("Tagging", "").split("&") if pair]
    return Version(
        b"",
        metadata=members.get("Metadata", {}),
        content_type=members.get("ContentType", "binary/octet-stream"),
        tags={name: value for name, _, value in pairs},
        mode=members.get("ObjectLockMode", ""),
        until=members.get("ObjectLockRetainUntilDate"),
        hold=members.get("ObjectLockLegalHoldStatus", ""),
    )


def written(bucket: Bucket, key: str, version: Version, *, of_copy: bool = False) -> Expected:
    """The response to what has made a version, which is published here."""
    bucket.publish(key, version)
    rule = expiring_rule(bucket, key)
    members: Members = {
        "Expiration": None if rule is None else f'rule-id="{rule["ID"]}"',
        "VersionId": None,
    }
    if not of_copy:
        members["ETag"] = version.etag
    if bucket.versioning != "Enabled":
        return Expected(members=members)
    del members["VersionId"]

    def learn(output: Members) -> None:
        version.id = output["VersionId"]
        assert version.id != NULL
        assert [each.id for each in bucket.versions[key]].count(version.id) == 1

    return Expected(members=members, learn=learn)


def find_bucket(buckets: Buckets, name: str) -> Bucket:
    if name not in buckets:
        raise Refused("NoSuchBucket")
    return buckets[name]


def of_bucket(handler: Callable[[Bucket, Members], Expected]) -> Handler:
    """A handler that is about one bucket, which must exist."""
    return lambda buckets, members: handler(find_bucket(buckets, members["Bucket"]), members)


def check_lock(bucket: Bucket, members: Members) -> None:
    if any(name.startswith("ObjectLock") for name in members) and not bucket.has_lock:
        raise Refused("InvalidRequest")


def copy_source(buckets: Buckets, members: Members) -> Version:
    source: Members = members["CopySource"]
    bucket = find_bucket(buckets, source["Bucket"])
    try:
        return named_version(bucket, source)
    except Refused as refused:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        is_marker = str(refused) == "MethodNotAllowed"
        raise Refused("InvalidRequest" if is_marker else str(refused)) from None
