"""What is remembered of one folder: its listing, and what was seen and changed since."""

from __future__ import annotations

from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry, folder_entry
from s3d.agent.frontends.fuse.remembered_folder import MARKER_NAME, Contents, RememberedFolder


def file(name: str, size: int = 1) -> Entry:
    return Entry(name, name, FILE_MODE, size, etag='"e"')


def listed(*entries: Entry, marker: str | None = None) -> RememberedFolder:
    folder = RememberedFolder(0)
    folder.entries = {entry.name: entry for entry in entries}
    folder.is_complete, folder.marker = True, marker
    return folder


def test_only_a_complete_listing_tells_the_contents() -> None:
    folder = listed(file("a"), marker='"m"')
    assert folder.contents() == Contents([file("a")], '"m"', [])
    folder.is_complete = False
    assert folder.contents() is None


def test_what_was_seen_since_the_listing_belongs_to_the_contents() -> None:
    folder = listed(file("a"), file("b"), file("c"))
    for name, entry in (("a", None), ("b", file("b", 2)), ("new", file("new"))):
        folder.note(name)
        folder.names[name] = 0.0, entry
    folder.note("c")
    assert folder.contents() == Contents([file("b", 2), file("c"), file("new")], None, ["c"])


def test_a_marker_that_was_stored_is_known_without_its_etag() -> None:
    folder = listed(marker='"m"')
    folder.note(MARKER_NAME)
    folder.marker = ""
    assert folder.contents() == Contents([], "", [])
    folder.marker = None  # removed, or changed otherwise
    assert folder.contents() == Contents([], None, [MARKER_NAME])


def test_a_folder_that_has_moved_is_known_as_before() -> None:
    folder = listed(file("a"), folder_entry("sub"), marker='"m"')
    folder.names["new"] = 5.0, file("new")
    folder.note("unsure")
    folder.until = 7.0
    before, moved = folder.contents(), folder.moved(9)
    assert moved.contents() == before
    assert (moved.until, moved.is_current(8, "a"), moved.is_current(9, "a")) == (7.0, False, True)


def test_an_object_and_the_folder_that_hides_it_change_together() -> None:
    folder = listed(folder_entry("a"))
    assert folder.has_folder("a")
    folder.note_component("a")
    assert folder.stale == {"a", "a%s3d-object"}
