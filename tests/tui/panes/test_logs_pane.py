import pytest

from s3d.shared.diagnostics import LogLine
from tests.tui.conftest import screen


@pytest.fixture
def full(opened):
    """The pane with a hundred lines, every tenth an error."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def open_():
        async with opened("6") as pilot:
            state, pane = pilot.app.state, pilot.app.pane
            state.log.clear()
            for number in range(100):
                level = "error" if number % 10 == 0 else "info"
                source = "sync" if number % 2 else "store.queue"
                message = f"line {number} \x1b[31m[b]"
                state.log.append(LogLine(number, 0.0, level, source, message))
            pane.draw()
            await pilot.pause()
            yield pilot

    return open_


def current(pilot):
    return pilot.app.pane._current.message.split()[1]


async def test_lines_are_shown_by_level_and_the_end_is_followed(full):
    async with full() as pilot:
        assert "line 99 ␛[31m[b]" in screen(pilot.app)
        await pilot.press("l", "l")
        await pilot.pause()
        assert current(pilot) == "90"
        assert len(pilot.app.pane._lines) == 10
        await pilot.press("g")
        await pilot.pause()
        assert "line 0" in screen(pilot.app)
        assert "follow off, 0 new" in screen(pilot.app)


async def test_who_looks_at_an_old_line_is_told_of_new_ones(full):
    async with full() as pilot:
        await pilot.press("k", "k")
        pilot.app.state.log.append(LogLine(101, 0.0, "info", "sync", "line 100"))
        pilot.app.pane.draw()
        await pilot.pause()
        assert current(pilot) == "97"
        assert "1 new" in screen(pilot.app)
        await pilot.press("f")
        assert current(pilot) == "100"


async def test_a_search_goes_backwards_and_on(full):
    async with full() as pilot:
        await pilot.press("slash", *"LINE 4", "enter")
        await pilot.pause()
        assert current(pilot) == "49"
        await pilot.press("N")
        assert current(pilot) == "48"
        await pilot.press("n", "n")
        await pilot.pause()
        assert current(pilot) == "49"
        assert "No more matches for LINE 4" in screen(pilot.app)
        await pilot.press("escape", "n")
        await pilot.pause()
        assert "Press / to search first" in screen(pilot.app)


async def test_one_source_alone(full):
    async with full() as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert {line.source for line in pilot.app.pane._lines} == {"store.queue"}
        await pilot.press("s", "s")
        assert len(pilot.app.pane._lines) == 100


async def test_a_line_is_copied_shown_whole_and_all_are_saved(full, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    async with full() as pilot:
        await pilot.press("y")
        assert pilot.app.clipboard == "line 99 \x1b[31m[b]"
        await pilot.press("enter")
        await pilot.pause()
        assert "1970-01-01" in screen(pilot.app)
        await pilot.press("escape", "e")
        (saved,) = tmp_path.iterdir()
        lines = saved.read_text().splitlines()
        assert len(lines) == 100
        assert "\x1b" not in saved.read_text()


async def test_what_the_agent_has_said_before_is_there(opened):
    async with opened("6") as pilot:
        assert "8f10 AccessDenied" in screen(pilot.app)
        await pilot.app.feed.poll()
        assert len(pilot.app.state.log) == 6, "no line comes twice"
