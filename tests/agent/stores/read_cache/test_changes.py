"""What makes the cache forget; every operation of the model is judged."""

from __future__ import annotations

import pytest

from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache.changes import HARMLESS, changed

PLACE = {"Bucket": "b", "Key": "k"}


def forgets(name: str, members: dict) -> list[tuple[str, str]]:
    return list(changed(S3Request(operations()[name], members)))


@pytest.mark.parametrize(
    ("name", "members", "forgotten"),
    [
        ("PutObject", PLACE, [("b", "k")]),
        ("DeleteObject", PLACE, [("b", "k")]),
        ("CopyObject", PLACE | {"CopySource": "b/other"}, [("b", "k")]),
        ("CompleteMultipartUpload", PLACE, [("b", "k")]),
        ("PutObjectTagging", PLACE, [("b", "k")]),
        ("DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2"}]}},
         [("b", "1"), ("b", "2")]),
        ("DeleteBucket", {"Bucket": "b"}, [("b", "")]),
        ("PutBucketPolicy", {"Bucket": "b"}, []),
    ],
)  # fmt: skip
def test_what_is_forgotten(name, members, forgotten):
    assert forgets(name, members) == forgotten


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_of_objects_that_is_no_read_makes_forget_or_is_known_as_harmless(name):
    op = operations()[name]
    if op.access in ("read", "list") or name in HARMLESS:
        return
    if op.scope == "object":
        assert ("b", "k") in forgets(name, PLACE)
    elif name != "DeleteObjects":
        assert forgets(name, {"Bucket": "b"}) or "Bucket" in name


def test_the_harmless_ones_are_these():
    assert sorted(HARMLESS) == [
        "AbortMultipartUpload",
        "CreateBucket",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
    ]
