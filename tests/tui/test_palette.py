import pytest
from textual.command import CommandPalette

from s3d.shared.control import BucketInfo, BucketList
from s3d.tui.demo import DemoAgent
from s3d.tui.palette import Commands, commands
from tests.tui.conftest import loaded, screen


async def test_every_key_bucket_and_folder_can_be_found(opened):
    async with opened("2") as pilot:
        titles = [found.title for found in commands(pilot.app, pilot.app.screen)]
        for wanted in ("Show Logs", "Delete", "Go to bucket pix", "Go to sync folder notes",
                       "Pause all uploads", "Next theme"):  # fmt: skip
            assert wanted in titles


async def test_a_bucket_is_gone_to(opened):
    async with opened() as pilot:
        await pilot.press("ctrl+p")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press(*"go to bucket pix")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press("enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "")


async def test_hostile_names_are_text_there_too(opened):
    class Hostile(DemoAgent):
        def _get(self, place, words):
            if place == "/v1/buckets":
                return BucketList([BucketInfo("[@click=app.quit]q[/]\x1b[2J", 0.0)])
            return super()._get(place, words)

    async with opened("2", Hostile()) as pilot:
        await pilot.press("ctrl+p")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press(*"go to bucket")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        assert "(@click=app.quit)q(/)␛(2J" in screen(pilot.app)


async def test_the_keys_of_the_tab_are_in_it_and_not_those_of_its_own_field(opened):
    async with opened("3") as pilot:
        await pilot.press("ctrl+p")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press(*"retry all")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        shown = screen(pilot.app)
        assert "Retry all failed" in shown
        assert "Delete" not in shown


@pytest.mark.finding("tui-37")
@pytest.mark.parametrize("tab", ["1", "2", "3", "4", "5", "6"])
async def test_each_command_is_there_once(opened, tab):
    async with opened(tab) as pilot:
        titles = [found.title for found in commands(pilot.app, pilot.app.screen)]
        assert len(titles) == len(set(titles))


async def test_what_fits_the_context_comes_first(opened):
    async with opened("2") as pilot:
        titles = [found.title for found in commands(pilot.app, pilot.app.screen)]
        assert titles.index("Delete") < titles.index("Quit")
        assert titles.index("Sizes by prefix") < titles.index("Mark")
        assert titles.index("Mark") < titles.index("Go to bucket pix") < titles.index("Show Logs")
        provider = Commands(pilot.app.screen)
        listed = [hit.text async for hit in provider.discover()]
        assert [str(each) for each in listed] == titles
        hits = sorted([hit async for hit in provider.search("s")], reverse=True)
        assert "Sort" in str(hits[0].match_display)
