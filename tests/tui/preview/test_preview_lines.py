from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from textual.app import App

from s3d.tui.preview.drawing import Drawing, Line, plain_lines, styled_line
from s3d.tui.preview.json_drawing import draw_json
from s3d.tui.preview.preview_lines import PreviewLines
from s3d.tui.themes import UNICODE
from tests.tui.conftest import screen


class Alone(App[None]):
    """The widget, with as much of the host as it uses."""

    glyphs = UNICODE

    def __init__(self):
        super().__init__()
        self.copied = []

    def compose(self):
        yield PreviewLines("lines")

    def on_preview_lines_copied(self, event):
        self.copied.append(event.text)


@asynccontextmanager
async def showing(drawing, size=(30, 8)):
    app = Alone()
    async with app.run_test(size=size) as pilot:
        widget = app.query_one(PreviewLines)
        widget.show(drawing)
        widget.focus()
        await pilot.pause()
        yield SimpleNamespace(
            widget=widget, app=app, pilot=pilot,
            rows=lambda: [line.rstrip(" ▁▂▃▄▅▆▇█▊▋▌▍▎▏▉") for line in screen(app).splitlines()],
        )  # fmt: skip


async def press(shown, *keys):
    await shown.pilot.press(*keys)
    await shown.pilot.pause()
    return shown.rows()


async def test_it_scrolls_and_the_cursor_stays_in_sight():
    async with showing(Drawing("text", plain_lines(f"line {n}" for n in range(100)))) as shown:
        assert shown.rows()[0] == "line 0"
        rows = await press(shown, "G")
        assert rows[-1] == "line 99"
        assert shown.widget.line == 99
        rows = await press(shown, "g")
        assert rows[0] == "line 0"
        await press(shown, "pagedown", "j", "j", "k")
        assert shown.widget.line == 8


@pytest.mark.finding("tui-26")
async def test_the_header_stays_while_the_rows_scroll():
    drawing = Drawing("CSV", plain_lines(map(str, range(50))), header=[Line("number")])
    async with showing(drawing) as shown:
        rows = await press(shown, "G")
        assert rows[0] == "number"
        assert rows[-1] == "49"
        rows = await press(shown, "home")
        assert rows[:2] == ["number", "0"]


async def test_a_level_is_folded_and_unfolded():
    async with showing(draw_json('{"a":[1,2],"b":3}', is_whole=True)) as shown:
        rows = await press(shown, "j", "space")
        assert rows[:4] == ["{", '  "a": [ …', '  "b": 3', "}"]
        rows = await press(shown, "j")
        assert shown.widget.line == 5
        rows = await press(shown, "k", "enter")
        assert rows[2] == "    1,"
        rows = await press(shown, "z")
        assert rows[1] == '  "a": [ …'
        rows = await press(shown, "z")
        assert rows[2] == "    1,"


@pytest.mark.finding("tui-26")
async def test_a_search_unfolds_what_it_has_found_and_goes_on():
    async with showing(draw_json('{"a":[10,20,10],"b":10}', is_whole=True)) as shown:
        await press(shown, "j", "space", "g")
        assert shown.widget.search("10")
        await shown.pilot.pause()
        assert shown.widget.line == 2
        assert shown.rows()[2] == "    10,"
        await press(shown, "n")
        assert shown.widget.line == 4
        await press(shown, "n", "n")
        assert shown.widget.line == 2
        await press(shown, "N")
        assert shown.widget.line == 6
        assert not shown.widget.search("nowhere")


@pytest.mark.finding("tui-26")
async def test_the_line_or_all_is_copied():
    drawing = Drawing("CSV", plain_lines(["one  ", "two"]), header=[Line("head ")])
    async with showing(drawing) as shown:
        await press(shown, "j", "y", "Y")
        assert shown.app.copied == ["two", "head\none\ntwo"]


async def test_long_lines_are_wrapped_or_shifted():
    async with showing(Drawing("text", plain_lines(["abcdefghij" * 5, "next"]))) as shown:
        rows = await press(shown, "l")
        assert rows[0].startswith("ijabc")
        await press(shown, "h")
        rows = await press(shown, "w")
        assert rows[0] + rows[1] == "abcdefghij" * 5
        assert rows[2] == "next"
        rows = await press(shown, "w")
        assert rows[1] == "next"


async def test_nothing_hostile_reaches_the_terminal():
    line = styled_line(("a", "key"))
    line.text = "\x1b[2J"  # what a decoder that was taken over could send
    async with showing(Drawing("text", [line])) as shown:
        assert shown.rows()[0] == "␛[2J"


async def test_without_lines_it_takes_no_focus():
    async with showing(Drawing("")) as shown:
        assert not shown.widget.can_focus
        await press(shown, "j", "space", "z", "n", "y", "G")
        assert shown.app.copied == []
