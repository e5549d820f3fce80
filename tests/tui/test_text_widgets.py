from textual.app import App

from s3d.tui.text_widgets import Box, TextBar
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
        monkeypatch.setattr(box, "update", drawn.append)
        for lines in (("a",), ("a",), ("b",)):
            box.put(*lines)
        assert len(drawn) == 2


async def test_a_bar_is_text_too():
    class Bar(App[None]):
        def compose(self):
            yield TextBar("bar")

    async with Bar().run_test(size=(40, 6)) as pilot:
        pilot.app.query_one(TextBar).put("[red]x[/] [@click=app.bell]y[/]")
        await pilot.pause()
        assert "[red]x[/] [@click=app.bell]y[/]" in screen(pilot.app)
