"""The table of buckets or objects: reads a listing page by page, filters and sorts it."""

from __future__ import annotations

from contextlib import aclosing, suppress

from textual import work
from textual.events import Event
from textual.message import Message

from s3d.shared.control import ObjectInfo
from s3d.shared.text import safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused, listing_pages
from s3d.tui.columns import Column
from s3d.tui.deleted_objects import DeletedObjects
from s3d.tui.directory_listing import ORDERS, UP, DirectoryListing
from s3d.tui.host import Host, host_of
from s3d.tui.panes.deleted_rows import read_deleted
from s3d.tui.panes.listing_columns import layout_for
from s3d.tui.panes.listing_rows import ObjectRows, bucket_rows, empty_text, longest_name
from s3d.tui.places import HOME
from s3d.tui.screens.dialogs import Choice
from s3d.tui.table import Table
from s3d.tui.themes import Glyphs
from s3d.tui.type_ahead import is_about_rows

MAX_REFRESHED = 5_000
"""Rows up to which a listing is read again when something in it has changed."""
BUCKET_COLUMNS = (Column("Name"), Column("Created", 10, right=True))


class ListingTable(Table):
    """listing: what is shown. It is replaced, never emptied, when another place is shown."""

    class Listed(Message):
        """Other rows are shown. page: number of the page that has arrived; 0 when none has."""

        def __init__(self, page: int) -> None:
            self.page = page
            super().__init__()

    def __init__(self, *, glyphs: Glyphs, id: str) -> None:
        super().__init__(BUCKET_COLUMNS, glyphs=glyphs, empty="Nothing is here.", marks=True, id=id)
        self.marks.unmarkable = frozenset({UP})
        self.listing = DirectoryListing()
        self._layout = layout_for(0, 0)
        self._select = ""
        """The row that the cursor goes to when it has arrived."""
        self._before_filter = ""
        """The row under the cursor when the filter was begun."""
        self.deleted: DeletedObjects | None = None
        """What was deleted below the place; None while that is not shown."""
        self.is_outdated = False
        """Something in the listing has changed since it was read."""

    @property
    def host(self) -> Host:
        return host_of(self)

    def holds_key(self, event: Event) -> bool:
        """Whether a key is about rows of a place that was opened and has none yet."""
        return self.listing.is_loading and not self.listing.pages and is_about_rows(event)

    @property
    def current_id(self) -> str:
        """Bucket, prefix or key under the cursor; empty when there is none, or it leads up."""
        row = self.current
        return row.id if row is not None and row.id != UP else ""

    @property
    def current_object(self) -> ObjectInfo | None:
        """The object under the cursor."""
        return self.listing.find_object(self.current_id)

    def show_listing(self, page: int = 0) -> None:
        """Show the rows of the listing, or of the buckets in the State."""
        listing = self.listing
        self.empty = empty_text(listing)
        if listing.place == HOME:
            self.columns = BUCKET_COLUMNS
            self.show(bucket_rows(self.host.state.buckets, listing, self.host.clock()))
        else:
            width = self.scrollable_content_region.width or self.host.size.width
            self._layout = layout_for(width, longest_name(listing))
            self.columns = self._layout.columns(listing.order)
            rows = ObjectRows(listing, self._layout, glyphs=self.glyphs, clock=self.host.clock)
            self.show(rows, rows.id, rows.find)
        self.post_message(self.Listed(page))

    def open(self, listing: DirectoryListing, select: str = "") -> None:
        """Read and show another listing. select: the row that the cursor goes to, or the start of
        its name."""
        self.listing, self._select = listing, select
        listing.is_loading = bool(listing.bucket)
        self.unmark()
        self.show([])
        self.load()

    @work(exclusive=True, group="listing", exit_on_error=False)
    async def load(self) -> None:
        """Read all pages, and show each when it arrives."""
        listing = self.listing
        if not listing.bucket:
            self.show_listing()
            self.go(self._select) if self._select else self.action_move(-1, "all")
            self.host.feed.poll_now()
            return
        self.show_listing()
        try:
            await self._read_pages(listing, is_shown=True)
        except (AgentUnreachable, RequestRefused) as error:
            listing.error = safe(str(error))
        finally:
            listing.is_loading = False
            self.show_listing()

    async def _read_pages(self, listing: DirectoryListing, *, is_shown: bool) -> None:
        """Add all pages to a listing. Raises AgentUnreachable, RequestRefused."""
        pages = listing_pages(
            self.host.agent, listing.bucket, listing.prefix, deep=listing.deep,
            key_states=self.host.state.has_remote,
        )  # fmt: skip
        async with aclosing(pages):
            async for page in pages:
                listing.add(page)
                listing.is_loading = bool(page.cursor)
                if is_shown:
                    self.show_listing(listing.pages)
                    self._go_to_selected()
        if self.deleted is not None:
            self.deleted = await read_deleted(self.host.agent, listing)
            listing.add_deleted(self.deleted)

    def _go_to_selected(self) -> None:
        """Put the cursor on the row that was asked for, once it is there, unless it was moved."""
        if not self._select or self.cursor.line:
            self._select = ""
            return
        if self.listing.has_reached(self._select):
            self.go(self.listing.first_with(self._select))
            self._select = ""

    def toggle_deleted(self) -> None:
        """Show or hide objects that were deleted from a versioned bucket."""
        self.deleted = DeletedObjects() if self.deleted is None else None
        if self.listing.bucket:
            self.read_again()

    def note_change(self, bucket: str, key: str) -> None:
        """An object, or a bucket when key is empty, was created, changed or deleted."""
        if not key:
            self.host.feed.poll_now()
        elif bucket == self.listing.bucket and key.startswith(self.listing.prefix):
            self.is_outdated = True

    def refresh_if_outdated(self) -> None:
        listing = self.listing
        if self.is_outdated and not listing.is_loading and listing.total <= MAX_REFRESHED:
            self.is_outdated = False
            self.read_again()

    @work(exclusive=True, group="refresh", exit_on_error=False)
    async def read_again(self) -> None:
        """Read a new listing beside the one that is shown, so that no row jumps and marks stay."""
        old = self.listing
        listing = DirectoryListing(old.place, old.deep, old.order)
        with suppress(AgentUnreachable, RequestRefused):
            await self._read_pages(listing, is_shown=False)
            if self.listing is old:  # no other place was opened meanwhile
                listing.search(old.filter.text)
                self.listing = listing
                self.show_listing()

    def search(self, text: str) -> None:
        """Show only what matches a filter, with the cursor on the first match. Without a filter,
        the cursor stays on its match, or is where it was before one that nothing matched. Raises
        Unmatchable."""
        above = 0 if self.listing.place == HOME else 1  # the row that leads up
        had_match = len(self.rows) > above
        if not self.listing.filter.text:
            self._before_filter = self.cursor.id
        self.listing.search(text)
        self.show_listing()
        if not text and not had_match:
            self.go(self._before_filter)
        elif text and len(self.rows) > above:
            self._move_to(above)

    def on_resize(self) -> None:
        self.show_listing()

    def sort(self, order: str) -> None:
        self.listing.sort(order)
        self.show_listing()

    def choose_order(self) -> None:
        choices = [Choice(order[0], order, order) for order in ORDERS]
        self.host.prompts.choose("Sort by (repeat to reverse)", choices, self.sort)

    def on_table_header_clicked(self, event: Table.HeaderClicked) -> None:
        is_buckets = self.listing.place == HOME
        if order := "" if is_buckets else self._layout.order_of(event.column):
            self.sort(order)
