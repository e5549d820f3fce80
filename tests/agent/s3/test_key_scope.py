"""What a key with a bucket, a prefix or without writes may do."""

import pytest

from s3d.agent.s3.key_scope import scope_allows, without_dots
from s3d.agent.s3.principal import KeyScope, Principal


def principal(scope: KeyScope | None = None, *, is_read_only: bool = False) -> Principal:
    return Principal("K", "f" * 64, "o", "1" * 12, "arn", scope=scope, is_read_only=is_read_only)


BUCKET = principal(KeyScope("b", ""))
PREFIX = principal(KeyScope("b", "team/"))
NAME = principal(KeyScope("b", "log-"))
READER = principal(is_read_only=True)
ANY = principal()


@pytest.mark.parametrize(
    ("who", "action", "bucket", "key", "is_allowed"),
    [
        (ANY, "s3:PutObject", "x", "k", True),
        (ANY, "s3:ListAllMyBuckets", "", "", True),
        (READER, "s3:GetObject", "x", "k", True),
        (READER, "s3:GetObjectVersionTagging", "x", "k", True),
        (READER, "s3:ListAllMyBuckets", "", "", True),
        (READER, "s3:ListMultipartUploadParts", "x", "k", True),
        (READER, "s3:PutObject", "x", "k", False),
        (READER, "s3:DeleteObject", "x", "k", False),
        (READER, "s3:AbortMultipartUpload", "x", "k", False),
        (READER, "s3:BypassGovernanceRetention", "x", "k", False),
        (READER, "s3:CreateBucket", "x", "", False),
        (READER, "s3:RestoreObject", "x", "k", False),
        (BUCKET, "s3:PutObject", "b", "k", True),
        (BUCKET, "s3:ListBucket", "b", "", True),
        (BUCKET, "s3:PutBucketPolicy", "b", "", True),
        (BUCKET, "s3:GetObject", "B", "k", False),
        (BUCKET, "s3:GetObject", "bb", "k", False),
        (BUCKET, "s3:ListAllMyBuckets", "", "", False),
        (PREFIX, "s3:GetObject", "b", "team/k", True),
        (PREFIX, "s3:GetObject", "b", "team/", True),
        (PREFIX, "s3:GetObject", "b", "team", False),
        (PREFIX, "s3:GetObject", "b", "teams/k", False),
        (PREFIX, "s3:GetObject", "c", "team/k", False),
        (PREFIX, "s3:ListBucket", "b", "team/", True),
        (PREFIX, "s3:ListBucket", "b", "team/a", True),
        (PREFIX, "s3:ListBucket", "b", "", False),
        (PREFIX, "s3:ListBucket", "b", "tea", False),
        (PREFIX, "s3:ListBucketVersions", "b", "team/", True),
        (PREFIX, "s3:ListBucketMultipartUploads", "b", "", False),
        (PREFIX, "s3:GetBucketLocation", "b", "", True),
        (PREFIX, "s3:GetBucketPolicy", "b", "", False),
        (PREFIX, "s3:DeleteBucket", "b", "", False),
        (PREFIX, "s3:PutBucketPolicy", "b", "", False),
        (NAME, "s3:GetObject", "b", "log-1", True),
        (NAME, "s3:GetObject", "b", "log-", True),
        (NAME, "s3:GetObject", "b", "blog-1", False),
    ],
)
def test_scope(who: Principal, action: str, bucket: str, key: str, is_allowed: bool) -> None:
    assert scope_allows(who, action, bucket, key) is is_allowed


@pytest.mark.parametrize(
    "key",
    [
        "team/../secret",
        "team/./../secret",
        "team/a/../../secret",
        "team/..",
        "team/../team",
        "team//../../secret",
        "team//../secret",
        "team/a//..//../secret",
        "./team/k",
        "../team/k",
    ],
)
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:ListBucket"])
def test_dots_do_not_lead_out_of_the_prefix(key: str, action: str) -> None:
    assert not scope_allows(PREFIX, action, "b", key)


@pytest.mark.parametrize(
    "key", ["team/a/../b", "team/./k", "team/..k", "team/a..b", "team/...", "team/."]
)
def test_dots_that_stay_below_the_prefix_are_allowed(key: str) -> None:
    assert scope_allows(PREFIX, "s3:GetObject", "b", key)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/../b", "b"),
        ("a/./b", "a/b"),
        ("../b", "b"),
        ("a//b/", "a//b/"),
        ("a/..", ""),
        ("a/.", "a/"),
        ("a/b/..", "a/"),
        ("a//../b", "a/b"),
        ("...", "..."),
    ],
)
def test_a_key_as_a_path(key: str, path: str) -> None:
    assert without_dots(key) == path


def test_a_read_only_key_with_a_scope_has_both_limits() -> None:
    both = principal(KeyScope("b", "team/"), is_read_only=True)
    assert scope_allows(both, "s3:GetObject", "b", "team/k")
    assert not scope_allows(both, "s3:PutObject", "b", "team/k")
    assert not scope_allows(both, "s3:GetObject", "b", "k")
