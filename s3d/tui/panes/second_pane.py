"""The pane beside a bucket: a local folder, or a bucket. Files and objects go between the two."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from s3d.shared.text import safe
from s3d.tui.directory_listing import UP, DirectoryListing
from s3d.tui.host import host_of
from s3d.tui.panes.folder_table import FolderTable
from s3d.tui.panes.listing_rows import place_text
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.panes.object_selection import selection_of
from s3d.tui.panes.side_transfers import Side
from s3d.tui.places import HOME, PrefixName, parent
from s3d.tui.table import Table
from s3d.tui.text_widgets import TextBar, show
from s3d.tui.themes import Glyphs


class SecondPane(Vertical):
    """is_folder: a local folder is shown, else a bucket. It is there while it is used."""

    def __init__(self, id: str, *, glyphs: Glyphs) -> None:
        super().__init__(id=id)
        self.is_folder, self._glyphs = True, glyphs
        self.display = False

    def compose(self) -> ComposeResult:
        yield TextBar("second-place")
        yield FolderTable(glyphs=self._glyphs, id="second-folder")
        yield ListingTable(glyphs=self._glyphs, id="second-objects")

    @property
    def folder(self) -> FolderTable:
        return self.query_one(FolderTable)

    @property
    def objects(self) -> ListingTable:
        return self.query_one(ListingTable)

    @property
    def shown(self) -> Table:
        """The table that is seen."""
        return self.folder if self.is_folder else self.objects

    @property
    def side(self) -> Side:
        """What is shown, and what of it is marked or under the cursor."""
        if self.is_folder:
            return Side(str(self.folder.folder), paths=self.folder.paths())
        bucket, prefix = self.objects.listing.place
        return Side("", bucket, prefix, selection=selection_of(self.objects))

    def open_folder(self, folder: Path) -> None:
        self._show(is_folder=True)
        self.folder.open(folder)

    def open_place(self, place: PrefixName, select: str = "") -> None:
        self._show(is_folder=False)
        self.objects.open(DirectoryListing(place), select)

    def _show(self, *, is_folder: bool) -> None:
        self.is_folder = is_folder
        show(self, True)
        show(self.folder, is_folder)
        show(self.objects, not is_folder)

    def draw(self) -> None:
        """Follow changes of what is shown."""
        if not self.display:
            return
        if self.is_folder:
            self.folder.refresh_if_outdated()
        elif self.objects.listing.place == HOME:
            self.objects.show_listing()
        else:
            self.objects.refresh_if_outdated()

    def up(self) -> None:
        """To the parent folder or prefix."""
        place = self.objects.listing.place
        if self.is_folder:
            self.folder.up()
        elif place != HOME:
            self.open_place(parent(place), place[1] or place[0])

    @on(FolderTable.Listed)
    @on(ListingTable.Listed)
    def _draw_place(self, event: FolderTable.Listed | ListingTable.Listed) -> None:
        event.stop()
        listing = self.objects.listing
        text = f" {safe(str(self.folder.folder))}"
        if not self.is_folder:
            text = place_text(listing, len(self.objects.rows))
        self.query_one(TextBar).put(text)

    @on(Table.Moved)
    @on(Table.Marked)
    def _own(self, event: Table.Moved | Table.Marked) -> None:
        """The pane around it follows its own table only."""
        event.stop()
        host_of(self).main.draw_foot()

    @on(Table.Opened)
    def _open(self, event: Table.Opened) -> None:
        event.stop()
        listing, row = self.objects.listing, event.row
        if row == UP:
            self.up()
        elif listing.place == HOME:
            self.open_place((row, ""))
        elif listing.find_object(row) is None:
            self.open_place((listing.bucket, row))
