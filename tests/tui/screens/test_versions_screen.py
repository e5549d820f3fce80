import asyncio

import pytest

from s3d.tui.demo import DemoAgent
from tests.tui.conftest import loaded, screen


async def look(pilot):
    table = pilot.app.pane.query_one("#objects")
    table.go("pix")
    await pilot.press("enter")
    await loaded(pilot, "listing")
    table.go("index.json")
    await pilot.press("V")
    await loaded(pilot, "versions")


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (["down", "down", "r"],
         [("POST", "/v1/buckets/pix/object:restore?key=index.json&version=1aX7")]),
        (["down", "r"], []),
        (["down", "D", "y"], [("DELETE", "/v1/buckets/pix/object?key=index.json&version=2bD1")]),
        (["D", "n"], []),
    ],
)  # fmt: skip
async def test_one_is_restored_or_deleted(opened, keys, wanted):
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press(*keys)
        await loaded(pilot, "act", "versions")
        assert [(method, path) for method, path, _ in pilot.app.agent.calls] == wanted


async def test_they_are_listed_and_looked_at(opened):
    async with opened("2") as pilot:
        await look(pilot)
        for text in ("3kL9", "delete marker", "1aX7", "Versions of pix/index.json"):
            assert text in screen(pilot.app)
        await pilot.press("v")
        await loaded(pilot, "preview")
        assert '"name": "notes"' in screen(pilot.app)
        await pilot.press("escape", "down", "v")
        await pilot.pause()
        assert "A delete marker has no content" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_one_is_compared_with_the_one_before_that_has_content(opened):
    class Changing(DemoAgent):
        async def read_range(self, path, start, size):
            return b"one\nnew [b]\n" if "3kL9" in path else b"one\nold\n"

    async with opened("2", Changing()) as pilot:
        await look(pilot)
        assert "+77,336" in screen(pilot.app)
        await pilot.press("equals_sign")
        await loaded(pilot, "versions")
        shown = screen(pilot.app)
        assert "-old" in shown
        assert "+new [b]" in shown
        await pilot.press("escape", "G", "equals_sign")
        async with asyncio.timeout(30):  # a toast is drawn when it is mounted
            while "This is the oldest version" not in screen(pilot.app):
                await pilot.pause()
