"""Metadata describe the version that they are of, and no other one."""

from __future__ import annotations

from pathlib import Path

from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.metadata_table import FileMetadata, MetadataTable
from s3d.shared.control import ObjectInfo


def entry(etag: str) -> Entry:
    return Entry("f", "f", FILE_MODE, 5, 1, etag)


def test_metadata_of_the_same_version_describe_a_file() -> None:
    memory = MetadataMemory()
    info = ObjectInfo("b", "f", 5, '"e1"', 1.0, metadata={"mtime": "2.5", "mode": "100600"})
    memory.note(info)
    described = memory.describe("b", "f", entry("e1"))
    assert (described.mtime_ns, described.mode) == (2_500_000_000, 0o100600)
    assert memory.describe("b", "f", entry("e2")) == entry("e2")
    assert memory.describe("b", "other", entry("e1")) == entry("e1")


def test_an_object_without_such_metadata_takes_no_memory() -> None:
    memory = MetadataMemory()
    memory.put("b", "f", FileMetadata("e1", 7))
    memory.note(ObjectInfo("b", "f", 5, "e1", 1.0, metadata={"mtime": "no time"}))
    assert memory.describe("b", "f", entry("e1")) == entry("e1")
    memory.put("b", "f", FileMetadata("e1", None, 0o755))
    assert memory.describe("b", "f", entry("e1")) == entry("e1")._replace(mode=0o100755)


def test_an_answer_to_an_older_request_does_not_replace_what_was_set_since() -> None:
    memory = MetadataMemory()
    before = memory.get("b", "f")
    memory.put("b", "f", FileMetadata("e1", 7))
    answer = ObjectInfo("b", "f", 5, "e1", 1.0, metadata={"mtime": "2.5"})
    memory.note(answer, before)
    assert memory.describe("b", "f", entry("e1")).mtime_ns == 7
    memory.note(answer, memory.get("b", "f"))
    assert memory.describe("b", "f", entry("e1")).mtime_ns == 2_500_000_000


def test_what_an_earlier_run_has_seen_describes_a_file_but_not_over_what_is_newer(
    tmp_path: Path,
) -> None:
    table = MetadataTable(tmp_path / "metadata.sqlite")
    before = MetadataMemory(table)
    for key in ("d/f", "d/g", "d/old"):
        before.put("b", key, FileMetadata("e1", 7, 0o600))
    before.move("b", [("d/old", "d/new")])
    before.close()
    after = MetadataMemory(MetadataTable(tmp_path / "metadata.sqlite"))
    after.put("b", "d/g", FileMetadata("e2", 9, 0o640))
    assert after.describe("b", "d/f", entry("e1")) == entry("e1")
    after.recall(("b", "d/"))
    seen = entry("e1")._replace(mtime_ns=7, mode=0o100600)
    assert after.describe("b", "d/f", entry("e1")) == seen
    assert after.describe("b", "d/f", entry("e2")) == entry("e2")
    assert after.describe("b", "d/g", entry("e2")).mtime_ns == 9
    assert after.describe("b", "d/new", entry("e1")) == seen
    assert after.describe("b", "d/old", entry("e1")) == entry("e1")
    after.close()


def test_what_an_earlier_run_has_seen_goes_along_with_a_folder(tmp_path: Path) -> None:
    before = MetadataMemory(MetadataTable(tmp_path / "metadata.sqlite"))
    for key in ("old/f", "old/sub/g", "other/h"):
        before.put("b", key, FileMetadata("e1", 7, 0o600))
    before.close()
    moving = MetadataMemory(MetadataTable(tmp_path / "metadata.sqlite"))
    moving.move("b", [(f"old/{name}", f"new/{name}") for name in ("f", "sub/g", "unknown")])
    seen = entry("e1")._replace(mtime_ns=7, mode=0o100600)
    assert moving.describe("b", "new/sub/g", entry("e1")) == seen
    moving.close()
    after = MetadataMemory(MetadataTable(tmp_path / "metadata.sqlite"))
    for folder in ("old/", "old/sub/", "new/", "new/sub/", "other/"):
        after.recall(("b", folder))
    for key, shown in (("new/f", seen), ("new/sub/g", seen), ("other/h", seen),
                       ("old/f", entry("e1")), ("new/unknown", entry("e1"))):  # fmt: skip
        assert after.describe("b", key, entry("e1")) == shown
    after.close()
