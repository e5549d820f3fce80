import pytest
from rich.segment import Segment
from textual.app import App
from textual.strip import Strip

from s3d.tui.lines import Lines
from tests.tui.conftest import screen


class Shown(App[None]):
    CSS = "Lines { border: none; padding: 0; width: 100%; height: 100%; }"

    def compose(self):
        yield Lines([f"line {n} " + "x" * 100 for n in range(10_000)])


@pytest.fixture
async def pilot():
    async with Shown().run_test(size=(30, 10)) as pilot:
        pilot.app.query_one(Lines).focus()
        await pilot.pause()
        yield pilot


async def test_keys_scroll(pilot):
    for keys, first in ((["j", "down"], "line 2"), (["k"], "line 1"), (["G"], "line 999"),
                        (["g"], "line 0"), (["pagedown"], "line ")):  # fmt: skip
        await pilot.press(*keys)
        await pilot.pause()
        assert screen(pilot.app).splitlines()[0].startswith(first)
    await pilot.press("l")
    await pilot.pause()
    assert not screen(pilot.app).splitlines()[0].startswith("line")


async def test_lines_may_have_colours_and_are_no_markup(pilot):
    lines = pilot.app.query_one(Lines)
    lines.show([Strip([Segment("red")]), "[b]not[/b]"])
    await pilot.pause()
    assert screen(pilot.app).splitlines()[0].startswith("red")
    assert screen(pilot.app).splitlines()[1].startswith("[b]not[/b]")
