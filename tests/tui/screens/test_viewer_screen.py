import io

import pytest
from PIL import Image

from s3d.shared.control import ObjectInfo
from s3d.tui.agent_client import AgentUnreachable
from s3d.tui.demo import DemoAgent
from s3d.tui.screens.viewer_screen import ViewerScreen
from tests.tui.conftest import loaded, screen


class Holding(DemoAgent):
    """Every object holds this; it remembers what was read."""

    def __init__(self, data):
        super().__init__()
        self.bytes, self.read = data, []

    async def read_range(self, path, start, size):
        self.read.append((path, start, size))
        if self.bytes is None:
            raise AgentUnreachable("gone")
        return self.bytes[start : start + size]


async def seen(pilot, key, size, **more):
    pilot.app.push_screen(ViewerScreen(ObjectInfo("b", key, size, '"e"', 0.0, **more), "v1"))
    await loaded(pilot, "preview")
    return screen(pilot.app)


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ("a.json", b'{"a":[1]}', '"a": ['),
        ("a.csv", b"x,yy\n1,2\n", "x  yy"),
        ("a.txt", b"[red]text\x1b[31m", "[red]text␛[31m"),
        ("a", b"\0\1\2", "00000000  00 01 02"),
        ("a", b"", "(empty)"),
    ],
)
async def test_it_is_shown_as_what_it_is(opened, key, data, expected):
    async with opened("2", Holding(data)) as pilot:
        assert expected in await seen(pilot, key, len(data))
        await pilot.press("x")
        await loaded(pilot, "preview")
        if data:
            assert f"00000000  {data[0]:02x}" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_only_the_beginning_of_a_large_one_is_read(opened):
    agent = Holding(b"\0" * (5 << 20))
    path = "/v1/buckets/b/object?key=huge&version=v1"
    async with opened("2", agent) as pilot:
        shown = await seen(pilot, "huge", 5 << 30)
        assert agent.read == [(path, 0, 64 << 10)]
        assert "64 KiB of 5 GiB read, + reads more" in shown
        await pilot.press("plus")
        await loaded(pilot, "preview")
        assert agent.read[1:] == [(path, 64 << 10, (1 << 20) - (64 << 10))]
        assert "1 MiB of 5 GiB read" in screen(pilot.app)


async def test_a_picture_is_drawn(opened):
    out = io.BytesIO()
    Image.new("RGB", (40, 40), (255, 0, 0)).save(out, "PNG")
    async with opened("2", Holding(out.getvalue())) as pilot:
        shown = await seen(pilot, "a.png", len(out.getvalue()))
        assert "PNG 40 x 40" in shown
        assert "▀▀▀▀▀▀▀▀" in shown


async def test_a_broken_picture_is_bytes(opened):
    async with opened("2", Holding(b"\x89PNG\r\n\x1a\nxx")) as pilot:
        shown = await seen(pilot, "a.png", 10)
        assert "cannot decode the image" in shown
        assert "89 50 4e 47" in shown


async def test_one_that_cannot_be_read_says_why(opened):
    async with opened("2", Holding(None)) as pilot:
        assert "gone" in await seen(pilot, "a", 1)


async def test_an_archived_object_is_not_read(opened):
    agent = Holding(b"text")
    async with opened("2", agent) as pilot:
        shown = await seen(pilot, "a", 4, storage_class="DEEP_ARCHIVE")
        assert "archived (DEEP_ARCHIVE)" in shown
        assert agent.read == []


@pytest.mark.finding("tui-23")
async def test_a_long_key_is_cut_in_the_middle_of_the_title(opened):
    async with opened("2", Holding(b"text")) as pilot:
        shown = await seen(pilot, "n" * 900 + ".txt", 4)
        assert "nnn.txt" in shown
        assert "b/nnn" in shown
