"""The texts of the inspector: what is known of a bucket, an object, its versions. Pure."""

from __future__ import annotations

from s3d.shared.caching import CacheState
from s3d.shared.control import BucketInfo, ObjectInfo, ObjectStatus
from s3d.shared.receipts import Receipt
from s3d.shared.text import moment, safe, size

SECTIONS = ("Info", "Meta", "Tags", "Versions")
MAX_WRITES = 5
"""Pending writes of one key that are listed."""


def object_lines(info: ObjectInfo) -> list[str]:
    """What a listing knows of an object, without its name and ETag."""
    return [
        safe(f"{info.size:,} B  {info.content_type}").rstrip(),
        f"{moment(info.last_modified)}",
        safe(f"class {info.storage_class}"),
    ]


def info_lines(status: ObjectStatus) -> list[str]:
    """What is wrong comes first: the rest may be longer than the box."""
    lines = []
    if status.remote_error:
        lines.append(safe(f"remote {status.remote_error}"))
    for write in status.pending[:MAX_WRITES]:
        why = f": {write.error.code} {write.error.message}" if write.error is not None else ""
        lines.append(safe(f"write {write.id} {write.operation} {write.state}{why}"))
    lines += object_lines(status)
    if status.version_id:
        lines.append(safe(f"version {status.version_id}"))
    if status.state:
        lines.append(f"state {status.state}")
    cache = status.cache
    if cache is not None:
        lines.append(_cache_line(cache))
    lines += [_receipt_line(status, each) for each in status.receipts]
    if status.tags:
        lines.append("tags " + ", ".join(pair.strip() for pair in _pairs(status.tags)))
    return lines


def _cache_line(cache: CacheState) -> str:
    pinned = ", pinned" if cache.pinned else ""
    if not cache.held:
        return f"not cached{pinned}"
    return f"cache {size(cache.held)} ({cache.held / max(cache.size, 1):.0%}){pinned}"


def _receipt_line(status: ObjectStatus, receipt: Receipt) -> str:
    version = "" if status.is_of_this_version(receipt) else ", of an earlier version"
    return safe(f"receipt {moment(receipt.verified)}, {receipt.algorithm}{version}")


def meta_lines(status: ObjectStatus) -> list[str]:
    lines = [safe(f"content-type = {status.content_type}"), safe(f"etag = {status.etag}")]
    lines += [safe(f"{name.lower()} = {value}") for name, value in status.headers.items()]
    lines += [safe(f"{name} = {value}") for name, value in status.checksums.items()]
    return [*lines, "", "metadata", *(_pairs(status.metadata) or ["  none"])]


def tag_lines(status: ObjectStatus) -> list[str]:
    return [*(_pairs(status.tags) or ["no tags"]), "", "t edits them"]


SECTION_LINES = {"Info": info_lines, "Meta": meta_lines, "Tags": tag_lines}
"""The sections that are made of the status of an object."""


def _pairs(pairs: dict[str, str]) -> list[str]:
    return [safe(f"  {name} = {value}") for name, value in pairs.items()]


def prefix_lines() -> list[str]:
    """Of a prefix, nothing is known without a listing of all that is below it."""
    return ["prefix", "", "S shows the size of what is below it"]


def version_lines(versions: list[ObjectInfo]) -> list[str]:
    lines = []
    for info in versions:
        what = size(info.size) if info.etag else "delete marker"
        lines += [f"{moment(info.last_modified)}  {what}", safe(f"  {info.version_id or 'null'}")]
    return [*(lines or ["no versions"]), "", "V looks at one, and restores it"]


def bucket_lines(info: BucketInfo) -> list[str]:
    """Without the name."""
    lines = [f"created {moment(info.created)}"]
    if info.objects is not None and info.size is not None:
        lines.append(f"{info.objects:,} objects, {size(info.size)}")
    lines.append(f"versioning {info.versioning or 'never enabled'}")
    return [*lines, "", "tags", *(_pairs(info.tags) or ["  none"])]
