"""The log of the agent, the newest line at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from s3d.shared.diagnostics import LogLine
from s3d.shared.logs import message_text
from s3d.shared.text import count, moment, safe
from s3d.tui.cli_equivalent import command
from s3d.tui.columns import Column
from s3d.tui.draw import cell
from s3d.tui.panes.pane import FilterInput, Pane
from s3d.tui.table import Row, Table
from s3d.tui.text_widgets import Box

LEVELS = ("info", "warning", "error")
LINE_WIDTH = 88
"""Cells at which a whole line is wrapped."""
_LINE_ACTIONS = ("whole", "copy", "export")
"""Actions that need a line."""
_STYLES = {"warning": "odd", "error": "bad"}


class LogsPane(Pane):
    """The lines of a level and above. The end is followed until the cursor leaves it."""

    FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="logs.follow"),
        Binding("l", "level", "Level", id="logs.level"),
        Binding("s", "source", "Source", id="logs.source"),
        Binding("slash", "find", "Search", id="logs.find"),
        Binding("n", "next(1)", "Next", id="logs.next"),
        Binding("N", "next(-1)", "Previous match", show=False, id="logs.before"),
        Binding("enter", "whole", "Whole line", show=False, id="logs.whole"),
        Binding("y", "copy", "Copy line", show=False, id="logs.copy"),
        Binding("e", "export", "Save to a file", show=False, id="logs.export"),
        Binding("escape", "unfind", "Clear search", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._level, self._source = 0, ""
        self._is_following = True
        self._searched = ""
        """The text of the search; empty without one."""
        self._lines: list[LogLine] = []
        self._read_lines = 0
        """Number of lines when the end was last followed; later ones are new."""

    def compose(self) -> ComposeResult:
        yield Box("Log", "log-box")
        yield FilterInput("log-find", "search")
        yield Table(
            [
                Column("Time", 8),
                Column("Level", 7),
                Column("Source", 20, shown_from=94),
                Column("What"),
            ],
            glyphs=self.glyphs,
            empty="No log lines yet",
            opens=False,
            id="log",
        )

    @property
    def _current(self) -> LogLine | None:
        line = self.table.cursor.line
        return self._lines[line] if line < len(self._lines) else None

    def draw(self) -> None:
        levels = LEVELS[self._level :]
        self._lines = [
            line
            for line in self.state.log
            if line.level in levels and line.source.startswith(self._source)
        ]
        if self._lines or not self.state.log:
            self.table.empty = "No log lines yet"
        else:
            self.table.empty = (
                f"None of {count(len(self.state.log), 'line')} matches level and source"
            )
        self.table.show(_LogRows(self._lines), str)
        if self._is_following:
            self._read_lines = len(self._lines)
            self.table.action_move(1, "all")
        self._draw_box()

    def _draw_box(self) -> None:
        self.offer_actions()
        new = len(self._lines) - self._read_lines
        follow = "ON" if self._is_following else f"off, {new:,} new (f)"
        search = f"   search: {safe(self._searched)}" if self._searched else ""
        self.query_one("#log-box", Box).put(
            f"level {LEVELS[self._level]} and above (l)   source {safe(self._source) or 'all'} (s)"
            f"   follow {follow}{search}"
        )

    def status(self) -> str:
        line, width = self._current, max(self.size.width - 30, 10)
        message = cell(_text(line), width, more=self.glyphs.more) if line is not None else ""
        return f" {len(self._lines):,} of {len(self.state.log):,} lines   {message}"

    def on_table_moved(self) -> None:
        """Stop following when the cursor leaves the end."""
        is_at_end = self.table.cursor.line >= len(self._lines) - 1
        if self._is_following and not is_at_end:
            self._is_following, self._read_lines = False, len(self._lines)
        self._draw_box()
        self.host.main.draw_foot()

    # Which lines are shown

    def action_follow(self) -> None:
        self._is_following = not self._is_following
        self.draw()

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(LEVELS)
        self.draw()

    def action_source(self) -> None:
        """Show the lines of the next source, or of all."""
        sources = ["", *sorted({line.source.partition(".")[0] for line in self.state.log})]
        at = sources.index(self._source) if self._source in sources else 0
        self._source = sources[(at + 1) % len(sources)]
        self.draw()

    # Search

    def search(self, text: str) -> None:
        """Go to the last line that contains a text."""
        self._searched, self._is_following = text, False
        self.draw()
        self._go_to_match(range(len(self._lines) - 1, -1, -1))

    def action_find(self) -> None:
        self.query_one(FilterInput).open()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.display = False
        self.take_focus()
        if event.value:
            self.search(event.value)

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        if action == "next" and not self._searched:
            return "Press / to search first"
        return "No log line is selected" if action in _LINE_ACTIONS and not self._lines else ""

    def action_next(self, by: int) -> None:
        end = len(self._lines) if by > 0 else -1
        self._go_to_match(range(self.table.cursor.line + by, end, by))

    def _go_to_match(self, order: range) -> None:
        """Go to the first line, of numbers in this order, that contains the text of the search."""
        text = self._searched.lower()
        for number in order:
            if text in f"{self._lines[number].source} {_text(self._lines[number])}".lower():
                self._is_following = False
                self.table.go(str(number))
                self._draw_box()
                return
        self.host.messages.toast(f"No more matches for {self._searched}")

    def action_unfind(self) -> None:
        self._searched = ""
        self.query_one(FilterInput).display = False
        self.take_focus()
        self.draw()

    # One line, or all

    def action_whole(self) -> None:
        line = self._current
        if line is not None:
            title = f"{moment(line.at)}  {line.level}  {line.source}"
            self.host.prompts.view(title, _wrapped(safe(_text(line)), LINE_WIDTH), _text(line))

    def action_copy(self) -> None:
        if self._current is not None:
            self.host.messages.copy(_text(self._current))

    def action_export(self) -> None:
        """Save the lines that are shown to a file in the home folder."""
        path = Path.home() / time.strftime("s3d-log-%Y%m%d-%H%M%S.txt")
        lines = [
            f"{moment(line.at)} {line.level} {line.source} {safe(_text(line))}\n"
            for line in self._lines
        ]
        try:
            path.write_text("".join(lines), encoding="utf-8")
        except OSError as error:
            text = f"Cannot write {path}: {error.strerror}"
            self.host.messages.toast(text, is_error=True)
            return
        self.host.messages.report(f"{len(lines):,} lines saved to {path}", command("logs"))


class _LogRows(Sequence[Row]):
    """The rows of log lines, each made when it is drawn."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        line = self._lines[n]
        when = time.strftime("%H:%M:%S", time.localtime(line.at))
        cells = (when, line.level, line.source, _text(line))
        return Row(str(n), cells, _STYLES.get(line.level, ""))


def _text(line: LogLine) -> str:
    """The message with the fields of the request that it concerns."""
    return message_text(line.message, line)


def _wrapped(text: str, width: int) -> list[str]:
    return [text[n : n + width] for n in range(0, len(text), width)] or [""]
