import asyncio

import pytest

from s3d.shared.control import ObjectInfo
from s3d.tui.demo import DemoAgent
from s3d.tui.preview.preview_box import PreviewBox, note_of
from s3d.tui.preview.previews import PreviewTarget
from s3d.tui.screens.viewer_screen import ViewerScreen
from tests.tui.conftest import loaded, screen


class Holding(DemoAgent):
    """It answers a read when it may, and notes which reads were cancelled."""

    def __init__(self, data):
        super().__init__()
        self.data, self.may_answer, self.cancelled = data, asyncio.Event(), []
        self.may_answer.set()

    async def read_range(self, path, start, size):
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled.append(path)
            raise
        return self.data[start : start + size]


async def viewed(pilot, key, data):
    pilot.app.push_screen(ViewerScreen(ObjectInfo("b", key, len(data), '"e"', 0.0)))
    await loaded(pilot, "preview")
    return pilot.app.screen.query_one(PreviewBox)


async def test_another_object_cancels_the_read_of_the_one_before(opened):
    agent = Holding(b"text")
    async with opened("2", agent) as pilot:
        agent.may_answer.clear()
        pilot.app.push_screen(ViewerScreen(ObjectInfo("b", "first", 4, '"e"', 0.0)))
        await pilot.pause()
        box = pilot.app.screen.query_one(PreviewBox)
        box.show(PreviewTarget("b", "second", 4))
        await pilot.pause()
        assert [path.endswith("key=first") for path in agent.cancelled] == [True]
        box.clear("why")
        await pilot.pause()
        assert len(agent.cancelled) == 2
        assert "why" in screen(pilot.app)
        assert box.target is box.preview is None


async def test_it_is_searched_while_the_user_types(opened):
    data = b"first\nsecond\nthird second\n"
    async with opened("2", Holding(data)) as pilot:
        box = await viewed(pilot, "a.txt", data)
        await pilot.press("slash", *"second")
        await pilot.pause()
        assert box.lines.line == 1
        await pilot.press("z")
        await pilot.pause()
        assert "no match" in screen(pilot.app)
        await pilot.press("backspace", "enter", "n")
        assert box.lines.line == 2
        await pilot.press("escape")
        await pilot.pause()
        assert box.lines.needle == ""
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_a_line_is_copied_to_the_clipboard(opened):
    async with opened("2", Holding(b"one\ntwo")) as pilot:
        await viewed(pilot, "a.txt", b"one\ntwo")
        await pilot.press("j", "y")
        await pilot.pause()
        assert pilot.app.clipboard == "two"


async def test_what_is_whole_has_no_more(opened):
    async with opened("2", Holding(b"text")) as pilot:
        box = await viewed(pilot, "a.txt", b"text")
        await pilot.press("plus")
        await pilot.pause()
        assert "nothing more is read for a preview" in screen(pilot.app)
        assert note_of(box.preview) == "text"


@pytest.mark.parametrize("key", ["a.txt", "evil"])
async def test_a_hostile_key_is_harmless(opened, key):
    async with opened("2", Holding(b"\x1b]0;PWNED\x07")) as pilot:
        await viewed(pilot, f"[red]\x1b]0;X\x07{key}", b"\x1b]0;PWNED\x07")
        assert not [char for char in screen(pilot.app) if char < " " and char != "\n"]
