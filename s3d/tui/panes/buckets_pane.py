"""Buckets and objects, level by level and of any number: where one is, and what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from s3d.shared.control import Listing, ObjectInfo
from s3d.shared.text import age, count, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.directory_listing import ORDERS, UP, DirectoryListing, Item
from s3d.tui.draw import ASCII
from s3d.tui.frame import WIDE, TextBar
from s3d.tui.match import Unmatchable
from s3d.tui.panes.bucket_tree import BucketTree
from s3d.tui.panes.inspector import Inspector
from s3d.tui.panes.object_actions import ObjectActions
from s3d.tui.panes.pane import Pane
from s3d.tui.places import HOME, History, Place, page_path, parent, parse
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import Column, Row, Table

_TITLES = ("name", "size", "modified", "")
FOLLOWED = 5_000
"""Rows of a level, at most, that is listed anew when something in it has changed."""
BROAD = 130
"""Cells from which tree and inspector leave room for words."""


class BucketsPane(Pane):
    """The tree, the level that is shown, and what is known of the object under the cursor."""

    FOCUS = "#objects"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "View", id="buckets.view"),
        Binding("d", "download", "Get", id="buckets.download"),
        Binding("u", "upload", "Put", id="buckets.upload"),
        Binding("D,delete", "delete", "Delete", id="buckets.delete"),
        Binding("y", "copy_menu", "Copy", id="buckets.copy"),
        Binding("p", "pin", "Pin", show=False, id="buckets.pin"),
        Binding("slash", "filter", "Filter", id="buckets.filter"),
        Binding("o", "sort", "Sort", id="buckets.sort"),
        Binding("m", "move", "Copy, move or rename", show=False, id="buckets.move"),
        Binding("n", "new", "New bucket or prefix", show=False, id="buckets.new"),
        Binding("t", "tags", "Edit tags", show=False, id="buckets.tags"),
        Binding("V", "versions", "Versions, and restore one", show=False, id="buckets.versions"),
        Binding("f", "prefetch", "Bring into the cache", show=False, id="buckets.prefetch"),
        Binding("E", "evict", "Take out of the cache", show=False, id="buckets.evict"),
        Binding("i", "inspector", "Inspector", show=False, id="buckets.inspector"),
        Binding("left_square_bracket", "turn(-1)", "Inspector: tab before", show=False),
        Binding("right_square_bracket", "turn(1)", "Inspector: next tab", show=False),
        Binding("h,left,backspace", "up", "Level above", show=False, id="buckets.up"),
        Binding("ctrl+o", "trail(-1)", "Back", show=False, id="buckets.back"),
        Binding("ctrl+n", "trail(1)", "Forward", show=False, id="buckets.forward"),
        Binding("B", "bookmark", "Bookmark this place", show=False, id="buckets.bookmark"),
        Binding("apostrophe", "bookmarks", "Go to a bookmark", show=False, id="buckets.bookmarks"),
        Binding("ctrl+g", "go_to", "Go to s3://BUCKET/PREFIX", show=False, id="buckets.go"),
        Binding("escape", "back", "One step back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.level = DirectoryListing()
        self.trail = History()
        self.acts = ObjectActions(self)
        self._is_stale = False
        """Something of the level has changed since it was listed."""

    @property
    def place(self) -> Place:
        return (self.level.bucket, self.level.prefix)

    @property
    def table(self) -> Table:
        return self.query_one("#objects", Table)

    def compose(self) -> ComposeResult:
        yield TextBar("place")
        yield Input(id="filter", compact=True, placeholder="text  !text  ~regex  -f letters")
        with Horizontal(id="level"):
            yield BucketTree("tree", ascii=self.glyphs is ASCII)
            yield Table(
                _columns(DirectoryListing()), glyphs=self.glyphs, empty="Nothing is here.",
                marks=True, id="objects",
            )  # fmt: skip
            yield Inspector("inspector")

    def on_mount(self) -> None:
        self.query_one("#filter", Input).display = False
        self.table.unmarkable = frozenset({UP})

    # What is shown

    def draw(self) -> None:
        """The list of buckets follows the State; a level is loaded when it is entered."""
        self.query_one(BucketTree).show_buckets(info.name for info in self.state.buckets)
        if self.place == HOME:
            self._show()
        elif self._is_stale and not self.level.is_loading and self.level.total <= FOLLOWED:
            self._is_stale = False
            self._list_anew()

    def changed(self, bucket: str, key: str) -> None:
        """An object has come, gone or changed; or a bucket, key ""."""
        if not key:
            self.host.hurry()
        elif bucket == self.level.bucket and key.startswith(self.level.prefix):
            self._is_stale = True

    @work(exclusive=True, group="refresh", exit_on_error=False)
    async def _list_anew(self) -> None:
        """Beside what is shown, which then is another list: nothing jumps, no mark is lost."""
        old = self.level
        level = DirectoryListing(*self.place, old.deep, old.order, old.is_reversed)
        with suppress(AgentUnreachable, RequestRefused):
            await self._fill(level, lambda: None)
            if self.level is old:
                level.search(old.filter)
                self.level = level
                self._show()

    def _show(self) -> None:
        level, table = self.level, self.table
        if self.place == HOME:
            wanted = level.filter.lower()
            table.empty = "No bucket. n makes one." if not wanted else f"No match for {wanted}."
            table.show(
                [
                    Row(info.name, (f"{info.name}/", "", self.age(info.created), ""))
                    for info in self.state.buckets
                    if wanted in info.name.lower()
                ]
            )
        else:
            rows = _Rows(self, level)
            table.empty = self._empty()
            table.show(rows, rows.id)
        self._draw_place()
        self.host.draw_foot()

    def _empty(self) -> str:
        level = self.level
        if level.is_loading:
            return f"listing {safe(level.name)}"
        if level.error:
            return level.error
        if level.filter:
            return f"No match for {safe(level.filter)} in {level.total:,} keys; enter: search all."
        return "No objects. u uploads some."

    def _draw_place(self) -> None:
        level, head = self.level, self.query_one("#place", TextBar)
        name = safe(level.name) if level.bucket else "all buckets"
        star = "  bookmarked" if level.name in self.host.preferences.bookmarks else ""
        deep = " and all below" if level.deep else ""
        head.put(f" {name}{deep}: {self._amount()}{star}")
        self.table.columns = _columns(level, has_words=self.has_words)

    @property
    def has_words(self) -> bool:
        """There is room for how each key is as a word: beside the sign, not in its place."""
        return not WIDE <= self.host.size.width < BROAD

    def _amount(self) -> str:
        """How many rows, of how many, and whether more come."""
        level = self.level
        if level.bucket == "":
            return count(len(self.table.rows), "bucket")
        if level.error:
            return "error"
        shown, total = len(level.shown), level.total
        more = "+, loading: esc stops" if level.is_loading else ""
        if level.filter:
            said = f"{shown:,} of {total:,}{more}" + ("" if more else " keys")
            return f"{said}  filter: {safe(level.filter)}"
        return f"{total:,}{more}" if more else count(total, "row")

    def status(self) -> str:
        marks = self.table.marks
        found = [info for info in map(self.level.info, marks) if info is not None]
        told = (
            f"{len(marks):,} marked, {size(sum(info.size for info in found))}   " if marks else ""
        )
        if self.level.error:
            return safe(f" {told}error: {self.level.error}   ctrl+r tries again")
        return safe(f" {told}{self.level.name if self.level.bucket else 'all buckets'}")

    def age(self, at: float) -> str:
        return age(self.host.clock() - at) if at else ""

    # Where one is

    def enter(self, place: Place, *, deep: bool = False, then: str = "") -> None:
        """Show a level. then: the row that the cursor goes to."""
        self.trail.left(self.place)
        self._be_at(place, deep=deep, then=then)

    def _be_at(self, place: Place, *, deep: bool = False, then: str = "") -> None:
        order, backwards = self.level.order, self.level.is_reversed
        self.level = DirectoryListing(*place, deep=deep, order=order, is_reversed=backwards)
        field = self.query_one("#filter", Input)
        with field.prevent(Input.Changed):
            field.display, field.value = False, ""
        self.table.unmark()
        self.table.show([])
        self.screen.set_focus(self.table)
        self.load(then)
        self._inspect()

    @work(exclusive=True, group="listing", exit_on_error=False)
    async def load(self, then: str = "") -> None:
        """All pages of the level, each shown as it comes."""
        level = self.level
        if not level.bucket:
            self._show()
            self.table.go(then) if then else self.table.action_edge(0)
            self.host.feed.hurry()
            return
        level.is_loading = True
        self._show()
        try:
            await self._fill(level, lambda: self._came(level, then))
        except (AgentUnreachable, RequestRefused) as error:
            level.error = safe(str(error))
        finally:
            level.is_loading = False
            self._show()

    async def _fill(self, level: DirectoryListing, came: Callable[[], object]) -> None:
        """All its pages. came: called after each. Raises Lost, Denied."""
        cursor = ""
        while True:
            path = page_path(level.bucket, level.prefix, cursor=cursor, deep=level.deep,
                             standing=self.host.has_standing)  # fmt: skip
            page = await self.host.agent.ask("GET", path, Listing)
            level.add(page)
            cursor = page.cursor
            level.is_loading = bool(cursor)
            came()
            if not cursor:
                return

    def _came(self, level: DirectoryListing, then: str) -> None:
        """A page is there."""
        if level.pages == 1:
            self._show()
            self.table.go(then) if then else None
            self._inspect()
        else:
            self._show()
        if not level.deep:
            tree = self.query_one(BucketTree)
            tree.show_prefixes((level.bucket, level.prefix), level.folders)
            tree.go(self.place)

    def on_table_opened(self, event: Table.Opened) -> None:
        if event.row == UP:
            self.action_up()
        elif not self.level.bucket:
            self.enter((event.row, ""))
        elif self.level.info(event.row) is None:
            self.enter((self.level.bucket, event.row))
        else:
            self.acts.view()

    def on_bucket_tree_chosen(self, event: BucketTree.Chosen) -> None:
        self.enter(event.place)

    def action_up(self) -> None:
        bucket, prefix = self.place
        if self.level.deep:
            self.enter(self.place)
        elif bucket:
            self.enter(parent(self.place), then=prefix or bucket)

    def action_trail(self, by: int) -> None:
        found = self.trail.back(self.place) if by < 0 else self.trail.forward(self.place)
        if found is None:
            self.host.say("there is no place " + ("before" if by < 0 else "after") + " this one")
        else:
            self._be_at(found)

    def action_back(self) -> None:
        """One step: the loading, the filter, the marks, the level."""
        table, level = self.table, self.level
        if level.is_loading:
            self.workers.cancel_group(self, "listing")
        elif self.query_one("#filter", Input).display or level.filter:
            self._unfilter()
        elif table.marks:
            table.unmark()
            self.host.draw_foot()
        else:
            self.action_up()

    def action_again(self) -> None:
        """List the level anew."""
        self._be_at(self.place, deep=self.level.deep, then=self.current)

    def action_go_to(self) -> None:
        fields = [Field("place", "Go to", self.level.name, hint="s3://BUCKET/PREFIX")]
        self.host.form("Go to", fields, lambda found: self.enter(parse(found["place"])), verb="go")

    def action_bookmark(self) -> None:
        marks = self.host.preferences.bookmarks
        name = self.level.name
        if not self.level.bucket:
            self.host.say("the list of buckets needs no bookmark")
            return
        marks.remove(name) if name in marks else marks.append(name)
        self.host.keep_preferences()
        self.host.say(f"bookmark {'set' if name in marks else 'removed'}: {name}")
        self._draw_place()

    def action_bookmarks(self) -> None:
        marks = self.host.preferences.bookmarks
        if not marks:
            self.host.say("no bookmarks: B sets one for the level that is shown")
            return
        choices = [Choice(_LETTERS[n], name, name) for n, name in enumerate(marks[:26])]
        self.host.menu("Bookmarks", choices, lambda name: self.enter(parse(name)))

    # Filter and order

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        self.screen.set_focus(field)  # at once: the next key is for it already

    def on_input_changed(self, event: Input.Changed) -> None:
        try:
            self.level.search(event.value)
        except Unmatchable as error:
            self.query_one("#place", TextBar).put(f" {safe(str(error))}")
            return
        self._show()

    def on_input_submitted(self) -> None:
        """Back to the rows; when none matches, look at all keys below."""
        self.screen.set_focus(self.table)
        level = self.level
        if level.bucket and level.filter and not level.shown and not level.deep:
            wanted = level.filter
            self.enter(self.place, deep=True)
            self.level.search(wanted)

    def _unfilter(self) -> None:
        """All rows again, and the cursor where it was."""
        field = self.query_one("#filter", Input)
        with field.prevent(Input.Changed):
            field.display, field.value = False, ""
        self.level.search("")
        self.screen.set_focus(self.table)
        self._show()

    def action_sort(self) -> None:
        choices = [Choice(order[0], order, order) for order in ORDERS]
        self.host.menu("Sort by (again: the other way round)", choices, self.sort)

    def sort(self, order: str) -> None:
        self.level.sort(order)
        self._show()

    def on_table_header_clicked(self, event: Table.HeaderClicked) -> None:
        order = _TITLES[event.column]
        if order:
            self.sort(order)

    # What is under the cursor

    @property
    def current(self) -> str:
        """Id of the row under the cursor; "" when there is none, or it leads up."""
        row = self.table.current
        return row.id if row is not None and row.id != UP else ""

    @property
    def info(self) -> ObjectInfo | None:
        """The object under the cursor."""
        return self.level.info(self.current)

    def on_table_moved(self) -> None:
        self._inspect()

    def on_table_marked(self) -> None:
        self.host.draw_foot()

    def _inspect(self) -> None:
        if self.level.bucket:
            inspector = self.query_one(Inspector)
            inspector.look(self.level.bucket, self.current, self.info)
        else:
            self.query_one(Inspector).look(self.current, "", None)

    def action_inspector(self) -> None:
        inspector = self.query_one(Inspector)
        inspector.toggle_class("-asked")

    def action_turn(self, by: int) -> None:
        self.query_one(Inspector).turn(by)

    # What is done: see Acts

    def action_view(self) -> None:
        self.acts.view()

    def action_download(self) -> None:
        self.acts.download()

    def action_upload(self) -> None:
        self.acts.upload()

    def action_move(self) -> None:
        self.acts.move()

    def action_new(self) -> None:
        self.acts.new()

    def action_delete(self) -> None:
        self.acts.delete()

    def action_tags(self) -> None:
        self.acts.tags()

    def action_versions(self) -> None:
        self.acts.versions()

    def action_copy_menu(self) -> None:
        self.acts.copy_menu()

    def action_pin(self) -> None:
        self.acts.cache("pin")

    def action_prefetch(self) -> None:
        self.acts.cache("prefetch")

    def action_evict(self) -> None:
        self.acts.cache("evict")


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class _Rows(Sequence[Row]):
    """The rows of a level, each made when it is looked at: there may be a million."""

    def __init__(self, pane: BucketsPane, level: DirectoryListing) -> None:
        self._pane, self._level = pane, level

    def __len__(self) -> int:
        return len(self._level.shown) + 1

    def id(self, n: int) -> str:
        if n == 0:
            return UP
        item = self._level.shown[n - 1]
        return item if isinstance(item, str) else item.key

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        if n == 0:
            return Row(UP, ("../", "", "", ""))
        return self._row(self._level.shown[n - 1])

    def _row(self, item: Item) -> Row:
        label = self._level.label(item)
        if isinstance(item, str):
            return Row(item, (label, "", "", ""), "bold")
        word = self._level.standing.get(item.key, "")
        sign = _sign(word, self._pane)
        if word and self._pane.has_words:
            sign += f" {word}"
        cells = (label, size(item.size), self._pane.age(item.last_modified), sign)
        return Row(item.key, cells, _STYLES.get(word, ""))


_STYLES = {"failed": "bad", "held": "odd", "pending": "odd"}


def _sign(word: str, pane: BucketsPane) -> str:
    glyphs = pane.glyphs
    signs = {
        "pending": glyphs.up, "failed": glyphs.bad, "held": glyphs.held, "pinned": glyphs.pin,
        "cached": glyphs.on, "partial": glyphs.part,
    }  # fmt: skip
    return signs.get(word, "")


def _columns(level: DirectoryListing, *, has_words: bool = True) -> list[Column]:
    """Titles, and the order in the one that it is by."""

    def titled(title: str, order: str) -> str:
        if level.order != order:
            return title
        return f"{title} {'v' if level.is_reversed else '^'}"

    return [
        Column(titled("Name", "name")),
        Column(titled("Size", "size"), 10, right=True),
        Column(titled("Modified", "modified"), 10, right=True),
        Column("State", 9) if has_words else Column("", 1),
    ]
