"""Buckets and objects of any number, one prefix at a time: the tree, the listing, the inspector."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from s3d.shared.text import safe, size
from s3d.tui.directory_listing import UP, DirectoryListing
from s3d.tui.match import Unmatchable
from s3d.tui.panes import listing_table
from s3d.tui.panes.bucket_tree import BucketTree
from s3d.tui.panes.inspector import Inspector
from s3d.tui.panes.listing_rows import place_text
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.panes.navigation import Navigation
from s3d.tui.panes.object_actions import ObjectActions
from s3d.tui.panes.pane import FilterInput, Pane
from s3d.tui.panes.second_pane import SecondPane
from s3d.tui.panes.side_views import SideViews
from s3d.tui.panes.two_panes import TwoPanes
from s3d.tui.places import HOME
from s3d.tui.table import Table
from s3d.tui.text_widgets import TextBar
from s3d.tui.themes import ASCII


class BucketsPane(Pane):
    """The listing is in the table; the tree and the inspector follow its cursor."""

    FOCUS = "#objects"
    WRITES = frozenset(
        ("object upload", "object delete", "object pin", "object move", "object new",
         "object tags", "object prefetch", "object evict", "object restore", "panes move")
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "object('view')", "View", id="buckets.view"),
        Binding("d", "object('download')", "Download", id="buckets.download"),
        Binding("u", "object('upload')", "Upload", id="buckets.upload"),
        Binding("D,delete", "object('delete')", "Delete", id="buckets.delete"),
        Binding("y", "object('copy')", "Copy", id="buckets.copy"),
        Binding("p", "object('pin')", "Pin", show=False, id="buckets.pin"),
        Binding("slash", "filter", "Filter", id="buckets.filter"),
        Binding("o", "object('sort')", "Sort", show=False, id="buckets.sort"),
        Binding("m", "object('move')", "Copy, move or rename", show=False, id="buckets.move"),
        Binding("n", "object('new')", "New bucket or prefix", show=False, id="buckets.new"),
        Binding("t", "object('tags')", "Edit tags", show=False, id="buckets.tags"),
        Binding("V", "object('versions')", "Versions, and restore one", show=False,
                id="buckets.versions"),
        Binding("S", "object('sizes')", "Sizes by prefix", show=False, id="buckets.sizes"),
        Binding("P", "object('properties')", "Properties of the bucket", show=False,
                id="buckets.properties"),
        Binding("full_stop", "object('deleted')", "Show deleted objects", show=False,
                id="buckets.deleted"),
        Binding("r", "object('restore')", "Restore a deleted object", show=False,
                id="buckets.restore"),
        Binding("f", "object('prefetch')", "Prefetch", show=False,
                id="buckets.prefetch"),
        Binding("E", "object('evict')", "Evict", show=False, id="buckets.evict"),
        Binding("plus", "object('preview')", "Preview, or more of it", show=False,
                id="buckets.preview"),
        Binding("w", "panes('toggle')", "Second pane", show=False, id="buckets.second"),
        Binding("W", "panes('other')", "Second pane: folder or bucket", show=False,
                id="buckets.second_place"),
        Binding("c", "panes('copy')", "Copy to the other pane", show=False,
                id="buckets.copy_across"),
        Binding("M", "panes('move')", "Move to the other pane", show=False,
                id="buckets.move_across"),
        Binding("i", "side('inspector')", "Inspector", show=False, id="buckets.inspector"),
        Binding("T", "side('tree')", "Tree of prefixes", show=False, id="buckets.tree"),
        Binding("left_square_bracket", "side('before')", "Inspector: tab before", show=False),
        Binding("right_square_bracket", "side('next')", "Inspector: next tab", show=False),
        Binding("h,left,backspace", "go('up')", "Parent folder", show=False, id="buckets.up"),
        Binding("ctrl+o", "go('back')", "Back", show=False, id="buckets.back"),
        Binding("ctrl+n", "go('forward')", "Forward", show=False, id="buckets.forward"),
        Binding("B", "go('bookmark')", "Bookmark this place", show=False, id="buckets.bookmark"),
        Binding("apostrophe", "go('bookmarks')", "Go to a bookmark", show=False,
                id="buckets.bookmarks"),
        Binding("escape", "step_back", "Back", show=False),
    ]  # fmt: skip

    def compose(self) -> ComposeResult:
        yield TextBar("place")
        yield FilterInput("filter", "text  !text  ~regex  -f letters")
        with Horizontal(id="level"):
            yield BucketTree("tree", ascii=self.glyphs is ASCII)
            yield ListingTable(glyphs=self.glyphs, id="objects")
            yield SecondPane("second", glyphs=self.glyphs)
            yield Inspector("inspector")

    def on_mount(self) -> None:
        self._filter_error = ""
        """Why the filter as typed so far is not valid."""
        self.side_views = SideViews(
            self.table, self.query_one(BucketTree), self.query_one(Inspector),
            leave_tree=self.take_focus,
        )  # fmt: skip
        level = self.query_one("#level")
        self.two_panes = TwoPanes(
            self.host, self.table, self.query_one(SecondPane), leave=self.take_focus,
            mark=lambda is_two: level.set_class(is_two, "-two"),
        )  # fmt: skip
        self._was_away = False
        """The remote or the agent was unreachable when the pane was last drawn."""
        self.navigation = Navigation(
            self.host, self.table, show=self._show_listing, refresh=self._draw_place
        )
        self.object_actions = ObjectActions(
            self.host, self.table, open_place=self.navigation.open_place, inspect=self.inspect,
            tree_place=self.side_views.focused_place,
            preview=self.query_one(Inspector).read_more,
        )  # fmt: skip

    @property
    def table(self) -> ListingTable:
        return self.query_one("#objects", ListingTable)

    def draw(self) -> None:
        """Only the list of buckets follows the State; a listing is read when it is opened."""
        self.side_views.show_buckets(self.state.buckets)
        self.query_one(SecondPane).draw()
        if self.table.listing.place == HOME:
            self.table.show_listing()
        else:
            self.table.refresh_if_outdated()
            self.table.refresh()  # ages grow
        status = self.state.status
        is_away = status is not None and status.remote is not None and status.remote.ok is False
        is_away = is_away or not self.state.connection.is_live
        if self._was_away and not is_away:  # what could not be read then
            if self.table.listing.error:
                self.navigation.reload()
            inspector = self.query_one(Inspector)
            if inspector.display:
                inspector.reveal()
        self._was_away = is_away

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why it is not possible for what is under the cursor: see object_offers."""
        name = str(parameters[0]) if parameters else ""
        if action == "object":
            return self.object_actions.refusal(name)
        return self.two_panes.refusal(name) if action == "panes" else ""

    def _draw_place(self) -> None:
        listing = self.table.listing
        is_bookmarked = listing.name in self.host.preferences.bookmarks
        text = place_text(
            listing, len(self.table.rows), is_bookmarked=is_bookmarked,
            shows_deleted=self.table.deleted is not None,
        )  # fmt: skip
        self.query_one("#place", TextBar).put(self._filter_error or text)

    def status(self) -> str:
        listing, marks = self.table.listing, self.table.marks.ids
        objects = [info for info in map(listing.find_object, marks) if info is not None]
        total = size(sum(info.size for info in objects))
        marked = f"{len(marks):,} marked, {total}   " if marks else ""
        if listing.error:
            return safe(f" {marked}ctrl+r tries again   error: {listing.error}")
        if self.table.is_outdated and listing.total > listing_table.MAX_REFRESHED:
            return safe(f" {marked}{listing.name} has changed since it was read   ctrl+r reloads")
        return safe(f" {marked}{listing.name if listing.bucket else 'all buckets'}")

    def _show_listing(self, listing: DirectoryListing, select: str) -> None:
        self.query_one(FilterInput).close()
        self._filter_error = ""
        self.table.open(listing, select)
        self.take_focus()
        self.inspect()

    def on_listing_table_listed(self, event: ListingTable.Listed) -> None:
        listing = self.table.listing
        self._draw_place()
        self.host.main.draw_foot()
        self.inspect()
        if event.page and not listing.deep:
            self.side_views.follow(listing)

    def on_table_opened(self, event: Table.Opened) -> None:
        listing = self.table.listing
        if event.row == UP:
            self.navigation.up()
        elif not listing.bucket:
            self.navigation.open_place((event.row, ""))
        elif listing.find_object(event.row) is None:
            self.navigation.open_place((listing.bucket, event.row))
        else:
            self.object_actions.view()

    def on_bucket_tree_chosen(self, event: BucketTree.Chosen) -> None:
        self.navigation.open_place(event.place)

    @on(Table.Moved)
    @on(Table.Marked)
    def inspect(self) -> None:
        """Show the details of what is under the cursor, and at the foot what is marked."""
        self.side_views.inspect()
        self.host.main.draw_foot()
        self.offer_actions()

    # Filter and order

    def action_filter(self) -> None:
        self.query_one(FilterInput).open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types; an error is shown in place of the place."""
        try:
            self.table.search(event.value)
            self._filter_error = ""
        except Unmatchable as error:
            self._filter_error = f" {safe(str(error))}"
        self._draw_place()

    def on_input_submitted(self) -> None:
        """Back to the rows; when none matches, search all keys below the prefix."""
        self.take_focus()
        listing = self.table.listing
        if listing.bucket and listing.filter.text and not listing.shown and not listing.deep:
            self.navigation.open_place(listing.place, deep=True)
            self.table.listing.search(listing.filter.text)

    # Actions by name

    def action_step_back(self) -> None:
        """Undo one thing: the loading, the filter, the marks; or go to the parent prefix."""
        table, filter_input = self.table, self.query_one(FilterInput)
        if table.listing.is_loading:
            table.workers.cancel_group(table, "listing")
        elif filter_input.display or table.listing.filter.text:
            filter_input.close()
            self._filter_error = ""
            self.take_focus()
            table.search("")
        elif table.marks.ids:
            table.unmark()
            self.host.main.draw_foot()
        else:
            self.navigation.up()

    def action_side(self, name: str) -> None:
        """Show, hide or turn what is beside the table: see SideViews."""
        self.side_views.run(name)

    def action_panes(self, name: str) -> None:
        """Show a second pane, or copy and move between the two: see TwoPanes."""
        self.two_panes.run(name)

    def action_go(self, name: str) -> None:
        """Go to another place: see Navigation."""
        if name == "up" and self.two_panes.has_focus:
            self.query_one(SecondPane).up()
        else:
            self.navigation.run(name)

    def action_object(self, name: str) -> None:
        """Do something with objects: see ObjectActions."""
        self.object_actions.run(name)
