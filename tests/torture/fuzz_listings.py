"""The listings of S3, page by page: what the model expects, and what a server answers.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.torture.fuzz_model import Bucket, Members, Refused, etag_of

Page = dict[str, list[Any]]
"""The rows of each list of a page; lists without rows are absent."""

_MAX_PAGES = 100


class _Item(NamedTuple):
    """A row, or the common prefix of several."""

    name: str
    """The key or the common prefix."""
    of: str
    """The list that it is in."""
    row: Any


class _Kind(NamedTuple):
    """How a listing is paged."""

    size: str
    """The parameter with the number of items of a page."""
    start: str
    """The parameter with the place where the listing begins."""
    rows: Callable[[Bucket, Members], Iterator[_Item]]
    shown: dict[str, tuple[str, ...]]
    """List -> the members of its rows that are compared."""
    following: Callable[[Members], Members]
    """A page -> the parameters of the next one."""


def expected_pages(bucket: Bucket, name: str, members: Members) -> list[Page]:
    """All pages of a listing. Raises Refused."""
    kind = _KINDS[name]
    items = list(_rolled_up(kind.rows(bucket, members), members, members.get(kind.start, "")))
    size = members[kind.size]
    pages = [items[at : at + size] for at in range(0, len(items), size)] or [[]]
    return [_page(page) for page in pages]


def _page(items: list[_Item]) -> Page:
    page: Page = {}
    for item in items:
        page.setdefault(item.of, []).append(item.row)
    return page


def _rolled_up(items: Iterator[_Item], members: Members, start: str) -> Iterator[_Item]:
    """Those behind start, with common prefixes. A start at or in a common prefix is behind it."""
    prefix, delimiter = members.get("Prefix", ""), members.get("Delimiter", "")
    last = ""
    for item in items:
        if item.of == "Parts":
            yield item
            continue
        if not item.name.startswith(prefix) or (start and item.name.encode() <= start.encode()):
            continue
        head, found, _ = item.name[len(prefix) :].partition(delimiter) if delimiter else ("",) * 3
        group = prefix + head + found
        if not found:
            yield item
        elif group != last and not start.startswith(group):
            last = group
            yield _Item(group, "CommonPrefixes", (group,))


def _objects(bucket: Bucket, members: Members) -> Iterator[_Item]:
    for key in sorted(bucket.versions, key=str.encode):
        version = bucket.current(key)
        if version is not None:
            yield _Item(key, "Contents", (key, version.etag, len(version.content)))


def _versions(bucket: Bucket, members: Members) -> Iterator[_Item]:
    for key in sorted(bucket.versions, key=str.encode):
        for place, version in enumerate(bucket.versions[key]):
            if version.is_marker:
                yield _Item(key, "DeleteMarkers", (key, version.id, place == 0))
            else:
                yield _Item(key, "Versions", (key, version.id, place == 0, version.etag))


def _uploads(bucket: Bucket, members: Members) -> Iterator[_Item]:
    for id, upload in sorted(bucket.uploads.items(), key=lambda item: item[1].key.encode()):
        yield _Item(upload.key, "Uploads", (upload.key, id))


def _parts(bucket: Bucket, members: Members) -> Iterator[_Item]:
    upload = bucket.uploads.get(members["UploadId"])
    if upload is None or upload.key != members["Key"]:
        raise Refused("NoSuchUpload")
    for number, data in sorted(upload.parts.items()):
        if number > members.get("PartNumberMarker", 0):
            yield _Item("", "Parts", (number, etag_of(data), len(data)))


def _after_key(page: Members) -> Members:
    last = [row["Key"] for row in page.get("Contents", ())]
    last += [row["Prefix"] for row in page.get("CommonPrefixes", ())]
    return {"Marker": page.get("NextMarker") or max(last, key=str.encode)}


_KINDS: dict[str, _Kind] = {
    "list_objects": _Kind(
        "MaxKeys", "Marker", _objects, {"Contents": ("Key", "ETag", "Size")}, _after_key
    ),
    "list_objects_v2": _Kind(
        "MaxKeys",
        "StartAfter",
        _objects,
        {"Contents": ("Key", "ETag", "Size")},
        lambda page: {"ContinuationToken": page["NextContinuationToken"]},
    ),
    "list_object_versions": _Kind(
        "MaxKeys",
        "KeyMarker",
        _versions,
        {
            "DeleteMarkers": ("Key", "VersionId", "IsLatest"),
            "Versions": ("Key", "VersionId", "IsLatest", "ETag"),
        },
        lambda page: {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page.get("NextVersionIdMarker"),
        },
    ),
    "list_multipart_uploads": _Kind(
        "MaxUploads",
        "KeyMarker",
        _uploads,
        {"Uploads": ("Key", "UploadId")},
        lambda page: {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page.get("NextUploadIdMarker"),
        },
    ),
    "list_parts": _Kind(
        "MaxParts",
        "PartNumberMarker",
        _parts,
        {"Parts": ("PartNumber", "ETag", "Size")},
        lambda page: {"PartNumberMarker": page["NextPartNumberMarker"]},
    ),
}
LISTINGS = tuple(_KINDS)


def listed_pages(call: Callable[..., Any], name: str, members: Members) -> list[Page]:
    """The pages that a server answers. call: a method of boto3's client."""
    kind, pages, given = _KINDS[name], [], dict(members)
    while True:
        answer = call(**{key: value for key, value in given.items() if value is not None})
        lists = {**kind.shown, "CommonPrefixes": ("Prefix",)}
        rows = {
            of: [tuple(row[member] for member in shown) for row in answer.get(of, ())]
            for of, shown in lists.items()
        }
        pages.append({of: found for of, found in rows.items() if found})
        if not answer["IsTruncated"] or len(pages) > _MAX_PAGES:
            return pages
        given |= kind.following(answer)
