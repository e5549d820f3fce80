import asyncio

import pytest
from textual.events import Key

from s3d.tui.demo import DemoAgent
from s3d.tui.screens.go_to_screen import GoToScreen
from tests.tui.conftest import loaded, screen


class Slow(DemoAgent):
    """Answers listings only when it may."""

    def __init__(self):
        super().__init__()
        self.may_answer = asyncio.Event()

    async def call(self, method, path, kind, body=None):
        if "/objects" in path:
            await self.may_answer.wait()
        return await super().call(method, path, kind, body)


async def test_it_completes_level_by_level(opened):
    async with opened("1") as pilot:
        await pilot.press("ctrl+g", *"px")
        assert isinstance(pilot.app.screen, GoToScreen)
        line = pilot.app.screen.query_one("#go-to")
        await pilot.press("tab")
        await loaded(pilot, "names")
        assert line.value == "pix/"
        assert "photos/" in screen(pilot.app)
        await pilot.press(*"ph", "tab")
        await loaded(pilot, "names")
        assert line.value == "pix/photos/"
        await pilot.press(*"0003", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.main.tab == "buckets"
        assert pilot.app.pane.table.current.id == "photos/IMG_0003.jpg"


async def test_arrows_choose_and_what_was_there_is_replaced(opened):
    async with opened("2") as pilot:
        pilot.app.pane.navigation.go_to("pix/photos/")
        await loaded(pilot, "listing")
        await pilot.press("ctrl+g")
        assert pilot.app.screen.query_one("#go-to").value == "pix/photos/"
        await pilot.press(*"pix/")
        await loaded(pilot, "names")
        await pilot.press("down", "down", "up", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "notes/")


async def test_below_a_level_on_request(opened):
    async with opened("2") as pilot:
        await pilot.press("ctrl+g", *"pix/0003")
        await loaded(pilot, "names")
        await pilot.press("down", "enter")
        await loaded(pilot, "listing")
        table = pilot.app.pane.table
        assert (table.listing.place, table.listing.filter.text) == (("pix", ""), "-f 0003")


@pytest.mark.finding("tui-16")
async def test_enter_waits_for_the_names_of_the_level(opened):
    agent = Slow()
    async with opened("2", agent) as pilot:
        app = pilot.app
        await pilot.press("ctrl+g", *"pix/pho")
        assert "reading" in screen(app)
        await app.type_ahead.put(Key("enter", None))
        assert isinstance(app.screen, GoToScreen)
        agent.may_answer.set()
        await app.type_ahead.idle.wait()
        await loaded(pilot, "listing")
        assert app.pane.table.listing.place == ("pix", "photos/")


async def test_a_bucket_that_is_unknown_is_gone_to_as_typed(opened):
    async with opened("2") as pilot:
        await pilot.press("ctrl+g", *"nothing/x", "enter")
        await loaded(pilot, "names", "listing")
        assert "does not exist" in screen(pilot.app)
        await pilot.press("ctrl+g", "escape")
        assert len(pilot.app.screen_stack) == 1
