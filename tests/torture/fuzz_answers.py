"""What S3 answers to valid requests: a pure model, from AWS's documentation.

answer() says what the response to a call of boto3 must have, and changes the buckets as S3 would.
"""

from __future__ import annotations

import re

from tests.torture.fuzz_model import (
    NULL,
    Bucket,
    Buckets,
    Expected,
    Handler,
    Members,
    Refused,
    Version,
    check_lock,
    check_removal,
    check_write,
    copy_source,
    etag_of,
    expiring_rule,
    find_bucket,
    named_version,
    new_version,
    of_bucket,
    written,
)
from tests.torture.fuzz_uploads import UPLOADS


def answer(buckets: Buckets, name: str, members: Members) -> Expected:
    """name: as boto3 calls the operation."""
    try:
        return HANDLERS[name](buckets, members)
    except Refused as refused:
        return Expected(str(refused))


# ---------------------------------------------------------------- buckets


def _create_bucket(buckets: Buckets, members: Members) -> Expected:
    """In us-east-1, a bucket of one's own can be created again; nothing changes."""
    lock = bool(members.get("ObjectLockEnabledForBucket"))
    if members["Bucket"] not in buckets:
        buckets[members["Bucket"]] = Bucket(lock, "Enabled" if lock else "")
    return Expected()


def _delete_bucket(buckets: Buckets, members: Members) -> Expected:
    """Unfinished uploads go with it."""
    if not find_bucket(buckets, members["Bucket"]).is_empty():
        raise Refused("BucketNotEmpty")
    del buckets[members["Bucket"]]
    return Expected()


def _put_versioning(bucket: Bucket, members: Members) -> Expected:
    status = members["VersioningConfiguration"]["Status"]
    if bucket.has_lock and status == "Suspended":
        raise Refused("InvalidBucketState")
    bucket.versioning = status
    return Expected()


def _get_versioning(bucket: Bucket, members: Members) -> Expected:
    return Expected(members={"Status": bucket.versioning or None})


def _put_lifecycle(bucket: Bucket, members: Members) -> Expected:
    bucket.rules = members["LifecycleConfiguration"]["Rules"]
    return Expected()


def _get_lifecycle(bucket: Bucket, members: Members) -> Expected:
    if bucket.rules is None:
        raise Refused("NoSuchLifecycleConfiguration")
    return Expected(members={"Rules": bucket.rules})


def _delete_lifecycle(bucket: Bucket, members: Members) -> Expected:
    bucket.rules = None
    return Expected()


# ---------------------------------------------------------------- objects


def _put_object(bucket: Bucket, members: Members) -> Expected:
    check_lock(bucket, members)
    check_write(bucket, members)
    version = new_version(members)
    version.data = members["Body"]
    version.etag = etag_of(version.content)
    return written(bucket, members["Key"], version)


def _get_object(bucket: Bucket, members: Members) -> Expected:
    expected = _head_object(bucket, members)
    version = named_version(bucket, members)
    start, end = _span(version, members) or (0, len(version.content))
    return Expected(members={**expected.members, "Body": version.content[start:end]})


def _head_object(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members)
    _check_read(version, members)
    span = _span(version, members)
    start, end = span or (0, len(version.content))
    rule = None if "VersionId" in members else expiring_rule(bucket, members["Key"])
    found: Members = {
        "ETag": version.etag,
        "ContentLength": end - start,
        "ContentType": version.content_type,
        "Metadata": dict(version.metadata),
        "VersionId": version.id if bucket.versioning else None,
        "TagCount": len(version.tags) or None,
        "ContentRange": span and f"bytes {start}-{end - 1}/{len(version.content)}",
        "PartsCount": len(version.parts) or None if "PartNumber" in members else None,
        "ObjectLockMode": version.mode or None,
        "ObjectLockLegalHoldStatus": version.hold or None,
        "ObjectLockRetainUntilDate": version.until,
        "Expiration": None if rule is None else f'rule-id="{rule["ID"]}"',
    }
    return Expected(members=found)


