"""What is beside a listing: the tree of prefixes and the inspector, which follow its cursor."""

from __future__ import annotations

from collections.abc import Callable

from s3d.shared.control import BucketInfo
from s3d.tui.directory_listing import DirectoryListing
from s3d.tui.panes.bucket_tree import BucketTree
from s3d.tui.panes.inspector import Inspector
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.places import PrefixName
from s3d.tui.text_widgets import show


class SideViews:
    """leave_tree: gives the focus back to the table."""

    def __init__(
        self,
        table: ListingTable,
        tree: BucketTree,
        inspector: Inspector,
        *,
        leave_tree: Callable[[], None],
    ) -> None:
        self._table, self._tree, self._inspector = table, tree, inspector
        self._leave_tree = leave_tree

    def run(self, name: str) -> None:
        """Run the action of a key by its name."""
        actions: dict[str, Callable[[], None]] = {
            "tree": self._toggle_tree, "inspector": self._toggle_inspector,
            "before": lambda: self._turn(-1), "next": lambda: self._turn(1),
        }  # fmt: skip
        actions[name]()

    def focused_place(self) -> PrefixName | None:
        """The place under the cursor of the tree while that has the focus."""
        return self._tree.place if self._tree.has_focus else None

    def inspect(self) -> None:
        """Show the details of what is under the cursor of the table."""
        table = self._table
        if table.listing.bucket:
            self._inspector.look(table.listing.bucket, table.current_id, table.current_object)
        else:
            self._inspector.look(table.current_id, "", None)

    def show_buckets(self, buckets: list[BucketInfo]) -> None:
        """Replace the buckets of the tree."""
        self._tree.show_buckets(info.name for info in buckets)

    def follow(self, listing: DirectoryListing) -> None:
        """Show what has arrived of a listing in the tree."""
        self._tree.show_prefixes(listing.place, listing.prefixes)
        self._tree.go(listing.place)

    def _toggle_tree(self) -> None:
        if self._tree.has_focus:
            self._leave_tree()
        show(self._tree, not self._tree.display)

    def _turn(self, by: int) -> None:
        """Turn the inspector, or show it where it is hidden."""
        if self._inspector.display:
            self._inspector.turn(by)
        else:
            self._toggle_inspector()

    def _toggle_inspector(self) -> None:
        """What the user has chosen stays when the terminal becomes wide or narrow."""
        show(self._inspector, not self._inspector.display)
        if self._inspector.display:
            self._inspector.reveal()
