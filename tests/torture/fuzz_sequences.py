"""Sequences of valid requests about a few buckets and keys, from a seed.

What comes next depends on what is there: a version to be read, an upload that has parts. Some
requests are valid and yet refused: a condition is not met, an object is locked, nothing is there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.torture.fuzz_listings import LISTINGS
from tests.torture.fuzz_model import MIN_PART, Bucket, Buckets, Members, Version, etag_of

KEYS = ("a", "a/", "a/b", "a/c/d", "a0", "b b+%", "b/1", "b/2", "\u00e9/\u4e00")
PREFIXES = ("", "", "", "a", "a/", "b", "b/", "none")
DELIMITERS = ("", "", "/", "/", "b/")
SIZES = (0, 1, 17, 4_096, 70_000)
LATER = datetime(2090, 1, 1, tzinfo=UTC)
WRONG_ETAG = '"00000000000000000000000000000000"'
NO_UPLOAD = "0" * 48


class Call(NamedTuple):
    """One call of boto3's client."""

    name: str
    members: Members

    def __str__(self) -> str:
        shown = {
            name: f"<{len(value)} bytes>" if isinstance(value, bytes) else value
            for name, value in self.members.items()
        }
        return f"{self.name} {shown}"[:700]


class Chooser:
    """Chooses the next call of a sequence."""

    def __init__(
        self, rng: random.Random, buckets: Buckets, prefix: str, *, is_gateway: bool = False
    ) -> None:
        """prefix: of the names of the buckets. is_gateway: what a write queue may answer otherwise
        than S3 is left out."""
        self._rng = rng
        self._buckets = buckets
        self._names = [f"{prefix}-{letter}" for letter in "abc"]
        self._is_gateway = is_gateway
        self._finished: list[Members] = []
        """Completions of uploads, to be repeated."""

    def first(self) -> list[Call]:
        """The buckets; one of them has object lock."""
        status = {"Status": self._rng.choice(("Enabled", "Suspended"))}
        second: Members = {"Bucket": self._names[1], "VersioningConfiguration": status}
        third: Members = {"Bucket": self._names[2], "ObjectLockEnabledForBucket": True}
        return [
            *(Call("create_bucket", {"Bucket": name}) for name in self._names[:2]),
            Call("put_bucket_versioning", second),
            Call("create_bucket", third),
        ]

    def next(self) -> Call:
        names, weights = zip(*_KINDS.items(), strict=True)
        while True:
            call: Call | None = self._rng.choices(names, weights)[0](self)
            if call is not None:
                return call

    # ------------------------------------------------------------ choices

    def _bucket(self) -> tuple[str, Bucket]:
        name = self._rng.choice(list(self._buckets) or self._names)
        return name, self._buckets.get(name, Bucket())

    def _key(self, bucket: Bucket) -> str:
        there = [key for key, versions in bucket.versions.items() if versions]
        if there and self._rng.random() < 0.6:
            return self._rng.choice(there)
        return self._rng.choice(KEYS)

    def _place(self, *, version: float = 0.0) -> tuple[Members, Bucket, Version | None]:
        """Bucket, Key and, with that probability, VersionId; the bucket; the version."""
        name, bucket = self._bucket()
        members: Members = {"Bucket": name, "Key": self._key(bucket)}
        versions = bucket.versions.get(members["Key"]) or []
        chosen = bucket.current(members["Key"])
        if versions and self._rng.random() < version:
            chosen = self._rng.choice(versions)
            members["VersionId"] = chosen.id
        return members, bucket, chosen

    def _data(self) -> bytes:
        return self._rng.randbytes(self._rng.choice(SIZES))

    def _described(self, bucket: Bucket) -> Members:
        members: Members = {}
        if self._rng.random() < 0.5:
            members["Metadata"] = self._rng.choice(({"n": "1"}, {"n": "2", "other": "x y"}))
        if self._rng.random() < 0.5:
            members["ContentType"] = self._rng.choice(("text/plain", "application/json"))
        if self._rng.random() < 0.3:
            members["Tagging"] = self._rng.choice(("t=1", "t=2&u=3"))
        if bucket.has_lock and self._rng.random() < 0.3:
            members["ObjectLockMode"] = self._rng.choice(("GOVERNANCE", "COMPLIANCE"))
            members["ObjectLockRetainUntilDate"] = self._until()
        if bucket.has_lock and self._rng.random() < 0.2:
            members["ObjectLockLegalHoldStatus"] = self._rng.choice(("ON", "OFF"))
        return members

    def _until(self) -> datetime:
        return LATER + timedelta(days=self._rng.randrange(3))

    def _write_condition(self, current: Version | None) -> Members:
        chance = self._rng.random()
        if chance < 0.1:
            return {"IfNoneMatch": "*"}
        if chance < 0.2:
            etag = WRONG_ETAG if current is None or chance < 0.13 else current.etag
            return {"IfMatch": etag}
        return {}

    # ------------------------------------------------------------ buckets

    def _create_bucket(self) -> Call:
        name = self._rng.choice(self._names)
        lock = name not in self._buckets and self._rng.random() < 0.3
        more = {"ObjectLockEnabledForBucket": True} if lock else {}
        return Call("create_bucket", {"Bucket": name, **more})

    def _delete_bucket(self) -> Call:
        return Call("delete_bucket", {"Bucket": self._rng.choice(self._names)})

    def _versioning(self) -> Call:
        name, _ = self._bucket()
        if self._rng.random() < 0.2:
            return Call("get_bucket_versioning", {"Bucket": name})
        status = {"Status": self._rng.choice(("Enabled", "Enabled", "Suspended"))}
        return Call("put_bucket_versioning", {"Bucket": name, "VersioningConfiguration": status})

    def _lifecycle(self) -> Call:
        name, _ = self._bucket()
        chance = self._rng.random()
        if chance < 0.3:
            return Call("get_bucket_lifecycle_configuration", {"Bucket": name})
        if chance < 0.45:
            return Call("delete_bucket_lifecycle", {"Bucket": name})
        days = self._rng.sample(range(10, 99), self._rng.randint(1, 3))
        rules = [
            {
                "ID": f"rule {number}",
                "Filter": {"Prefix": self._rng.choice(PREFIXES)},
                "Status": self._rng.choice(("Enabled", "Enabled", "Disabled")),
                "Expiration": {"Days": day},
            }
            for number, day in enumerate(days)
        ]
        members = {"Bucket": name, "LifecycleConfiguration": {"Rules": rules}}
        return Call("put_bucket_lifecycle_configuration", members)

    # ------------------------------------------------------------ objects

    def _put(self) -> Call:
        place, bucket, current = self._place()
        members = {**place, **_body(self._data(), bucket), **self._described(bucket)}
        return Call("put_object", members | self._write_condition(current))

    def _read(self) -> Call:
        place, _, version = self._place(version=0.4)
        name = self._rng.choice(("get_object", "get_object", "head_object"))
        chance = self._rng.random()
        more: Members = {}
        if chance < 0.25:
            more = {"Range": self._rng.choice(("bytes=0-0", "bytes=3-", "bytes=-5", "bytes=2-99"))}
        elif chance < 0.5:
            numbers = [number for number, _ in version.parts] if version is not None else []
            more = {"PartNumber": self._rng.choice([*numbers, 1, 2])}
        elif chance < 0.7 and version is not None and not version.is_marker:
            condition = self._rng.choice(("IfMatch", "IfNoneMatch"))
            more = {condition: self._rng.choice((version.etag, WRONG_ETAG))}
        return Call(name, place | more)

    def _attributes(self) -> Call:
        place, _, _ = self._place(version=0.4)
        wanted = ["ETag", "ObjectSize", "ObjectParts"]
        return Call("get_object_attributes", {**place, "ObjectAttributes": wanted})

    def _copy(self) -> Call:
        place, bucket, _ = self._place()
        source, _, version = self._place(version=0.4)
        if self._rng.random() < 0.2:
            source = dict(place)
            version = bucket.current(place["Key"])
        members = {**place, "CopySource": source}
        if self._rng.random() < 0.4:
            described = self._described(bucket)
            tags = described.pop("Tagging", "")
            members |= {**described, "MetadataDirective": "REPLACE"}
            if tags:
                members |= {"TaggingDirective": "REPLACE", "Tagging": tags}
        elif source != place and version is not None and self._rng.random() < 0.3:
            condition = self._rng.choice(("CopySourceIfMatch", "CopySourceIfNoneMatch"))
            members[condition] = self._rng.choice((version.etag or WRONG_ETAG, WRONG_ETAG))
        return Call("copy_object", members)

    def _delete(self) -> Call:
        place, bucket, _ = self._place(version=0.6)
        bypass = bucket.has_lock and self._rng.random() < 0.4
        return Call("delete_object", {**place, **_bypass(bypass)})

    def _delete_many(self) -> Call:
        name, bucket = self._bucket()
        objects: list[Members] = []
        for key in self._rng.sample(KEYS, self._rng.randint(1, 4)):
            versions = bucket.versions.get(key) or []
            if versions and self._rng.random() < 0.5:
                objects.append({"Key": key, "VersionId": self._rng.choice(versions).id})
            else:
                objects.append({"Key": key})
        bypass = bucket.has_lock and self._rng.random() < 0.4
        members = {"Bucket": name, "Delete": {"Objects": objects}, **_bypass(bypass)}
        return Call("delete_objects", members)

    def _tags(self) -> Call:
        place, _, _ = self._place(version=0.3)
        name = self._rng.choice(("put", "put", "get", "delete")) + "_object_tagging"
        if not name.startswith("put"):
            return Call(name, place)
        tags = {"TagSet": [{"Key": "t", "Value": str(self._rng.randrange(3))}]}
        return Call(name, {**place, "Tagging": tags})

    def _lock(self) -> Call:
        place, _, _ = self._place(version=0.4)
        chance = self._rng.random()
        if chance < 0.2:
            return Call("get_object_retention", place)
        if chance < 0.4:
            return Call("get_object_legal_hold", place)
        if chance < 0.6:
            hold = {"Status": self._rng.choice(("ON", "OFF"))}
            return Call("put_object_legal_hold", {**place, "LegalHold": hold})
        mode = self._rng.choice(("GOVERNANCE", "GOVERNANCE", "COMPLIANCE"))
        retention = {"Mode": mode, "RetainUntilDate": self._until()}
        bypass = _bypass(self._rng.random() < 0.4)
        return Call("put_object_retention", {**place, "Retention": retention, **bypass})

    # ------------------------------------------------------------ multipart uploads

    def _begin(self) -> Call:
        place, bucket, _ = self._place()
        return Call("create_multipart_upload", place | self._described(bucket))

    def _upload(self) -> tuple[Members, Bucket, dict[int, bytes]] | None:
        begun = [(name, id) for name, each in self._buckets.items() for id in each.uploads]
        if not begun:
            return None
        name, id = self._rng.choice(begun)
        bucket = self._buckets[name]
        upload = bucket.uploads[id]
        return {"Bucket": name, "Key": upload.key, "UploadId": id}, bucket, upload.parts

    def _part(self) -> Call | None:
        """Out of order, some of them twice; all but the last have to be large in the end."""
        found = self._upload()
        if found is None:
            return None
        members = {**found[0], "PartNumber": self._rng.choice((1, 2, 3, 7, 10_000))}
        if self._rng.random() < 0.25:
            source, _, version = self._place(version=0.3)
            members["CopySource"] = source
            size = 0 if version is None or version.is_marker else len(version.content)
            if size and self._rng.random() < 0.5:
                first = self._rng.randrange(size)
                last = self._rng.randrange(first, size + self._rng.choice((0, 0, 5)))
                members["CopySourceRange"] = f"bytes={first}-{last}"
            return Call("upload_part_copy", members)
        large = bytes([self._rng.randrange(256)]) * MIN_PART
        data = large if self._rng.random() < 0.15 else self._rng.randbytes(self._rng.choice(SIZES))
        return Call("upload_part", {**members, **_body(data, found[1])})

    def _complete(self) -> Call | None:
        finished = [members for members in self._finished if self._may_repeat(members)]
        if finished and self._rng.random() < 0.3:
            return Call("complete_multipart_upload", self._rng.choice(finished))
        found = self._upload()
        if found is None or not found[2]:
            return None
        members, bucket, parts = found
        numbers = sorted(parts)
        large = [number for number in numbers if len(parts[number]) >= MIN_PART]
        chance = self._rng.random()
        if chance < 0.7:  # in any case it succeeds: small parts alone, or behind large ones
            numbers = [*(n for n in large if n < numbers[-1]), numbers[-1]]
        elif chance < 0.8:
            numbers = numbers[::-1]
        listed = [{"PartNumber": n, "ETag": etag_of(parts[n])} for n in numbers]
        if chance > 0.95:
            listed[-1]["ETag"] = WRONG_ETAG
        members["MultipartUpload"] = {"Parts": listed}
        if chance < 0.7 or not self._is_gateway:  # of two errors it may answer the other one
            members |= self._write_condition(bucket.current(members["Key"]))
        self._finished.append(members)
        return Call("complete_multipart_upload", members)

    def _may_repeat(self, completion: Members) -> bool:
        """A gateway answers a repeated completion with the same, whatever became of the object."""
        bucket = self._buckets.get(completion["Bucket"], Bucket())
        done = bucket.completed.get(completion["UploadId"])
        return not self._is_gateway or done is None or bucket.current(done[0]) is done[1]

    def _abort(self) -> Call | None:
        if self._rng.random() < 0.2:
            place, _, _ = self._place()
            return Call("abort_multipart_upload", {**place, "UploadId": NO_UPLOAD})
        found = self._upload()
        return None if found is None else Call("abort_multipart_upload", found[0])

    # ------------------------------------------------------------ listings

    def _list(self) -> Call | None:
        name, members = self._rng.choice(LISTINGS), self._listing()
        if name == "list_parts":
            found = self._upload()
            if found is None:
                return None
            return Call(name, {**found[0], "MaxParts": self._rng.randint(1, 4)})
        size = "MaxUploads" if name == "list_multipart_uploads" else "MaxKeys"
        members[size] = self._rng.choice((1, 1, 2, 3, 5, 1_000))
        start = {"list_objects": "Marker", "list_objects_v2": "StartAfter"}.get(name, "KeyMarker")
        if self._rng.random() < 0.3:
            members[start] = self._rng.choice(KEYS)
        return Call(name, members)

    def _listing(self) -> Members:
        name, _ = self._bucket()
        members: Members = {"Bucket": name}
        chosen = {
            "Prefix": self._rng.choice(PREFIXES),
            "Delimiter": self._rng.choice(DELIMITERS),
        }
        return members | {name: value for name, value in chosen.items() if value}


def _body(data: bytes, bucket: Bucket) -> Members:
    """What is locked needs a checksum."""
    return {"Body": data, "ChecksumAlgorithm": "CRC32"} if bucket.has_lock else {"Body": data}


def _bypass(bypass: bool) -> Members:
    return {"BypassGovernanceRetention": True} if bypass else {}


Choice = Callable[[Chooser], Any]

_KINDS: dict[Choice, int] = {
    Chooser._put: 22,
    Chooser._read: 14,
    Chooser._attributes: 2,
    Chooser._copy: 10,
    Chooser._delete: 9,
    Chooser._delete_many: 4,
    Chooser._tags: 6,
    Chooser._begin: 5,
    Chooser._part: 12,
    Chooser._complete: 7,
    Chooser._abort: 1,
    Chooser._list: 10,
    Chooser._create_bucket: 2,
    Chooser._delete_bucket: 2,
    Chooser._versioning: 4,
    Chooser._lock: 6,
    Chooser._lifecycle: 3,
}
