"""Ways from one place of the buckets pane to another: up, back, forward, bookmarks, by name."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_lowercase

from s3d.tui.command_line import CommandLine, CommandRefused
from s3d.tui.directory_listing import DirectoryListing
from s3d.tui.host import Host
from s3d.tui.omnibox import Known, Suggestion
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.places import History, PrefixName, level_of, parent, parse_place
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.go_to_screen import GoToScreen

MAX_BOOKMARKS = len(ascii_lowercase)
"""Bookmarks in the menu: each has a letter."""


class Navigation:
    """show: opens a listing, with the cursor on a row. refresh: draws the place again."""

    def __init__(
        self,
        host: Host,
        table: ListingTable,
        *,
        show: Callable[[DirectoryListing, str], None],
        refresh: Callable[[], None],
    ) -> None:
        self._host, self._table = host, table
        self._show, self._refresh = show, refresh
        self._history = History()

    def run(self, name: str) -> None:
        """Go by the name of a key's action."""
        ways: dict[str, Callable[[], None]] = {
            "up": self.up, "back": lambda: self._through_history(is_back=True),
            "forward": lambda: self._through_history(is_back=False),
            "bookmark": self._toggle_bookmark, "bookmarks": self._choose_bookmark,
        }  # fmt: skip
        ways[name]()

    def open_place(self, place: PrefixName, *, deep: bool = False, select: str = "") -> None:
        """Show a place, and remember the one before. select: the row that the cursor goes to."""
        self._history.visit(self._table.listing.place)
        self._open(place, deep=deep, select=select)

    def go_to(self, text: str) -> None:
        """Open the level that a text names, with the cursor on the key that it ends with."""
        self._host.main.show_tab("buckets")
        place, select = level_of(parse_place(text))
        self.open_place(place, select=select)

    def _open(self, place: PrefixName, *, deep: bool = False, select: str = "") -> None:
        """The order of the rows stays."""
        listing = DirectoryListing(place, deep=deep, order=self._table.listing.order)
        self._show(listing, select)

    def reload(self) -> None:
        """List the place again."""
        listing = self._table.listing
        self._open(listing.place, deep=listing.deep, select=self._table.current_id)

    def up(self) -> None:
        """To the parent prefix; from a deep listing, to the prefix itself."""
        listing = self._table.listing
        if listing.deep:
            self.open_place(listing.place)
        elif listing.bucket:
            self.open_place(parent(listing.place), select=listing.prefix or listing.bucket)

    def _through_history(self, *, is_back: bool) -> None:
        here = self._table.listing.place
        place = self._history.back(here) if is_back else self._history.forward(here)
        if place is None:
            which = "before" if is_back else "after"
            self._host.messages.toast(f"there is no location {which} this one")
        else:
            self._open(place)

    def ask(self, start: str | None = None) -> None:
        """Ask where to go, or for a command. start: what is in the line; None: this place."""
        listing, state = self._table.listing, self._host.state
        recent = [f"{bucket}/{prefix}" for bucket, prefix in self._history.recent()]
        known = Known(
            [each.name for each in state.buckets], self._host.preferences.bookmarks, recent
        )
        if start is None:
            start = listing.name if listing.bucket else ""

        def chosen(suggestion: Suggestion | None) -> None:
            if suggestion is not None:
                self._carry_out(suggestion)

        self._host.push_screen(GoToScreen(start, known), chosen)

    def _carry_out(self, suggestion: Suggestion) -> None:
        if suggestion.kind == "command":
            try:
                CommandLine(self._host, go_to=self.go_to).run(suggestion.text[1:])
            except CommandRefused as error:
                self._host.messages.toast(str(error), is_error=True)
        elif suggestion.kind == "below":
            self._host.main.show_tab("buckets")
            place, select = level_of(parse_place(suggestion.text))
            self.open_place(place, deep=True)
            self._table.search(f"-f {select[len(place[1]) :]}")
        else:
            self.go_to(suggestion.text)

    def _toggle_bookmark(self) -> None:
        listing, preferences = self._table.listing, self._host.preferences
        if not listing.bucket:
            self._host.messages.toast("the list of buckets needs no bookmark")
            return
        bookmarks, name = preferences.bookmarks, listing.name
        bookmarks.remove(name) if name in bookmarks else bookmarks.append(name)
        if error := preferences.save():
            self._host.messages.toast(error, is_error=True)
        verb = "set" if name in bookmarks else "removed"
        self._host.messages.toast(f"bookmark {verb}: {name}")
        self._refresh()

    def _choose_bookmark(self) -> None:
        bookmarks = self._host.preferences.bookmarks[:MAX_BOOKMARKS]
        if not bookmarks:
            self._host.messages.toast("no bookmarks: B sets one for the level that is shown")
            return
        choices = [
            Choice(letter, name, name)
            for letter, name in zip(ascii_lowercase, bookmarks, strict=False)
        ]
        self._host.prompts.choose("Bookmarks", choices, self.go_to)
