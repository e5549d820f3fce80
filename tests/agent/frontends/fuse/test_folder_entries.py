"""Entries of listings, wherever their pages end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.frontends.fuse.folder_entries import (
    FILE_MODE,
    FOLDER_MODE,
    Entry,
    PageMerger,
    file_entry,
    folder_entry,
    to_nanoseconds,
)
from s3d.shared.control import Listing, ObjectInfo

SEGMENTS = st.sampled_from(["", "a", "a!", "a-", "a0", "b", "."])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join).filter(bool)


def pages_of(keys: set[str], size: int) -> list[Listing]:
    """As ListObjectsV2 with the delimiter "/" answers."""
    rows = sorted({key.split("/")[0] + "/" if "/" in key else key for key in keys})
    pages = []
    for n in range(0, len(rows), size):
        page = rows[n : n + size]
        objects = [ObjectInfo("b", row, 1, '"e"', 1.5) for row in page if row[-1] != "/"]
        prefixes = [row for row in page if row[-1] == "/"]
        pages.append(Listing(objects, prefixes, "more" if n + size < len(rows) else ""))
    return pages


@given(st.sets(KEYS, min_size=1, max_size=12), st.integers(1, 4))
def test_entries_do_not_depend_on_where_pages_end(keys: set[str], size: int) -> None:
    merger = PageMerger("")
    entries = [entry for page in pages_of(keys, size) for entry in merger.add(page)]
    folders = {key.split("/")[0] for key in keys if "/" in key}
    objects = {key for key in keys if "/" not in key}
    assert sorted((entry.component, entry.is_folder) for entry in entries) == sorted(
        [(name, True) for name in folders] + [(name, False) for name in objects]
    )
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        hidden = not entry.is_folder and entry.component in folders
        assert entry.name.endswith("%s3d-object") == hidden


def test_the_marker_of_the_folder_itself_is_no_entry() -> None:
    merger = PageMerger("d/")
    marker = ObjectInfo("b", "d/", 0, '"e"', 1.0)
    assert list(merger.add(Listing([marker], []))) == []
    assert merger.marker is marker


def test_what_no_listing_of_the_folder_can_have_is_left_out() -> None:
    objects = [
        ObjectInfo("b", key, 1, '"e"', 1.0)
        for key in ("d/../../etc", "/abs", "e/f", "x", "d/a/b", "d/ok", "d/sub/", "d")
    ]
    page = Listing(objects, ["d/s/", "d/no-slash", "other/", "d/s/t/", "", "/", "d/", "d//"])
    entries = sorted(PageMerger("d/").add(page))
    assert [(entry.name, entry.is_folder) for entry in entries] == [
        ("%s3d-name", True),
        ("ok", False),
        ("s", True),
    ]


def test_what_a_listing_says() -> None:
    file = file_entry("f", ObjectInfo("b", "d/f", 5, '"e"', 1_700_000_000.123))
    assert file == Entry("f", "f", FILE_MODE, 5, 1_700_000_000_123_000_000, '"e"')
    assert not file.is_folder
    assert folder_entry("d").mode == FOLDER_MODE
    assert folder_entry("d").is_folder


def test_times_are_exact_to_the_microsecond() -> None:
    assert to_nanoseconds(1_700_000_000.000001) == 1_700_000_000_000_001_000
