"""Listings: every page size gives what one long list gives, in the order of the bytes of keys.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import unquote_plus

import pytest

from tests.contract.client import Answer, Client

KEYS = [
    "a",
    "a/",
    "a/1",
    "a/2/x",
    "a/2/y",
    "a0",
    "b--c--d",
    "b--e",
    "c d+e/f g",
    "k",
    "k/",
    "k/x",
    "z/ü",
    "z/\U0001f600",
    "ä/1",
    "ä/2",
]

Item = tuple[str, bool]
"""A key or a common prefix (True)."""


def expected(keys: list[str], prefix: str, delimiter: str) -> list[Item]:
    items: set[Item] = set()
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        items.add((key, False) if at < 0 else (key[: at + len(delimiter)], True))
    return sorted(items, key=lambda item: item[0].encode())


def items_of(page: Answer, member: str = "Contents") -> list[Item]:
    """What a page has, in order; each of its two lists must be in order by itself."""
    read = unquote_plus if page.get("EncodingType") else str
    keys = [read(key) for key in page.names(member, "Key")]
    prefixes = [read(prefix) for prefix in page.names("CommonPrefixes", "Prefix")]
    for names in (keys, prefixes):
        assert names == sorted(names, key=str.encode)
    items = [(key, False) for key in keys] + [(prefix, True) for prefix in prefixes]
    return sorted(items, key=lambda item: item[0].encode())


async def pages_v1(s3: Client, **members) -> AsyncIterator[Answer]:
    while True:
        page = await s3("ListObjects", **members)
        yield page
        if not page["IsTruncated"]:
            return
        # Without a delimiter AWS gives no NextMarker: the last key is it.
        last = page.get("NextMarker") or page["Contents"][-1]["Key"]
        marker = unquote_plus(last) if page.get("EncodingType") else last
        assert marker != members.get("Marker"), "the next page would be the same"
        members["Marker"] = marker


async def pages_v2(s3: Client, **members) -> AsyncIterator[Answer]:
    while True:
        page = await s3("ListObjectsV2", **members)
        yield page
        if not page["IsTruncated"]:
            assert "NextContinuationToken" not in page
            return
        token = page["NextContinuationToken"]
        assert token != members.get("ContinuationToken"), "the next page would be the same"
        members["ContinuationToken"] = token


@pytest.fixture
async def filled(s3, bucket) -> str:
    for key in reversed(KEYS):
        await s3.put(bucket, key, key.encode())
    return bucket


WAYS = [
    ("", ""),
    ("", "/"),
    ("a", "/"),
    ("a/", "/"),
    ("a/2", "/"),
    ("k", "/"),
    ("k/", "/"),
    ("", "--"),
    ("b--", "--"),
    ("ä", ""),
    ("", "ü"),
    ("none", "/"),
]


@pytest.mark.parametrize("pages", [pages_v1, pages_v2], ids=["v1", "v2"])
@pytest.mark.parametrize(("prefix", "delimiter"), WAYS)
async def test_pages_of_every_size_give_the_whole_list(s3, filled, pages, prefix, delimiter):
    for size in (1, 2, 3, 4, 5, 1000):
        found = []
        members = {"Bucket": filled, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": size}
        async for page in pages(s3, **members):
            assert page["MaxKeys"] == size
            assert page["Name"] == filled
            found += items_of(page)
            if pages is pages_v2:
                assert page["KeyCount"] == len(items_of(page)) <= size
        assert found == expected(KEYS, prefix, delimiter)


async def test_an_entry_says_what_the_object_is(s3, bucket):
    await s3.put(bucket, "k", b"data", StorageClass="STANDARD_IA", ChecksumAlgorithm="CRC32")
    head = await s3("HeadObject", Bucket=bucket, Key="k")
    for operation, members in (("ListObjects", {}), ("ListObjectsV2", {"FetchOwner": True})):
        (entry,) = (await s3(operation, Bucket=bucket, **members))["Contents"]
        assert entry["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
        assert entry["Size"] == 4
        assert entry["LastModified"] == head["LastModified"]
        assert entry["StorageClass"] == "STANDARD_IA"
        assert entry["ChecksumAlgorithm"] == ["CRC32"]
        assert entry["Owner"]["ID"]
    (entry,) = (await s3("ListObjectsV2", Bucket=bucket))["Contents"]
    assert "Owner" not in entry


async def test_an_empty_listing(s3, bucket):
    for operation in ("ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"):
        page = await s3(operation, Bucket=bucket)
        assert page["IsTruncated"] is False
        for member in ("Contents", "CommonPrefixes", "Versions", "DeleteMarkers", "Uploads"):
            assert not page.get(member)


async def test_a_listing_starts_after_a_key_whether_or_not_it_is_there(s3, filled):
    for after in ("a/", "a/1x", "b", "k", "zz", "ä/2"):
        behind = [key for key in sorted(KEYS, key=str.encode) if key.encode() > after.encode()]
        page = await s3("ListObjectsV2", Bucket=filled, StartAfter=after)
        assert page.names("Contents", "Key") == behind
        assert page["StartAfter"] == after
        page = await s3("ListObjects", Bucket=filled, Marker=after)
        assert page.names("Contents", "Key") == behind
        assert page["Marker"] == after


async def test_a_listing_that_starts_at_a_common_prefix_is_behind_it(s3, filled):
    page = await s3("ListObjectsV2", Bucket=filled, Delimiter="/", StartAfter="a/")
    assert items_of(page)[0] == ("a0", False)
    page = await s3("ListObjects", Bucket=filled, Delimiter="/", Marker="a/")
    assert items_of(page)[0] == ("a0", False)


async def test_a_continuation_token_counts_for_more_than_start_after(s3, filled):
    first = await s3("ListObjectsV2", Bucket=filled, MaxKeys=2)
    token = first["NextContinuationToken"]
    page = await s3(
        "ListObjectsV2", Bucket=filled, MaxKeys=2, ContinuationToken=token, StartAfter="z"
    )
    assert page.names("Contents", "Key") == ["a/1", "a/2/x"]
    assert page["ContinuationToken"] == token


@pytest.mark.parametrize("token", ["x", "no token!"])
async def test_a_token_that_is_none_is_refused(s3, filled, token):
    await s3.refused("InvalidArgument", "ListObjectsV2", Bucket=filled, ContinuationToken=token)


async def test_a_page_continues_behind_keys_that_were_deleted_meanwhile(s3, filled):
    first = await s3("ListObjectsV2", Bucket=filled, MaxKeys=3)
    for key in ("a/1", "a/2/x"):
        await s3("DeleteObject", Bucket=filled, Key=key)
    token = first["NextContinuationToken"]
    page = await s3("ListObjectsV2", Bucket=filled, MaxKeys=1, ContinuationToken=token)
    assert page.names("Contents", "Key") == ["a/2/y"]


async def test_max_keys_of_0_is_an_empty_page_and_above_1000_is_1000(s3, filled):
    for operation in ("ListObjects", "ListObjectsV2", "ListObjectVersions"):
        page = await s3(operation, Bucket=filled, MaxKeys=0)
        assert page["IsTruncated"] is False
        assert page["MaxKeys"] == 0
        assert not page.get("Contents")
        assert not page.get("Versions")
        assert (await s3(operation, Bucket=filled, MaxKeys=5000))["MaxKeys"] == 1000
        await s3.refused("InvalidArgument", operation, Bucket=filled, MaxKeys=-1)


async def test_names_are_url_encoded_when_asked_for(s3, filled):
    members = {"Bucket": filled, "EncodingType": "url", "Delimiter": "/"}
    for operation in ("ListObjects", "ListObjectsV2"):
        page = await s3(operation, **members)
        assert page["EncodingType"] == "url"
        prefixes = page.names("CommonPrefixes", "Prefix")
        assert "c%20d%2Be/" in prefixes
        decoded = [unquote_plus(name) for name in page.names("Contents", "Key") + prefixes]
        assert set(decoded) == {name for name, _ in expected(KEYS, "", "/")}
    page = await s3("ListObjectsV2", **members | {"Prefix": "c d+", "StartAfter": "c d"})
    assert (page["Prefix"], page["StartAfter"]) == ("c%20d%2B", "c%20d")
    page = await s3("ListObjects", **members | {"Prefix": "c d+"})
    assert page["Prefix"] == "c d+"
    await s3.refused("InvalidArgument", "ListObjectsV2", **members | {"EncodingType": "base64"})


async def test_pages_of_encoded_names_continue_where_they_ended(s3, filled):
    for pages in (pages_v1, pages_v2):
        found = []
        members = {"Bucket": filled, "EncodingType": "url", "Delimiter": "/", "MaxKeys": 2}
        async for page in pages(s3, **members):
            found += items_of(page)
        assert found == expected(KEYS, "", "/")


@pytest.fixture
async def history(s3, versioned) -> tuple[str, list[tuple[str, str, bool]]]:
    """A bucket, and its (key, version id, is a marker) in the order of a listing."""
    made: dict[str, list[tuple[str, str, bool]]] = {}
    for key in ("a", "a/1", "a/2", "b", "ü"):
        for number in range(3):
            version = (await s3.put(versioned, key, b"%d" % number))["VersionId"]
            made.setdefault(key, []).insert(0, (key, version, False))
    for key in ("a", "a/2", "c"):
        marker = (await s3("DeleteObject", Bucket=versioned, Key=key))["VersionId"]
        made.setdefault(key, []).insert(0, (key, marker, True))
    ordered = sorted(made, key=str.encode)
    return versioned, [entry for key in ordered for entry in made[key]]


async def test_versions_come_newest_first_in_pages_of_every_size(s3, history):
    bucket, made = history
    for size in (1, 2, 3, 4, 5, 1000):
        found, after = [], {}
        while True:
            page = await s3("ListObjectVersions", Bucket=bucket, MaxKeys=size, **after)
            entries = [
                (entry["Key"], entry["VersionId"], member == "DeleteMarkers")
                for member in ("Versions", "DeleteMarkers")
                for entry in page.get(member, [])
            ]
            assert len(entries) <= size
            found += sorted(entries, key=made.index)
            if not page["IsTruncated"]:
                break
            after = {
                "KeyMarker": page["NextKeyMarker"],
                "VersionIdMarker": page.get("NextVersionIdMarker", ""),
            }
        assert found == made


async def test_exactly_the_newest_of_each_key_is_the_latest(s3, history):
    bucket, made = history
    newest = {key: version for key, version, _ in reversed(made)}
    for size in (2, 1000):
        page = await s3("ListObjectVersions", Bucket=bucket, MaxKeys=size)
        for member in ("Versions", "DeleteMarkers"):
            for entry in page.get(member, []):
                assert entry["IsLatest"] == (newest[entry["Key"]] == entry["VersionId"])


async def test_versions_by_prefix_and_delimiter(s3, history):
    bucket, made = history
    page = await s3("ListObjectVersions", Bucket=bucket, Prefix="a/")
    keys = set(page.names("Versions", "Key") + page.names("DeleteMarkers", "Key"))
    assert keys == {"a/1", "a/2"}
    for size in (1, 2, 3, 1000):
        prefixes, count, after = [], 0, {}
        while True:
            page = await s3(
                "ListObjectVersions", Bucket=bucket, Delimiter="/", MaxKeys=size, **after
            )
            prefixes += page.names("CommonPrefixes", "Prefix")
            count += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            if not page["IsTruncated"]:
                break
            after = {"KeyMarker": page["NextKeyMarker"]}
            if "NextVersionIdMarker" in page:
                after["VersionIdMarker"] = page["NextVersionIdMarker"]
        assert prefixes == ["a/"]
        assert count == len([entry for entry in made if not entry[0].startswith("a/")])


async def test_a_key_marker_alone_is_behind_all_versions_of_the_key(s3, history):
    bucket, _ = history
    page = await s3("ListObjectVersions", Bucket=bucket, KeyMarker="a/2")
    keys = set(page.names("Versions", "Key") + page.names("DeleteMarkers", "Key"))
    assert keys == {"b", "c", "ü"}


async def test_a_version_marker_needs_a_key_marker(s3, history):
    bucket, made = history
    await s3.refused(
        "InvalidArgument", "ListObjectVersions", Bucket=bucket, VersionIdMarker=made[0][1]
    )


@pytest.fixture
async def uploads(s3, bucket) -> tuple[str, list[tuple[str, str]]]:
    """A bucket, and its (key, upload id) in the order of a listing."""
    made = []
    for key in sorted(["a", "a/1", "a/2", "b", "ü"], key=str.encode):
        for _ in range(2):
            created = await s3("CreateMultipartUpload", Bucket=bucket, Key=key)
            made.append((key, created["UploadId"]))
    return bucket, made


async def test_uploads_come_by_key_and_age_in_pages_of_every_size(s3, uploads):
    bucket, made = uploads
    for size in (1, 2, 3, 4, 5, 1000):
        found, after = [], {}
        while True:
            page = await s3("ListMultipartUploads", Bucket=bucket, MaxUploads=size, **after)
            assert len(page["Uploads"]) <= size
            assert page["MaxUploads"] == size
            found += [(entry["Key"], entry["UploadId"]) for entry in page["Uploads"]]
            if not page["IsTruncated"]:
                break
            after = {
                "KeyMarker": page["NextKeyMarker"],
                "UploadIdMarker": page["NextUploadIdMarker"],
            }
        assert found == made
    entry = page["Uploads"][0]
    assert entry["StorageClass"] == "STANDARD"
    assert entry["Owner"]["ID"] == entry["Initiator"]["ID"]
    assert entry["Initiated"]


async def test_uploads_by_prefix_and_delimiter(s3, uploads):
    bucket, made = uploads
    for size in (1, 2, 1000):
        found, after = [], {}
        while True:
            page = await s3(
                "ListMultipartUploads", Bucket=bucket, Delimiter="/", MaxUploads=size, **after
            )
            found += items_of(page, "Uploads")
            if not page["IsTruncated"]:
                break
            after = {"KeyMarker": page["NextKeyMarker"]}
            if "NextUploadIdMarker" in page:
                after["UploadIdMarker"] = page["NextUploadIdMarker"]
        names = [(key, False) for key, _ in made if "/" not in key]
        assert sorted(found) == sorted([*names, ("a/", True)])
    page = await s3("ListMultipartUploads", Bucket=bucket, Prefix="a/")
    assert page.names("Uploads", "Key") == ["a/1", "a/1", "a/2", "a/2"]


async def test_an_upload_marker_without_a_key_marker_is_ignored(s3, uploads):
    bucket, made = uploads
    page = await s3("ListMultipartUploads", Bucket=bucket, UploadIdMarker=made[3][1])
    assert len(page["Uploads"]) == len(made)
