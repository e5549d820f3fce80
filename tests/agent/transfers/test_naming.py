import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.naming import name_of, parts_of, target_of
from s3d.shared.transfer_options import SyncRules
from s3d.shared.transfers import TransferRequest as Request


def test_one_transfer_for_each_source():
    parts = parts_of(Request("download", "bucket", ["a", "b"], ["c/"], to_path="~/x"))
    assert [(part.keys, part.prefixes) for part in parts] == [
        (["a"], []), (["b"], []), ([], ["c/"]),
    ]  # fmt: skip
    assert {part.to_path for part in parts} == {os.path.expanduser("~/x")}


def test_what_is_deleted_is_one():
    assert len(parts_of(Request("delete", "bucket", ["a", "b"], ["c/"]))) == 1


def test_names_lose_what_is_above():
    request = Request("copy", "bucket", ["a/b/c"], base="a/", to_bucket="other", to_prefix="x/")
    assert name_of(request, "a/b/c") == "b/c"
    assert target_of(request, "a/b/c") == ("other", "x/b/c")


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request("steal", "bucket", ["a"]), "kind must be"),
        (Request("delete", "bucket"), "keys and prefixes are both empty"),
        (Request("upload", "bucket"), "paths is empty"),
        (Request("upload", "bucket", ["a"], paths=["/a"]), "instead of keys and prefixes"),
        (Request("upload", "bucket", paths=["a/b"]), "not an absolute path"),
        (Request("delete", "bucket", ["a"], paths=["/a"]), "only an upload"),
        (Request("download", "bucket", ["a"]), "to_path is missing"),
        (Request("download", "bucket", ["a"], to_path="x"), "not an absolute path"),
        (Request("download", "bucket", ["a"], to_path="/x", existing="ask"), "existing must be"),
        (Request("copy", "bucket", ["a"], to_bucket="bucket"), "onto itself"),
        (Request("move", "bucket", [], ["a/"], to_bucket="bucket", to_prefix=""), "into itself"),
        (Request("copy", "bucket", [], ["a/"], to_bucket="bucket", base="a/", to_prefix="a/b/"),
         "into itself"),
        (Request("copy", "bucket", ["a", "b"], to_bucket="other", as_key="c"), "for one key"),
        (Request("copy", "bucket", ["a"], to_bucket="other", if_match="e"), "for an upload"),
        (Request("move", "bucket", ["a"], to_bucket="other", version="v"), "copy or download"),
        (Request("upload", "bucket", paths=["/a"], links="copy"), "links must be"),
        (Request("delete", "bucket", ["a"], delete_source=True), "delete_source is"),
        (Request("delete", "bucket", [], ["a"], glob="a"), "no wildcard"),
        (Request("delete", "bucket", [], ["a/"], sync=SyncRules()), "sync is for"),
        (Request("copy", "bucket", [], ["a/b/"], to_bucket="bucket", base="a/b/", to_prefix="a/",
                 sync=SyncRules(delete=True)), "below the target"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(request_, why):
    with pytest.raises(S3Error, match=why):
        parts_of(request_)


@pytest.mark.parametrize("bucket", ["", "UPPER", "a"])
def test_a_bucket_has_a_legal_name(bucket):
    with pytest.raises(S3Error):
        parts_of(Request("delete", bucket, ["a"]))
