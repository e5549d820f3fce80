import pytest

from s3d.shared.control import BucketInfo, Listing, ObjectInfo
from s3d.tui.directory_listing import UP, DirectoryListing, SortOrder
from s3d.tui.panes.listing_rows import (
    ObjectRows,
    bucket_rows,
    empty_text,
    listing_columns,
    place_text,
)
from s3d.tui.themes import ASCII


def listing(*keys, **states):
    listing = DirectoryListing(("b", "p/"))
    objects = [ObjectInfo("b", f"p/{key}", 5, '"e"', 100.0) for key in keys]
    listing.add(Listing(objects, ["p/d/"], "", {f"p/{key}": word for key, word in states.items()}))
    return listing


def test_the_first_row_leads_up_and_the_others_are_made_when_seen():
    rows = ObjectRows(listing("x", x="held"), glyphs=ASCII, now=160.0, has_words=True)
    assert [rows.id(n) for n in range(len(rows))] == [UP, "p/d/", "p/x"]
    assert rows[1].cells[0] == "d/"
    assert rows[2].cells == ("x", "5 B", "1 min", "| held")
    assert rows[2].style == "odd"
    narrow = ObjectRows(listing("x", x="held"), glyphs=ASCII, now=160.0, has_words=False)
    assert narrow[2].cells[3] == "|"


def test_buckets_are_filtered_in_any_case():
    buckets = [BucketInfo("Pix", 0.0), BucketInfo("logs", 40.0)]
    assert [row.id for row in bucket_rows(buckets, "PI", 100.0)] == ["Pix"]
    assert [row.cells[2] for row in bucket_rows(buckets, "", 100.0)] == ["", "1 min"]


def test_the_order_is_in_its_title():
    titles = [column.title for column in listing_columns(SortOrder("size", True))]
    assert titles == ["Name", "Size v", "Modified", "State"]
    assert listing_columns(SortOrder(), has_words=False)[3].width == 1


@pytest.mark.parametrize(
    ("values", "empty", "place"),
    [
        ({"is_loading": True}, "listing b/p/", " b/p/: 1+, loading: esc stops"),
        ({"error": "why"}, "why", " b/p/: error"),
        ({"deep": True}, "No objects. u uploads some.", " b/p/ and all below: 1 row"),
        ({}, "No objects. u uploads some.", " b/p/: 1 row"),
    ],
)
def test_what_a_listing_is_at_is_said(values, empty, place):
    found = listing()
    for name, value in values.items():
        setattr(found, name, value)
    assert empty_text(found) == empty
    assert place_text(found, 2, is_bookmarked=False) == place
    assert place_text(found, 2, is_bookmarked=True).endswith("  bookmarked")


def test_a_filter_is_said_with_what_it_leaves():
    found = listing("x", "y")
    found.search("x")
    assert place_text(found, 2, is_bookmarked=False) == " b/p/: 1 of 3 keys  filter: x"
    assert empty_text(found) == "No match for x in 3 keys; enter: search all."
    assert empty_text(DirectoryListing()) == "No bucket. n makes one."
    assert place_text(DirectoryListing(), 2, is_bookmarked=False) == " all buckets: 2 buckets"
