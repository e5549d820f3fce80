"""A directory listing as texts: its rows, the place above them, the text for an empty one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len

from s3d.shared.control import BucketInfo
from s3d.shared.text import count, safe
from s3d.tui.directory_listing import UP, DirectoryListing
from s3d.tui.match import NameFilter
from s3d.tui.name_elision import difference, shorten
from s3d.tui.panes.listing_columns import Layout, ago
from s3d.tui.table import Row
from s3d.tui.themes import Glyphs

MEASURED = 500
"""Names of a listing whose lengths decide on the columns."""
_STYLES = {"failed": "bad", "held": "odd", "pending": "odd", "deleted": "dim"}


class ObjectRows(Sequence[Row]):
    """The rows of a listing, each made when it is drawn: there may be a million.

    The first row leads to the parent prefix. clock: Unix seconds; ages grow while rows are shown.
    """

    def __init__(
        self,
        listing: DirectoryListing,
        layout: Layout,
        *,
        glyphs: Glyphs,
        clock: Callable[[], float],
    ) -> None:
        self._listing, self._layout = listing, layout
        self._glyphs, self._clock = glyphs, clock

    def __len__(self) -> int:
        return len(self._listing.shown) + 1

    def id(self, n: int) -> str:
        """The id of a row, without making the row: the key, or the prefix."""
        if n == 0:
            return UP
        return self._listing.shown.id_at(n - 1)

    def find(self, id: str) -> int:
        """The line of a row; -1 when it is not shown."""
        found = self._listing.shown.find(id)
        return 0 if id == UP else found + 1 if found >= 0 else -1

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        if n == 0:
            return Row(UP, ("../", *("" for _ in self._layout.fields)))
        return self._row(n - 1)

    def _row(self, n: int) -> Row:
        listing, item = self._listing, self._listing.shown[n]
        is_prefix = isinstance(item, str)
        id = item if isinstance(item, str) else item.key
        state = listing.key_states.get(id, "")
        name, hits = self._name(n, safe(listing.label(item)))
        cells = self._layout.cells(item, state, now=self._clock(), glyphs=self._glyphs)
        style = _STYLES.get(state, "bold" if is_prefix else "")
        return Row(id, (name, *cells), style, hits)

    def _name(self, n: int, label: str) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The name as there is room for it, and the parts of it that the filter has found."""
        more, hits = self._glyphs.more, self._listing.filter.hits(label)
        if cell_len(label) <= self._layout.name_width:
            return label, tuple(hits)
        shown = self._listing.shown
        beside = [
            safe(self._listing.label(shown.id_at(m))) for m in (n - 1, n + 1) if 0 <= m < len(shown)
        ]
        at = hits[0][0] if hits else difference(label, *beside)
        short = shorten(label, self._layout.name_width, at, more)
        return short.text, tuple(place for hit in hits for place in short.place_of(hit, len(more)))


def longest_name(listing: DirectoryListing) -> int:
    """Cells of the longest of the first names."""
    some = (listing.shown.id_at(n) for n in range(min(len(listing.shown), MEASURED)))
    return max((cell_len(listing.label(id)) for id in some), default=0)


def bucket_rows(buckets: Iterable[BucketInfo], listing: DirectoryListing, now: float) -> list[Row]:
    """The rows of the list of buckets whose names the filter lets pass; they have no capitals."""
    typed = listing.filter.text
    name_filter = NameFilter(typed if typed.startswith("~") else typed.lower())
    return [
        Row(
            bucket.name, (f"{bucket.name}/", ago(bucket.created, now)),
            hits=tuple(name_filter.hits(bucket.name)),
        )
        for bucket in buckets
        if name_filter.matches(bucket.name)
    ]  # fmt: skip


def empty_text(listing: DirectoryListing) -> str:
    """What is shown in place of rows."""
    if not listing.bucket:
        name_filter = safe(listing.filter.text)
        return f"No match for {name_filter}." if name_filter else "No bucket. n makes one."
    if listing.is_loading:
        return f"listing {safe(listing.name)}"
    if listing.error:
        return listing.error
    if listing.filter.text:
        filtered = f"No match for {safe(listing.filter.text)} in {listing.total:,} keys"
        return f"{filtered}; enter: search all."
    return "No objects. u uploads some."


def place_text(
    listing: DirectoryListing,
    row_count: int,
    *,
    is_bookmarked: bool = False,
    shows_deleted: bool = False,
) -> str:
    """The bar above the rows: where, how many rows, and whether more arrive."""
    name = safe(listing.name) if listing.bucket else "all buckets"
    star = "  bookmarked" if is_bookmarked else ""
    deep = " and all below" if listing.deep else ""
    deep += " with deleted objects" if shows_deleted and listing.bucket else ""
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