def _check_read(version: Version, members: Members) -> None:
    if "IfMatch" in members and members["IfMatch"] != version.etag:
        raise Refused("PreconditionFailed")
    if members.get("IfNoneMatch") == version.etag:
        raise Refused("304")


def _span(version: Version, members: Members) -> tuple[int, int] | None:
    """Start and end of the bytes that Range or PartNumber asks for."""
    size = len(version.content)
    if "Range" in members:
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", members["Range"]).groups()  # type: ignore[union-attr]
        if first:
            start, end = int(first), min(int(last) + 1, size) if last else size
        else:
            start, end = max(0, size - int(last)), size
        if start >= end:
            raise Refused("InvalidRange")
        return start, end
    if "PartNumber" not in members:
        return None
    start = 0
    for number, length in version.parts or [(1, size)]:
        if number == members["PartNumber"]:
            return (start, start + length) if length else None
        start += length
    raise Refused("InvalidPartNumber")


def _get_attributes(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members)
    found: Members = {
        "ETag": version.etag.strip('"'),
        "ObjectSize": len(version.content),
        "VersionId": version.id if bucket.versioning else None,
    }
    if version.parts:
        rows = [{"PartNumber": number, "Size": size} for number, size in version.parts]
        found["ObjectParts"] = {"TotalPartsCount": len(rows), "Parts": rows}
    else:
        found["ObjectParts"] = None
    return Expected(members=found)


def _copy_object(buckets: Buckets, members: Members) -> Expected:
    bucket = find_bucket(buckets, members["Bucket"])
    source = members["CopySource"]
    version = copy_source(buckets, members)
    etag = members.get("CopySourceIfMatch")
    if etag is not None and etag != version.etag:
        raise Refused("PreconditionFailed")
    if members.get("CopySourceIfNoneMatch") == version.etag:
        raise Refused("PreconditionFailed")
    check_lock(bucket, members)
    replaces = members.get("MetadataDirective") == "REPLACE"
    is_itself = (source["Bucket"], source["Key"]) == (members["Bucket"], members["Key"])
    if is_itself and not replaces and version is bucket.current(members["Key"]):
        raise Refused("InvalidRequest")
    made = new_version(members)
    made.data, made.etag = version.data, etag_of(version.content)
    if not replaces:
        made.metadata, made.content_type = version.metadata, version.content_type
    if members.get("TaggingDirective") != "REPLACE":
        made.tags = version.tags
    shown = source["Bucket"] in buckets and bool(buckets[source["Bucket"]].versioning)
    shown_id = version.id if shown else None
    expected = written(bucket, members["Key"], made, of_copy=True)
    expected.members["CopyObjectResult"] = {"ETag": made.etag}
    expected.members["CopySourceVersionId"] = shown_id
    return expected


def _delete_object(bucket: Bucket, members: Members) -> Expected:
    row = _delete(bucket, members)
    return Expected(members=row.members, learn=row.learn)


def _delete(bucket: Bucket, members: Members) -> Expected:
    key = members["Key"]
    versions = bucket.versions.setdefault(key, [])
    if "VersionId" in members:
        found = next((each for each in versions if each.id == members["VersionId"]), None)
        if found is None:
            return Expected(members={"VersionId": members["VersionId"]})
        check_removal(found, members)
        versions.remove(found)
        marker = True if found.is_marker else None
        return Expected(members={"VersionId": found.id, "DeleteMarker": marker})
    if not bucket.versioning:
        versions.clear()
        return Expected(members={"VersionId": None})
    made = Version(None)
    bucket.publish(key, made)
    if bucket.versioning == "Suspended":
        return Expected(members={"DeleteMarker": True, "VersionId": NULL})

    def learn(output: Members) -> None:
        made.id = output["VersionId"]

    return Expected(members={"DeleteMarker": True}, learn=learn)


