"""What the agent says, the newest at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from s3d.shared.diagnostics import LogLine
from s3d.shared.text import moment, safe
from s3d.tui.cli_equivalent import command
from s3d.tui.draw import cell
from s3d.tui.panes.box import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table

LEVELS = ("info", "warning", "error")
_STYLES = {"warning": "odd", "error": "bad"}


class LogsPane(Pane):
    """The lines of a level and above; the end is followed until the cursor leaves it."""

    FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="logs.follow"),
        Binding("l", "level", "Level", id="logs.level"),
        Binding("s", "source", "Source", id="logs.source"),
        Binding("slash", "find", "Search", id="logs.find"),
        Binding("n", "next(1)", "Next", id="logs.next"),
        Binding("N", "next(-1)", "Match before", show=False, id="logs.before"),
        Binding("enter", "whole", "The whole line", show=False, id="logs.whole"),
        Binding("y", "copy", "Copy the line", show=False, id="logs.copy"),
        Binding("e", "export", "Save the lines to a file", show=False, id="logs.export"),
        Binding("escape", "unfind", "No search", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._level, self._source = 0, ""
        self._follows = True
        self._wanted = ""
        self._lines: list[LogLine] = []
        self._seen = 0
        """Lines there were when the end was last followed."""

    def compose(self) -> ComposeResult:
        yield Box("Log", "log-box")
        yield Input(id="log-find", compact=True, placeholder="search")
        yield Table(
            [Column("Time", 8), Column("Level", 7), Column("Source", 20), Column("What")],
            glyphs=self.glyphs,
            empty="Nothing was said yet.",
            opens=False,
            id="log",
        )

    def on_mount(self) -> None:
        self.query_one("#log-find", Input).display = False

    def draw(self) -> None:
        wanted = set(LEVELS[self._level :])
        self._lines = [
            line
            for line in self.state.log
            if line.level in wanted and line.source.startswith(self._source)
        ]
        table = self.query_one("#log", Table)
        table.show(_Rows(self._lines), str)
        if self._follows:
            self._seen = len(self._lines)
            table.action_edge(-1)
        self._draw_box()

    def _draw_box(self) -> None:
        follow = "ON" if self._follows else f"off, {len(self._lines) - self._seen:,} new (f)"
        found = f"   search: {safe(self._wanted)}" if self._wanted else ""
        self.query_one("#log-box", Box).put(
            f"level {LEVELS[self._level]} and above (l)   source {safe(self._source) or 'all'} (s)"
            f"   follow {follow}{found}"
        )

    def status(self) -> str:
        table = self.query_one("#log", Table)
        line = self._lines[table.cursor] if table.cursor < len(self._lines) else None
        width, more = max(self.size.width - 30, 10), self.glyphs.more
        told = cell(line.message, width, more=more) if line is not None else ""
        return f" {len(self._lines):,} of {len(self.state.log):,} lines   {told}"

    def on_table_moved(self) -> None:
        """Away from the end: it is not followed any more."""
        at_end = self.query_one("#log", Table).cursor >= len(self._lines) - 1
        if self._follows and not at_end:
            self._follows, self._seen = False, len(self._lines)
        self._draw_box()
        self.host.draw_foot()

    def action_follow(self) -> None:
        self._follows = not self._follows
        self.draw()

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(LEVELS)
        self.draw()

    def action_source(self) -> None:
        """The next of those that have said something."""
        known = ["", *sorted({line.source.partition(".")[0] for line in self.state.log})]
        at = known.index(self._source) if self._source in known else 0
        self._source = known[(at + 1) % len(known)]
        self.draw()

    # Search

    def search(self, wanted: str) -> None:
        """The last line that holds this."""
        self._wanted, self._follows = wanted, False
        self.draw()
        self._find(range(len(self._lines) - 1, -1, -1))

    def action_find(self) -> None:
        field = self.query_one("#log-find", Input)
        field.display = True
        self.screen.set_focus(field)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.display = False
        self.take_focus()
        if event.value:
            self.search(event.value)

    def action_next(self, by: int) -> None:
        if not self._wanted:
            self.host.say("search for something first: /")
            return
        at = self.query_one("#log", Table).cursor
        end = len(self._lines) if by > 0 else -1
        self._find(range(at + by, end, by))

    def _find(self, order: range) -> None:
        wanted = self._wanted.lower()
        for number in order:
            if wanted in f"{self._lines[number].source} {self._lines[number].message}".lower():
                self._follows = False
                self.query_one("#log", Table).go(str(number))
                self._draw_box()
                return
        self.host.say(f"no line that way holds {self._wanted}")

    def action_unfind(self) -> None:
        self._wanted = ""
        self.query_one("#log-find", Input).display = False
        self.take_focus()
        self.draw()

    # One line

    @property
    def _current(self) -> LogLine | None:
        at = self.query_one("#log", Table).cursor
        return self._lines[at] if at < len(self._lines) else None

    def action_whole(self) -> None:
        line = self._current
        if line is not None:
            title = f"{moment(line.at)}  {line.level}  {line.source}"
            self.host.view(title, _folded(safe(line.message), 88), line.message)

    def action_copy(self) -> None:
        if self._current is not None:
            self.host.copy(self._current.message)

    def action_export(self) -> None:
        """What is shown, into a file of the home folder."""
        path = Path.home() / time.strftime("s3d-log-%Y%m%d-%H%M%S.txt")
        try:
            path.write_text("".join(f"{_line(line)}\n" for line in self._lines), encoding="utf-8")
        except OSError as error:
            self.host.say(f"{path} cannot be written: {error.strerror}", is_bad=True)
            return
        self.host.tell(f"{len(self._lines):,} lines saved to {path}", command("logs"))


class _Rows(Sequence[Row]):
    """A row is made when it is looked at."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        line = self._lines[n]
        when = time.strftime("%H:%M:%S", time.localtime(line.at))
        cells = (when, line.level, line.source, line.message)
        return Row(str(n), cells, _STYLES.get(line.level, ""))


def _line(line: LogLine) -> str:
    return f"{moment(line.at)} {line.level} {line.source} {safe(line.message)}"


def _folded(text: str, width: int) -> list[str]:
    return [text[n : n + width] for n in range(0, len(text), width)] or [""]
