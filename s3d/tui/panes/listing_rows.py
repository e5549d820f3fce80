"""A directory listing as texts: its rows, its columns, and the text for an empty one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s3d.shared.control import BucketInfo
from s3d.shared.text import age, count, safe, size
from s3d.tui.directory_listing import UP, DirectoryListing, Item, SortOrder
from s3d.tui.table import Column, Row
from s3d.tui.themes import Glyphs

COLUMN_ORDERS = ("name", "size", "modified", "")
"""The order that a click on the header of each column chooses."""
_STYLES = {"failed": "bad", "held": "odd", "pending": "odd"}


class ObjectRows(Sequence[Row]):
    """The rows of a listing, each made when it is drawn: there may be a million.

    The first row leads to the parent prefix. has_words: the state of a key is a sign and a word,
    else only a sign. now: Unix seconds.
    """

    def __init__(
        self, listing: DirectoryListing, *, glyphs: Glyphs, now: float, has_words: bool
    ) -> None:
        self._listing, self._glyphs = listing, glyphs
        self._now, self._has_words = now, has_words

    def __len__(self) -> int:
        return len(self._listing.shown) + 1

    def id(self, n: int) -> str:
        """The id of a row, without making the row: the key, or the prefix."""
        if n == 0:
            return UP
        item = self._listing.shown[n - 1]
        return item if isinstance(item, str) else item.key

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        return self._row(self._listing.shown[n - 1]) if n else Row(UP, ("../", "", "", ""))

    def _row(self, item: Item) -> Row:
        label = self._listing.label(item)
        if isinstance(item, str):
            return Row(item, (label, "", "", ""), "bold")
        state = self._listing.key_states.get(item.key, "")
        sign = _sign(state, self._glyphs)
        if state and self._has_words:
            sign += f" {state}"
        cells = (label, size(item.size), _ago(item.last_modified, self._now), sign)
        return Row(item.key, cells, _STYLES.get(state, ""))


def bucket_rows(buckets: Iterable[BucketInfo], name_filter: str, now: float) -> list[Row]:
    """The rows of the list of buckets whose names contain the filter, in any case."""
    return [
        Row(bucket.name, (f"{bucket.name}/", "", _ago(bucket.created, now), ""))
        for bucket in buckets
        if name_filter.lower() in bucket.name.lower()
    ]


def _ago(at: float, now: float) -> str:
    return age(now - at) if at else ""


def _sign(state: str, glyphs: Glyphs) -> str:
    signs = {
        "pending": glyphs.up, "failed": glyphs.bad, "held": glyphs.held, "pinned": glyphs.pin,
        "cached": glyphs.on, "partial": glyphs.part,
    }  # fmt: skip
    return signs.get(state, "")


def listing_columns(order: SortOrder, *, has_words: bool = True) -> list[Column]:
    """The columns, with the direction in the title of the one that is sorted by."""

    def title(text: str, field: str) -> str:
        if order.field != field:
            return text
        return f"{text} {'v' if order.is_reversed else '^'}"

    return [
        Column(title("Name", "name")),
        Column(title("Size", "size"), 10, right=True),
        Column(title("Modified", "modified"), 10, right=True),
        Column("State", 9) if has_words else Column("", 1),
    ]


def empty_text(listing: DirectoryListing) -> str:
    """What is shown in place of rows."""
    if not listing.bucket:
        name_filter = listing.filter.text.lower()
        return f"No match for {name_filter}." if name_filter else "No bucket. n makes one."
    if listing.is_loading:
        return f"listing {safe(listing.name)}"
    if listing.error:
        return listing.error
    if listing.filter.text:
        filtered = f"No match for {safe(listing.filter.text)} in {listing.total:,} keys"
        return f"{filtered}; enter: search all."
    return "No objects. u uploads some."


def place_text(listing: DirectoryListing, row_count: int, *, is_bookmarked: bool) -> str:
    """The bar above the rows: where, how many rows, and whether more arrive."""
    name = safe(listing.name) if listing.bucket else "all buckets"
    star = "  bookmarked" if is_bookmarked else ""
    deep = " and all below" if listing.deep else ""
    return f" {name}{deep}: {_amount_text(listing, row_count)}{star}"


def _amount_text(listing: DirectoryListing, row_count: int) -> str:
    if not listing.bucket:
        return count(row_count, "bucket")
    if listing.error:
        return "error"
    shown, total = len(listing.shown), listing.total
    more = "+, loading: esc stops" if listing.is_loading else ""
    if listing.filter.text:
        amount = f"{shown:,} of {total:,}{more}" + ("" if more else " keys")
        return f"{amount}  filter: {safe(listing.filter.text)}"
    return f"{total:,}{more}" if more else count(total, "row")
