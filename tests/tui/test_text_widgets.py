import asyncio
from typing import ClassVar

from textual.app import App
from textual.binding import Binding
from textual.widgets._footer import FooterKey

from s3d.tui.text_widgets import Box, KeyBar, TextBar
from tests.tui.conftest import screen


class Shown(App[None]):
    CSS = "Box { border: round white; }"

    def compose(self):
        yield Box("Title", "box")


async def test_it_shows_text_as_it_is():
    async with Shown().run_test(size=(40, 6)) as pilot:
        box = pilot.app.query_one(Box)
        box.put("[red]x[/red]", "[/]")
        box.set_title("[@click=app.bell]t[/]")
        await pilot.pause()
        for text in ("[red]x[/red]", "[/]", "[@click=app.bell]t[/]"):
            assert text in screen(pilot.app)


async def test_the_same_is_not_drawn_again(monkeypatch):
    async with Shown().run_test() as pilot:
        box, drawn = pilot.app.query_one(Box), []
        monkeypatch.setattr(box, "update", lambda shown, layout: drawn.append(shown))
        for lines in (("a",), ("a",), ("b",)):
            box.put(*lines)
        assert len(drawn) == 2


async def test_only_a_text_that_can_change_the_height_asks_for_a_layout(monkeypatch):
    class Bars(App[None]):
        CSS = "#fixed { height: 1; }"

        def compose(self):
            yield TextBar("fixed")
            yield TextBar("grows")

    async with Bars().run_test() as pilot:
        asked = {}
        for bar in pilot.app.query(TextBar):
            update = lambda text, layout, bar=bar: asked.update({bar.id: layout})  # noqa: E731
            monkeypatch.setattr(bar, "update", update)
            bar.put("news")
        assert asked == {"fixed": False, "grows": True}


async def test_a_bar_is_text_too():
    class Bar(App[None]):
        def compose(self):
            yield TextBar("bar")

    async with Bar().run_test(size=(40, 6)) as pilot:
        pilot.app.query_one(TextBar).put("[red]x[/] [@click=app.bell]y[/]")
        await pilot.pause()
        assert "[red]x[/] [@click=app.bell]y[/]" in screen(pilot.app)


class Keys(App):
    """An app whose only key has a text that changes."""

    BINDINGS: ClassVar = [Binding("x", "act", "Before")]

    def compose(self):
        yield KeyBar("keys")

    def action_act(self):
        pass


async def test_keys_are_composed_again_only_when_they_are_others():
    app = Keys()
    async with app.run_test() as pilot:
        bar = app.query_one(KeyBar)

        async def composed(description):
            async with asyncio.timeout(10):
                while [each.description for each in bar.query(FooterKey)] != [description]:
                    await pilot.pause()
            return bar.query_one(FooterKey)

        key = await composed("Before")
        app.screen.refresh_bindings()
        await pilot.pause()
        assert await composed("Before") is key
        app._bindings.key_to_bindings["x"] = [Binding("x", "act", "After")]
        app.screen.refresh_bindings()
        assert await composed("After") is not key
