from s3d.shared.caching import CacheState
from s3d.shared.control import BucketInfo, ObjectInfo, ObjectStatus
from s3d.shared.transfers import Transfer, TransferError
from s3d.tui.panes.inspector import TABS, _bucket, _info, _meta, _tags, _versions

HOSTILE = "\x1b[31m[red]"


def status(**more):
    return ObjectStatus("b", f"k{HOSTILE}", 1234, '"e"', 0.0, **more)


def test_four_tabs():
    assert TABS == ("Info", "Meta", "Tags", "Versions")


def test_all_that_is_known_is_told_as_text():
    error = TransferError("AccessDenied", HOSTILE)
    write = Transfer("7", "push", "put", "b", "k", 1, "failed", 0.0, error=error)
    found = status(
        version_id="v1", state="failed", pending=[write], remote_error="away",
        cache=CacheState(617, 1234, True), tags={HOSTILE: "x"}, checksums={"CRC32": "abc"},
    )  # fmt: skip
    text = "\n".join(_info(found))
    for wanted in ("1,234 B", "version v1", "state failed", "remote away", "617 B (50%), pinned",
                   "CRC32 abc", "write 7 put failed: AccessDenied"):  # fmt: skip
        assert wanted in text
    assert "\x1b" not in text


def test_metadata_headers_and_tags():
    found = status(content_type="text/plain", headers={"Cache-Control": "no"}, metadata={"m": "1"})
    assert "cache-control = no" in _meta(found)
    assert "  m = 1" in _meta(found)
    assert _meta(status())[-1] == "  none"
    assert _tags(status())[0] == "no tags"
    assert _tags(status(tags={"a": HOSTILE}))[0] == "  a = ␛[31m[red]"


def test_versions_and_a_bucket():
    rows = [ObjectInfo("b", "k", 5, '"e"', 0.0, version_id="v2"), ObjectInfo("b", "k", 0, "", 0.0)]
    text = "\n".join(_versions(rows))
    for wanted in ("5 B", "v2", "delete marker", "null"):
        assert wanted in text
    assert _versions([])[0] == "no versions"
    text = "\n".join(_bucket(BucketInfo("b", 0.0, 3, 4096, {"t": "v"}, "Enabled")))
    for wanted in ("3 objects, 4 KiB", "versioning Enabled", "  t = v"):
        assert wanted in text
