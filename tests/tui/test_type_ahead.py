"""Keys that are sent without a pause. The same in a real terminal: test_jobs.py."""

import pytest
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input

from s3d.tui import type_ahead
from s3d.tui.type_ahead import TypeAheadApp, is_escape


class Rows(Widget, can_focus=True):
    has_rows = True
    seen = ""

    def holds_key(self, event: Key) -> bool:
        return not self.has_rows

    def on_key(self, event: Key) -> None:
        self.seen += event.key


class Screenful(TypeAheadApp):
    BINDINGS = [Binding("slash", "search")]  # noqa: RUF012 - as Textual has them

    def compose(self) -> ComposeResult:
        yield Rows()
        yield Input()

    def on_mount(self) -> None:
        self.query_one(Rows).focus()

    def action_search(self) -> None:
        self.query_one(Input).focus()


async def press_at_once(app, keys):
    for each in keys:
        await app.type_ahead.put(Key("slash" if each == "/" else each, each))
    await app.type_ahead.idle.wait()


@pytest.mark.finding("tui-16")
async def test_keys_go_to_the_focus_that_those_before_have_moved():
    app = Screenful()
    async with app.run_test():
        await press_at_once(app, "ab/" + "photos" * 50)
        assert app.query_one(Input).value == "photos" * 50
        assert app.query_one(Rows).seen == "abslash"


async def test_keys_wait_for_rows_and_escape_ends_the_wait():
    app = Screenful()
    async with app.run_test() as pilot:
        rows = app.query_one(Rows)
        await app.type_ahead.put(Key("a", "a"))
        await app.type_ahead.idle.wait()
        rows.has_rows = False
        await app.type_ahead.put(Key("b", "b"))
        await pilot.pause()
        assert rows.seen == "a"
        await app.type_ahead.put(Key("escape", None))
        await app.type_ahead.idle.wait()
        assert rows.seen == "abescape"


async def test_keys_go_on_when_the_rows_are_there(monkeypatch):
    app = Screenful()
    async with app.run_test() as pilot:
        rows = app.query_one(Rows)
        rows.has_rows = False
        await app.type_ahead.put(Key("a", "a"))
        await pilot.pause()
        assert rows.seen == ""
        rows.has_rows = True
        await app.type_ahead.idle.wait()
        assert rows.seen == "a"
        monkeypatch.setattr(type_ahead, "MAX_HELD", 0.0)
        rows.has_rows = False
        await app.type_ahead.put(Key("b", "b"))
        await app.type_ahead.idle.wait()
        assert rows.seen == "ab"


def test_what_ends_the_wait():
    assert is_escape(Key("escape", None))
    assert not is_escape(Key("a", "a"))
