"""Random S3 requests of the kinds that servers treat differently: conditions, ranges, bad input.

They stand between the steps of tests.gateway.trace, and use its keys.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.gateway.steps import Members, Side, Step, digest
from tests.gateway.trace import KEYS, Trace

SHARE = 0.5
"""Of the steps that are unusual."""
PAST, FUTURE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
WRONG_ETAG = '"00000000000000000000000000000000"'
WRONG_MD5 = "AAAAAAAAAAAAAAAAAAAAAA=="
WRONG_SHA256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NO_UPLOAD = "no-such-upload"

WRITES: list[Members] = [
    {"IfNoneMatch": "*"},
    {"IfMatch": WRONG_ETAG},
    {"ContentMD5": WRONG_MD5},
    {"ContentMD5": "not base64"},
    {"ChecksumSHA256": WRONG_SHA256},
    {"Tagging": "a=1&a=2"},
    {"Tagging": "&".join(f"t{n}=1" for n in range(11))},
    {"StorageClass": "NO_SUCH_CLASS"},
    {"Key": "k" * 1_025},
    {"Metadata": {"long": "x" * 2_049}},
    {"CacheControl": "no-cache", "ContentDisposition": "inline", "ContentLanguage": "de"},
    {"WebsiteRedirectLocation": "/elsewhere"},
]
READS: list[Members] = [
    {"IfMatch": WRONG_ETAG},
    {"IfMatch": "*"},
    {"IfNoneMatch": "*"},
    {"IfNoneMatch": WRONG_ETAG},
    {"IfModifiedSince": PAST},
    {"IfModifiedSince": FUTURE},
    {"IfUnmodifiedSince": PAST},
    {"IfUnmodifiedSince": FUTURE},
    {"IfMatch": "*", "IfUnmodifiedSince": PAST},
    {"Range": "bytes=999999999-"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=-0"},
    {"Range": "bytes=5-2"},
    {"Range": "bytes=a-b"},
    {"Range": "bytes=0-0,2-3"},
    {"Range": "lines=0-1"},
    {"PartNumber": 1},
    {"PartNumber": 2},
    {"PartNumber": 10_001},
    {"PartNumber": 1, "Range": "bytes=0-1"},
    {"VersionId": "null"},
    {"VersionId": "no-such-version"},
    {"ResponseContentType": "text/x-other", "ResponseCacheControl": "no-store"},
]
LISTS: list[Members] = [
    {"MaxKeys": 0},
    {"MaxKeys": 1},
    {"MaxKeys": -1},
    {"MaxKeys": 5_000},
    {"StartAfter": "b/2"},
    {"StartAfter": "zz"},
    {"Delimiter": "b/"},
    {"Delimiter": "/", "Prefix": "b/", "StartAfter": "b/1"},
    {"EncodingType": "url"},
    {"FetchOwner": True},
    {"ContinuationToken": "no token"},
    {"Prefix": "sp ace"},
]
TAG_SETS: list[list[tuple[str, str]]] = [
    [(f"t{n}", "1") for n in range(11)],
    [("t", "1"), ("t", "2")],
    [("", "1")],
    [("aws:t", "1")],
    [("k" * 129, "1")],
    [("k", "v" * 257)],
    [("k", "ü € +=")],
    [],
]
BUCKET_READS = [
    "get_bucket_location",
    "get_bucket_versioning",
    "get_bucket_tagging",
    "get_bucket_policy",
    "get_bucket_cors",
    "get_bucket_lifecycle_configuration",
    "get_bucket_website",
    "head_bucket",
    "get_bucket_notification_configuration",
    "get_bucket_request_payment",
    "get_bucket_logging",
    "get_bucket_replication",
    "get_object_lock_configuration",
]
COPIES: list[Members] = [
    {"CopySourceIfMatch": WRONG_ETAG},
    {"CopySourceIfNoneMatch": WRONG_ETAG},
    {"CopySourceIfModifiedSince": FUTURE},
    {"CopySourceIfUnmodifiedSince": PAST},
    {"MetadataDirective": "NEITHER"},
    {"TaggingDirective": "REPLACE", "Tagging": "copied=1"},
]


def stream(seed: int) -> Iterator[Step]:
    """Steps without end: every second one, on average, is unusual."""
    rng = random.Random(f"unusual {seed}")
    usual = iter(Trace(seed))
    while True:
        yield rng.choice(_KINDS)(rng) if rng.random() < SHARE else next(usual)


def _write(rng: random.Random) -> Step:
    members = {"Key": rng.choice(KEYS), **rng.choice(WRITES)}
    key = members.pop("Key")
    return _step("put_object", key, members, Body=rng.randbytes(100))


def _read(rng: random.Random) -> Step:
    name = rng.choice(("get_object", "get_object", "head_object"))
    members = rng.choice(READS)
    if name == "head_object":
        members = {k: v for k, v in members.items() if not k.startswith("Response")}
    return _step(name, rng.choice(KEYS), members)


def _attributes(rng: random.Random) -> Step:
    wanted = ["ETag", "ObjectSize", "StorageClass"]
    return _step("get_object_attributes", rng.choice(KEYS), {}, ObjectAttributes=wanted)


def _list(rng: random.Random) -> Step:
    return _step("list_objects_v2", "", rng.choice(LISTS))


def _tags(rng: random.Random) -> Step:
    pairs = rng.choice(TAG_SETS)
    tags = {"TagSet": [{"Key": key, "Value": value} for key, value in pairs]}
    return _step("put_object_tagging", rng.choice(KEYS), {"Tagging": tags})


def _bucket(rng: random.Random) -> Step:
    return _step(rng.choice(BUCKET_READS), "", {})


def _copy(rng: random.Random) -> Step:
    source, key = rng.choice(KEYS), rng.choice(KEYS)
    members = rng.choice([*COPIES, {}])

    def act(side: Side) -> Any:
        place = {"Bucket": side.bucket, "Key": source}
        return side.call("copy_object", Key=key, CopySource=place, **members)["CopyObjectResult"]

    return Step("copy_object", f"{source} -> {key} {members}", act, key, source)


def _multipart(rng: random.Random) -> Step:
    key, upload = rng.choice(KEYS), {"UploadId": NO_UPLOAD}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("upload_part", {**upload, "PartNumber": 1, "Body": b"x"}),
        ("upload_part", {**upload, "PartNumber": 10_001, "Body": b"x"}),
        ("list_parts", upload),
        ("abort_multipart_upload", upload),
        ("complete_multipart_upload", upload),
        ("complete_multipart_upload", {**upload, "MultipartUpload": {"Parts": []}}),
    ]
    name, members = rng.choice(calls)
    return _step(name, key, dict(members))


def _delete(rng: random.Random) -> Step:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("delete_objects", {"Delete": {"Objects": []}}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "none"}], "Quiet": True}}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "none"}] * 2}}),
        ("delete_object", {"Key": "none"}),
        ("delete_object", {"Key": "none", "VersionId": "no-such-version"}),
    ]
    name, members = rng.choice(calls)
    return _step(name, "", members)


_KINDS: list[Callable[[random.Random], Step]] = [
    *[_write] * 4,
    *[_read] * 6,
    _attributes,
    *[_list] * 2,
    _tags,
    _bucket,
    _copy,
    _multipart,
    _delete,
]


def _step(name: str, key: str, shown: Members, **more: Any) -> Step:
    members = {**({"Key": key} if key else {}), **shown, **more}
    return Step(name, f"{key[:20]} {shown}"[:200], partial(_call, name, members), key)


def _call(name: str, members: Members, side: Side) -> Any:
    answer = side.call(name, **members)
    if "Body" in answer:
        answer = {**answer, "Body": digest(answer["Body"].read())}
    return answer
