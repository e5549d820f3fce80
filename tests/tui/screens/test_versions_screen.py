import asyncio

import pytest
from textual.events import Key

from s3d.tui.demo import DemoAgent
from tests.tui.conftest import go_to_row, loaded, screen


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
        assert "+77 3kL9" in screen(pilot.app)
        await pilot.press("equals_sign")
        await loaded(pilot, "versions")
        shown = screen(pilot.app)
        assert "-old" in shown
        assert "+new [b]" in shown
        await pilot.press("escape", "G", "equals_sign")
        async with asyncio.timeout(30):  # a toast is drawn when it is mounted
            while "This is the oldest version" not in screen(pilot.app):
                await pilot.pause()


@pytest.mark.finding("tui-41")
async def test_the_id_of_one_is_copied(opened):
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press("y")
        assert pilot.app.clipboard == "3kL9"
        await pilot.press("escape")
        assert "copied: 3kL9" in screen(pilot.app)


class Slow(DemoAgent):
    """It lists versions when it may."""

    def __init__(self):
        super().__init__()
        self.may_answer = asyncio.Event()

    async def call(self, method, path, kind, body=None):
        if "/versions" in path:
            await self.may_answer.wait()
        return await super().call(method, path, kind, body)


@pytest.mark.finding("tui-16")
async def test_keys_that_are_typed_while_they_are_read_mean_the_rows_to_come(opened):
    agent = Slow()
    async with opened("2", agent) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("V")
        for key in ("j", "j", "r"):
            await pilot.app.type_ahead.put(Key(key, key))
        await pilot.pause()
        assert "reading" in screen(pilot.app)
        agent.may_answer.set()
        await pilot.app.type_ahead.idle.wait()
        await loaded(pilot, "act")
        path = "/v1/buckets/pix/object:restore?key=index.json&version=1aX7"
        assert agent.calls == [("POST", path, None)]


async def test_their_ages_grow_while_they_are_shown(opened):
    async with opened("2") as pilot:
        await look(pilot)
        table, clock = pilot.app.screen.query_one("#versions"), pilot.app.clock
        before = table.rows[0].cells[1]
        pilot.app.clock = lambda: clock() + 100 * 86_400
        async with asyncio.timeout(30):
            while table.rows[0].cells[1] == before:
                await pilot.pause()
