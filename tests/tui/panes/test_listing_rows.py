import pytest

from s3d.shared.control import BucketInfo, Listing, ObjectInfo
from s3d.tui.directory_listing import UP, DirectoryListing
from s3d.tui.panes.listing_columns import Layout
from s3d.tui.panes.listing_rows import (
    ObjectRows,
    bucket_rows,
    empty_text,
    longest_name,
    place_text,
)
from s3d.tui.themes import ASCII


def listing(*keys, **states):
    listing = DirectoryListing(("b", "p/"))
    objects = [ObjectInfo("b", f"p/{key}", 5, '"e"', 100.0) for key in keys]
    listing.add(Listing(objects, ["p/d/"], "", {f"p/{key}": word for key, word in states.items()}))
    return listing


WIDE = Layout(("size", "modified", "word"), 40)


def rows_of(found, layout=WIDE):
    return ObjectRows(found, layout, glyphs=ASCII, clock=lambda: 160.0)


def test_the_first_row_leads_up_and_the_others_are_made_when_seen():
    rows = rows_of(listing("x", x="held"))
    assert [rows.id(n) for n in range(len(rows))] == [UP, "p/d/", "p/x"]
    assert rows[1].cells[0] == "d/"
    assert rows[2].cells == ("x", "5 B", "1 min", "| held")
    assert rows[2].style == "odd"
    assert rows_of(listing("x", x="held"), Layout(("sign",), 9))[2].cells == ("x", "|")


@pytest.mark.finding("tui-12")
def test_long_names_show_where_they_differ():
    found = listing(
        *(f"part-{n:05}-9f1c2b7e-77aa-4c12-8a3e-0123456789ab.parquet" for n in range(9))
    )
    names = [row.cells[0] for row in rows_of(found, Layout((), 22))][2:]
    assert len(set(names)) == 9
    assert names[3] == "part-00003-9f~.parquet"


@pytest.mark.finding("tui-8")
def test_what_the_filter_has_found_is_marked():
    found = listing("abc-needle-xyz", "needle")
    found.search("needle")
    wide, narrow = rows_of(found), rows_of(found, Layout((), 9))
    assert [row.hits for row in wide][1:] == [((4, 10),), ((0, 6),)]
    text, ((start, end),) = narrow[1].cells[0], narrow[1].hits
    assert text[start:end] == "needle"[: end - start]
    assert longest_name(found) == 14


def test_buckets_are_filtered_in_any_case():
    buckets = [BucketInfo("pix", 0.0), BucketInfo("logs", 40.0)]

    def rows_of_buckets(typed):
        found = DirectoryListing()
        found.search(typed)
        return bucket_rows(buckets, found, 100.0)

    assert [row.id for row in rows_of_buckets("PI")] == ["pix"]
    assert [row.cells[1] for row in rows_of_buckets("")] == ["", "1 min"]
    assert [row.id for row in rows_of_buckets("~^l")] == ["logs"]


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
