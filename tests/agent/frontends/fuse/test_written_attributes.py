import pytest

from s3d.agent.frontends.fuse.written_attributes import (
    WrittenAttributes,
    attributes_of_new,
    attributes_of_old,
    read_link,
    write_link,
)
from s3d.shared.control import ObjectInfo

INFO = ObjectInfo(
    "b", "k.txt", 5, '"e"', 0.0, "text/x-own", "STANDARD_IA",
    metadata={"mtime": "1.5", "mode": "100600", "s3d-sha256": "00", "mine": "yes"},
    headers={"cache-control": "no-store"},
)  # fmt: skip


def test_new_bytes_keep_what_the_user_has_set_and_lose_what_describes_the_old_bytes():
    written = attributes_of_old(INFO, 0o600)
    attributes = written.of_object(2_000_000_001)
    assert attributes.metadata == {"mine": "yes", "mtime": "2.000000001", "mode": "100600"}
    assert attributes.content_type == "text/x-own"
    assert attributes.headers == {"cache-control": "no-store"}
    assert attributes.storage_class == "STANDARD_IA"


@pytest.mark.parametrize(("mode", "kept"), [(0o100755, "100755"), (0o644, None), (None, None)])
def test_only_a_mode_that_is_not_the_usual_one_is_kept(mode, kept):
    assert attributes_of_new("run.sh", mode).of_object(0).metadata.get("mode") == kept


def test_the_content_type_of_a_new_file_follows_its_name():
    assert attributes_of_new("a/b.html", None).content_type == "text/html"
    assert attributes_of_new("a/b", None).content_type is None


def test_a_time_that_was_set_is_stronger_than_that_of_the_last_write():
    assert WrittenAttributes(mtime_ns=3).of_object(9).metadata["mtime"] == "0.000000003"


@pytest.mark.parametrize("target", ["../a b", "é", "\udcff\udcfe", "/abs", "100%"])
def test_the_target_of_a_link_comes_back(target):
    metadata = write_link(target, 1)
    assert all(value.isascii() for value in metadata.values())
    assert read_link(metadata) == target


def test_another_object_is_no_link():
    assert read_link({"mine": "yes"}) is None
