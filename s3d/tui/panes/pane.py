"""What all panes have in common: they are drawn from the State, and act through the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from textual.containers import Vertical
from textual.widget import Widget

from s3d.tui.app_state import State
from s3d.tui.draw import Glyphs

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp

W = TypeVar("W", bound=Widget)


class Pane(Vertical):
    """draw() is called when the State has changed and the pane is seen."""

    FOCUS = ""
    """What gets the keys when the pane is shown: a selector."""

    @property
    def host(self) -> S3dApp:
        return cast("S3dApp", self.app)

    @property
    def state(self) -> State:
        return self.host.state

    @property
    def glyphs(self) -> Glyphs:
        return self.host.glyphs

    def draw(self) -> None:
        """Show what the State says."""

    def status(self) -> str:
        """The line at the foot: safe text."""
        return ""

    def take_focus(self) -> None:
        """At once: the next key is for it already."""
        if self.FOCUS:
            self.screen.set_focus(self.query_one(self.FOCUS))

    def act(
        self, method: str, path: str, done: str, body: Any = None, *, command: str = "",
        then: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        """Ask the agent for something, and say when it is done, or why not."""
        self.host.act(method, path, done, body, command=command, then=then)
