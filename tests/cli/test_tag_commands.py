import json

import pytest

from s3d.cli.tag_commands import metadata_entries, pairs
from s3d.shared.errors import UsageError


def test_set_adds_to_the_tags_that_are_there(s3d, store):
    target = store("k", x_amz_tagging="old=1&gone=2")
    result = s3d("set", target, "--tag", "new=a b", "--tag", "old=3", "--untag", "gone")
    assert result.out == "tag  new = a b\ntag  old = 3\n"
    assert json.loads(s3d("status", target, "--json").out)["tags"] == {"old": "3", "new": "a b"}


def test_set_works_on_buckets_too(s3d, bucket):
    s3d("set", bucket, "--tag", "a=1")
    found = json.loads(s3d("set", bucket, "--tag", "b=x=y", "--json").out)
    assert found == {"bucket": bucket, "key": "", "tags": {"a": "1", "b": "x=y"}}
    assert s3d("set", bucket, "--untag", "a", "--untag", "b").out == ""


def test_set_leaves_the_data_alone(s3d, store):
    target = store("k", b"precious")
    s3d("set", target, "--tag", "a=1")
    assert s3d("get", target).out == "precious"


@pytest.mark.parametrize(
    "options", [[], ["--tag", "x"], ["--tag", "=x"], ["--tag", "a=1", "--untag", "a"]]
)
def test_bad_usage_is_2(alone, options):
    assert alone("set", "b/k", *options).code == 2


def test_set_of_nothing_there_is_3(s3d, bucket):
    assert s3d("set", f"{bucket}/none", "--tag", "a=1").code == 3


def test_pairs():
    assert pairs(("a=1", "b=", "c=x=y"), "--tag") == {"a": "1", "b": "", "c": "x=y"}
    with pytest.raises(UsageError, match="twice"):
        pairs(("a=1", "a=2"), "--tag")


def test_metadata_is_read_as_the_aws_cli_does():
    assert metadata_entries(("A=1,b=2,3", "c=4")) == {"a": "1", "b": "2,3", "c": "4"}


def test_metadata_can_be_json():
    assert metadata_entries(('{"A":"1,b=2"}',)) == {"a": "1,b=2"}


@pytest.mark.parametrize(
    "text", ["x", "é=1", "a=\n", "a b=1", "a=1,a=2", '{"a":1}', '{"a":', '{"":"x"}']
)
def test_bad_metadata_is_refused(text):
    with pytest.raises(UsageError):
        metadata_entries((text,))
