"""Widgets that show plain text and redraw only when it changes: bars, and a box with a frame.

The text is never parsed as markup: it holds names that other people have chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static
from textual.widgets._footer import FooterKey

_FRAME_AROUND_TITLE = 6
"""Cells of the frame beside a title: corners, lines and spaces."""


def show(widget: Widget, is_shown: bool) -> None:
    """Show or hide a widget, whatever the styles of its classes say.

    Textual finds what a change has shown, hidden or resized by comparing the layout after it with
    the one before. It computes a layout when it is first asked for, which a change of styles does
    itself: a layout that is out of date by then is compared with itself, and no widget gets its
    Show, Hide and Resize. So the layout is asked for before the change.
    """
    _ = widget.region
    widget.display = is_shown


class TextBar(Static):
    """Text without a frame, mostly one row: the head, the banner, the foot, the place.

    It takes the height that its style gives it, and is empty at first.
    """

    def __init__(self, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._text = ""

    def put(self, text: str) -> None:
        """Show another text, made safe by the caller."""
        if text != self._text:
            self._text = text
            self.update(Content(text), layout=self.styles.auto_dimensions)


class Box(Static):
    """Some lines in a frame with a title.

    It has the class `box`, which gives it the frame; a longer text than its height is cut.
    """

    def __init__(self, title: str, id: str) -> None:
        super().__init__(id=id, classes="box", markup=False)
        self.border_title = Content(title)
        self._lines: Sequence[str | Content] = ()

    def put(self, *lines: str | Content) -> None:
        """Show other lines, made safe by the caller; Content has colours of its own."""
        if lines != self._lines:
            self._lines = lines
            shown = Content("\n").join(
                Content(line) if isinstance(line, str) else line for line in lines
            )
            self.update(shown, layout=self.styles.auto_dimensions)

    def set_title(self, title: str) -> None:
        """Show another title, made safe by the caller.

        It is cut here to the width of the box: Textual would end it with an ellipsis, which is not
        allowed with --ascii.
        """
        room = self.outer_size.width - _FRAME_AROUND_TITLE
        if 0 < room < cell_len(title):
            title = set_cell_size(title, room).rstrip()
        self.border_title = Content(title)


_AROUND_KEY = 3
"""Cells around a key and its description."""
_HELP, _QUIT = "keys", "leave"
"""Actions of the app."""


class KeyBar(Footer):
    """The keys of the widget that has the focus.

    Textual cuts its last keys off in a narrow terminal, the one for help among them. It composes
    its footer whenever the focus moves, which costs more than most keys do.
    """

    _shown: object = None
    _width = 0
    """Of the terminal for which the keys were chosen, in cells."""

    def __init__(self, id: str) -> None:
        super().__init__(show_command_palette=False, id=id)

    def compose(self) -> ComposeResult:
        keys = [each for each in super().compose() if isinstance(each, FooterKey)]
        widths = [cell_len(key.key_display + key.description) + _AROUND_KEY for key in keys]
        self._width = self.app.size.width
        kept = kept_keys([key.action for key in keys], widths, self._width)
        yield from (keys[number] for number in kept)

    async def on_resize(self) -> None:
        """Another width has room for other keys."""
        if self.app.size.width != self._width:
            await self.recompose()

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Compose the bar when other keys, or other texts of them, are to be shown."""
        if self.is_attached and screen is self.screen and self.app.app_focus:
            keys = screen.active_bindings.values()
            shown = [(each.binding, each.enabled, each.tooltip) for each in keys]
            if shown == self._shown:
                return
            self._shown = shown
        super().bindings_changed(screen)


def kept_keys(actions: Sequence[str], widths: Sequence[int], width: int) -> list[int]:
    """Numbers of the keys to show. The key to quit goes first, then the last ones, never help."""
    shown = list(range(len(actions)))
    order = [number for number in shown if actions[number] == _QUIT]
    order += [n for n in reversed(shown) if actions[n] not in (_QUIT, _HELP)]
    for number in order:
        if sum(widths[each] for each in shown) - 1 <= width:  # nothing is after the last one
            break
        shown.remove(number)
    return shown
