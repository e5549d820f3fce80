import asyncio

from s3d.tui.demo import DemoAgent
from tests.tui.conftest import loaded, screen


class Deep(DemoAgent):
    """Its buckets have keys at two levels, in two pages."""

    def __init__(self):
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def call(self, method, path, kind, body=None):
        if "cursor=2" in path and "prefix=&" in path:
            await self.may_go_on.wait()
        return await super().call(method, path, kind, body)

    def _page(self, bucket, words):
        from s3d.shared.control import Listing, ObjectInfo

        def info(key, size):
            return ObjectInfo(bucket, key, size, "e", 0.0)

        if "delimiter" in words:
            return super()._page(bucket, words)
        if words.get("cursor"):
            return Listing([info("photos/2025/c.jpg", 5 << 20)], [])
        first = [info("a.txt", 10), info("photos/2024/b.jpg", 3 << 20)]
        return Listing(first, [], "2", {"photos/2024/b.jpg": "cached"})


async def test_it_counts_while_it_shows_and_goes_into_prefixes(opened):
    agent = Deep()
    async with opened("2", agent) as pilot:
        pilot.app.pane.query_one("#objects").go("pix")
        await pilot.press("S")
        async with asyncio.timeout(30):
            while "2 objects, 3 MiB   counting" not in screen(pilot.app):
                await pilot.pause()
        agent.may_go_on.set()
        await loaded(pilot, "sizes")
        shown = screen(pilot.app)
        assert "pix   3 objects, 8 MiB" in shown
        assert "counting" not in shown
        rows = [each.id for each in pilot.app.screen.query_one("#sizes").rows]
        assert rows == ["photos/", "(objects here)"]
        await pilot.press("enter")
        await pilot.pause()
        rows = [each.cells for each in pilot.app.screen.query_one("#sizes").rows]
        assert [cells[0] for cells in rows] == ["../", "2025/", "2024/"]
        assert rows[2][2:] == ("3 MiB", "1", "3 MiB", "")
        await pilot.press("down", "down", "o")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "photos/2024/")


async def test_an_error_is_named_and_what_is_known_stays(opened):
    async with opened("2") as pilot:
        await pilot.press("S", "h")
        await loaded(pilot, "sizes")
        assert "40 objects" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1