def _delete_objects(bucket: Bucket, members: Members) -> Expected:
    """Each as DeleteObject would, in the order of the list."""
    deleted, errors, learners = [], [], []
    for one in members["Delete"]["Objects"]:
        given = {**one, "BypassGovernanceRetention": members.get("BypassGovernanceRetention")}
        try:
            expected = _delete(bucket, given)
        except Refused as refused:
            errors.append({**one, "Code": str(refused)})
            continue
        row = dict(one)
        if expected.members.get("DeleteMarker"):
            row["DeleteMarker"] = True
        if "VersionId" in one and "DeleteMarker" in row:
            row["DeleteMarkerVersionId"] = one["VersionId"]
        deleted.append(row)
        learners.append((len(deleted) - 1, "VersionId" not in one, expected.learn))

    def learn(output: Members) -> None:
        for place, makes, each in learners:
            if makes and "DeleteMarkerVersionId" in output["Deleted"][place]:
                each({"VersionId": output["Deleted"][place]["DeleteMarkerVersionId"]})

    found = {"Deleted": deleted or None, "Errors": errors or None}
    return Expected(members=found, learn=learn)


# ---------------------------------------------------------------- tags and locks


def _put_tags(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members, changes=True)
    version.tags = {tag["Key"]: tag["Value"] for tag in members["Tagging"]["TagSet"]}
    return Expected(members={"VersionId": version.id if bucket.versioning else None})


def _get_tags(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members, changes=True)
    tags = [{"Key": name, "Value": value} for name, value in sorted(version.tags.items())]
    return Expected(members={"TagSet": tags})


def _delete_tags(bucket: Bucket, members: Members) -> Expected:
    named_version(bucket, members, changes=True).tags = {}
    return Expected()


def _put_retention(bucket: Bucket, members: Members) -> Expected:
    if not bucket.has_lock:
        raise Refused("InvalidRequest")
    version, asked = named_version(bucket, members, changes=True), members["Retention"]
    may_bypass = members.get("BypassGovernanceRetention") and version.mode == "GOVERNANCE"
    if version.mode and not may_bypass:
        assert version.until is not None
        if asked.get("Mode") != version.mode or asked["RetainUntilDate"] < version.until:
            raise Refused("AccessDenied")
    version.mode, version.until = asked["Mode"], asked["RetainUntilDate"]
    return Expected()


def _get_retention(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members)
    if not bucket.has_lock:
        raise Refused("InvalidRequest")
    if not version.mode:
        raise Refused("NoSuchObjectLockConfiguration")
    retention = {"Mode": version.mode, "RetainUntilDate": version.until}
    return Expected(members={"Retention": retention})


def _put_hold(bucket: Bucket, members: Members) -> Expected:
    if not bucket.has_lock:
        raise Refused("InvalidRequest")
    version = named_version(bucket, members, changes=True)
    version.hold = members["LegalHold"]["Status"]
    return Expected()


def _get_hold(bucket: Bucket, members: Members) -> Expected:
    version = named_version(bucket, members)
    if not bucket.has_lock:
        raise Refused("InvalidRequest")
    if not version.hold:
        raise Refused("NoSuchObjectLockConfiguration")
    return Expected(members={"LegalHold": {"Status": version.hold}})


HANDLERS: dict[str, Handler] = {
    **UPLOADS,
    "copy_object": _copy_object,
    "create_bucket": _create_bucket,
    "delete_bucket": _delete_bucket,
    "delete_bucket_lifecycle": of_bucket(_delete_lifecycle),
    "delete_object": of_bucket(_delete_object),
    "delete_object_tagging": of_bucket(_delete_tags),
    "delete_objects": of_bucket(_delete_objects),
    "get_bucket_lifecycle_configuration": of_bucket(_get_lifecycle),
    "get_bucket_versioning": of_bucket(_get_versioning),
    "get_object": of_bucket(_get_object),
    "get_object_attributes": of_bucket(_get_attributes),
    "get_object_legal_hold": of_bucket(_get_hold),
    "get_object_retention": of_bucket(_get_retention),
    "get_object_tagging": of_bucket(_get_tags),
    "head_object": of_bucket(_head_object),
    "put_bucket_lifecycle_configuration": of_bucket(_put_lifecycle),
    "put_bucket_versioning": of_bucket(_put_versioning),
    "put_object": of_bucket(_put_object),
    "put_object_legal_hold": of_bucket(_put_hold),
    "put_object_retention": of_bucket(_put_retention),
    "put_object_tagging": of_bucket(_put_tags),
}
