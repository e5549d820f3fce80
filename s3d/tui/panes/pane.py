"""What all panes have in common: they are drawn from the State, and act through the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.containers import Vertical

from s3d.tui.draw import Glyphs
from s3d.tui.state import State

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp


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

    def take_focus(self) -> None:
        if self.FOCUS:
            self.query_one(self.FOCUS).focus()

    def act(self, method: str, path: str, done: str, body: Any = None) -> None:
        """Ask the agent for something, and say when it is done, or why not."""
        self.host.act(method, path, done, body)
