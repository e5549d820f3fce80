import pytest

from s3d.shared.caching import CacheState
from s3d.shared.control import BucketInfo, ObjectInfo, ObjectStatus
from s3d.shared.receipts import Receipt
from s3d.shared.text import moment
from s3d.shared.transfers import Transfer, TransferError
from s3d.tui.panes.inspector_lines import (
    SECTIONS,
    bucket_lines,
    info_lines,
    meta_lines,
    tag_lines,
    version_lines,
)

HOSTILE = "\x1b[31m[red]"


def status(**more):
    return ObjectStatus("b", f"k{HOSTILE}", 1234, '"e"', 0.0, **more)


def test_four_sections():
    assert SECTIONS == ("Info", "Meta", "Tags", "Versions")


def test_all_that_is_known_is_told_as_text():
    error = TransferError("AccessDenied", HOSTILE)
    write = Transfer("7", "push", "put", "b", "k", 1, "failed", 0.0, error=error)
    found = status(
        version_id="v1", state="failed", pending=[write], remote_error="away",
        cache=CacheState(617, 1234, True), tags={HOSTILE: "x"}, checksums={"CRC32": "abc"},
    )  # fmt: skip
    text = "\n".join(info_lines(found))
    for wanted in ("1,234 B", "version v1", "state failed", "remote away", "617 B (50%), pinned",
                   "write 7 put failed: AccessDenied"):  # fmt: skip
        assert wanted in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("held", "size", "pinned", "text"),
    [
        (0, 0, False, "not cached"),
        (0, 9, True, "not cached, pinned"),
        (9, 9, False, "cache 9 B (100%)"),
    ],
)
def test_what_is_not_cached_has_no_share(held, size, pinned, text):
    assert text in info_lines(status(cache=CacheState(held, size, pinned)))


def test_receipts_say_of_which_version_they_are():
    values = {"previous": "", "device": "d", "remote": "r", "bucket": "b", "key": "k", "size": 1,
              "algorithm": "MD5", "checksum": "c", "operation": "HeadObject"}  # fmt: skip
    receipts = [Receipt(sequence=2, etag='"e"', verified=60.0, **values),
                Receipt(sequence=1, etag='"old"', verified=0.0, **values)]  # fmt: skip
    lines = info_lines(status(receipts=receipts))
    assert [line for line in lines if line.startswith("receipt")] == [
        f"receipt {moment(60.0)}, MD5", f"receipt {moment(0.0)}, MD5, of an earlier version",
    ]  # fmt: skip


def test_metadata_headers_and_tags():
    found = status(content_type="text/plain", headers={"Cache-Control": "no"}, metadata={"m": "1"})
    assert "cache-control = no" in meta_lines(found)
    assert "  m = 1" in meta_lines(found)
    assert meta_lines(status())[-1] == "  none"
    assert tag_lines(status())[0] == "no tags"
    assert tag_lines(status(tags={"a": HOSTILE}))[0] == "  a = ␛[31m[red]"


def test_versions_and_a_bucket():
    rows = [ObjectInfo("b", "k", 5, '"e"', 0.0, version_id="v2"), ObjectInfo("b", "k", 0, "", 0.0)]
    text = "\n".join(version_lines(rows))
    for wanted in ("5 B", "v2", "delete marker", "null"):
        assert wanted in text
    assert version_lines([])[0] == "no versions"
    text = "\n".join(bucket_lines(BucketInfo("b", 0.0, 3, 4096, {"t": "v"}, "Enabled")))
    for wanted in ("3 objects, 4 KiB", "versioning Enabled", "  t = v"):
        assert wanted in text


@pytest.mark.finding("tui-23")
def test_what_is_wrong_comes_before_what_is_long():
    error = TransferError("AccessDenied", "no")
    write = Transfer("7", "push", "put", "b", "k", 1, "failed", 0.0, error=error)
    lines = info_lines(status(pending=[write], checksums={"SHA256": "x" * 64}))
    assert lines[0] == "write 7 put failed: AccessDenied no"
