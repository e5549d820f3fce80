"""What the agent has said since the app began, the newest at the end."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.tui.panes.pane import Pane
from s3d.tui.state import LogLine
from s3d.tui.table import Column, Row, Table

LEVELS = ("info", "warning", "error")
_STYLES = {"warning": "yellow", "error": "red"}


class Logs(Pane):
    """The lines at a level and above; the end is followed until the cursor leaves it."""

    FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow"),
        Binding("L", "level", "Level"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._level = 0
        self._follows = True
        self._drawn = 0

    def compose(self) -> ComposeResult:
        yield Table(
            [Column("Time", 8), Column("Level", 7), Column("Source", 24), Column("What")],
            glyphs=self.glyphs,
            empty="Nothing was said yet.",
            id="log",
        )

    def draw(self) -> None:
        wanted = set(LEVELS[self._level :])
        table = self.query_one("#log", Table)
        lines = [line for line in self.state.log if line.level in wanted]
        table.show([_row(number, line) for number, line in enumerate(lines)])
        if self._follows:
            table.action_edge(-1)

    def action_follow(self) -> None:
        self._follows = not self._follows
        self.host.say("follows the end" if self._follows else "stays where it is")
        self.draw()

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(LEVELS)
        self.host.say(f"shows {LEVELS[self._level]} and above")
        self.draw()


def _row(number: int, line: LogLine) -> Row:
    when = time.strftime("%H:%M:%S", time.localtime(line.at))
    source = line.source.removeprefix("s3d.agent.")
    return Row(str(number), (when, line.level, source, line.text), _STYLES.get(line.level, ""))
