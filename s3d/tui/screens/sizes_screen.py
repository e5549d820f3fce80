"""Where the bytes are: the prefixes below a place by size, as ncdu shows folders."""

from __future__ import annotations

from contextlib import aclosing
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.text import count, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused, error_text, listing_pages
from s3d.tui.cli_equivalent import object_name
from s3d.tui.columns import Column
from s3d.tui.draw import bar, frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.places import PrefixName, parent
from s3d.tui.size_tree import Level, SizeTree, Sums
from s3d.tui.table import Row, Table

DIRECT = "(objects here)"
_UP = "../"
_BAR = 12
_KEYS = ("enter opens", "h parent", "o show in Buckets", "esc closes")


class SizesScreen(ModalScreen[PrefixName | None]):
    """Counts all that is below a place while it is open. Returns the place to show, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close"),
        Binding("h,left,backspace", "up", "Parent folder"),
        Binding("o", "show_place", "Show in Buckets"),
    ]

    def __init__(self, place: PrefixName) -> None:
        super().__init__()
        self._bucket, self._prefix = place
        self._tree = SizeTree(self._prefix)
        self._state = "counting"

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield Static("", id="sizes-total", markup=False)
            yield Table(
                [Column("Below"), Column("Share", _BAR), Column("Size", 10, right=True),
                 Column("Objects", 10, right=True, shown_from=70),
                 Column("Cached", 10, right=True, shown_from=90),
                 Column("Pending", 10, right=True, shown_from=90)],
                glyphs=self._host.glyphs, empty="counting", id="sizes",
            )  # fmt: skip

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self._draw()
        self._count()

    @work(exclusive=True, group="sizes", exit_on_error=False)
    async def _count(self) -> None:
        """Read all keys below the place, page by page; the screen shows what is known so far."""
        pages = listing_pages(
            self._host.agent, self._bucket, self._tree.prefix, deep=True, key_states=True
        )
        try:
            async with aclosing(pages):
                async for page in pages:
                    self._tree.add(page.objects, page.key_states)
                    self._draw()
            self._state = ""
        except (AgentUnreachable, RequestRefused) as error:
            self._state = f"incomplete: {error_text(error)}"
        self.query_one(Table).empty = "No objects"
        self._draw()

    def _draw(self) -> None:
        total = self._tree.sums(self._prefix)
        name = safe(object_name(self._bucket, self._prefix))
        text = f"{name}   {count(total.objects, 'object')}, {size(total.size)}"
        if self._state:
            text += f"   {self._state}{self._host.glyphs.more * (self._state == 'counting')}"
        self.query_one("#sizes-total", Static).update(Content(safe(text)))
        self.query_one(".dialog").border_title = Content(f"Sizes below {name}")
        self.query_one(Table).show(self._rows(total))

    def _rows(self, total: Sums) -> list[Row]:
        up = [Row(_UP, (_UP, "", "", "", "", ""))] if self._prefix != self._tree.prefix else []
        return up + [self._row(each, total) for each in self._tree.levels(self._prefix)]

    def _row(self, level: Level, total: Sums) -> Row:
        sums, glyphs = level.sums, self._host.glyphs
        share = bar(sums.size / total.size if total.size else 0.0, _BAR, glyphs)
        cells = (
            level.name or DIRECT, share, size(sums.size), f"{sums.objects:,}",
            _size_if_any(sums.cached) + "+" * sums.has_partial, _size_if_any(sums.pending),
        )  # fmt: skip
        return Row(level.name or DIRECT, cells, "odd" if sums.pending else "")

    def on_table_opened(self, event: Table.Opened) -> None:
        if event.row == _UP:
            self.action_up()
        elif event.row != DIRECT:
            self._open(self._prefix + event.row)

    def action_up(self) -> None:
        if self._prefix != self._tree.prefix:
            below = self._prefix
            self._open(parent((self._bucket, self._prefix))[1])
            self.query_one(Table).go(below.removeprefix(self._prefix))

    def _open(self, prefix: str) -> None:
        self._prefix = prefix
        self._draw()
        self.query_one(Table).go(_UP)

    def action_show_place(self) -> None:
        """The row under the cursor, or what is shown, in the buckets pane."""
        row = self.query_one(Table).current
        below = "" if row is None or row.id in (_UP, DIRECT) else row.id
        self.dismiss((self._bucket, self._prefix + below))


def _size_if_any(number: int) -> str:
    return size(number) if number else ""
