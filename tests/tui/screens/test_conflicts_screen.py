import pytest

from s3d.shared.syncing import ConflictDiff
from s3d.tui.screens.conflicts_screen import ConflictsScreen, diff_lines
from s3d.tui.themes import THEMES
from tests.tui.conftest import loaded, screen, style_of


async def look(pilot):
    pilot.app.push_screen(ConflictsScreen("notes"))
    await loaded(pilot, "conflicts")


@pytest.mark.parametrize(("key", "keep"), [("r", "original"), ("l", "copy"), ("b", "both")])
async def test_which_one_stays_is_said(opened, key, keep):
    async with opened("5") as pilot:
        await look(pilot)
        assert "todo.md" in screen(pilot.app)
        await pilot.press(key)
        await loaded(pilot, "act", "conflicts")
        ((_, path, body),) = pilot.app.agent.calls
        assert (path, body.keep) == ("/v1/sync/notes:resolve", keep)
        assert body.copy.startswith("todo (conflict")


async def test_the_difference_is_shown_as_text(opened):
    async with opened("5") as pilot:
        await look(pilot)
        await pilot.press("equals_sign")
        await loaded(pilot, "diff")
        for text in ("-buy milk", "+buy [red]tea", "- remote", "1.2 KiB"):
            assert text in screen(pilot.app)


async def test_the_same_for_all_after_one(opened):
    async with opened("5") as pilot:
        await look(pilot)
        await pilot.press("A")
        await pilot.pause()
        assert "Resolve one conflict first" in screen(pilot.app)
        await pilot.press("b")
        await loaded(pilot, "act", "conflicts")
        await pilot.press("A", "y")
        await loaded(pilot, "act", "conflicts")
        assert [body.keep for _, _, body in pilot.app.agent.calls] == ["both", "both"]


def test_hostile_lines_are_text():
    changed = ["--- a", "+++ b", "+\x1b[31m\tx"]
    lines = diff_lines(ConflictDiff("a", "b", 1, 2, 0.0, 0.0, True, changed, True), THEMES[0])
    texts = [line if isinstance(line, str) else line.text for line in lines]
    assert texts[-4:] == ["--- a", "+++ b", "+␛[31m  x", "... and more"]


async def test_the_difference_has_the_colours_of_added_and_removed_lines(opened):
    async with opened("5") as pilot:
        await look(pilot)
        await pilot.press("equals_sign")
        await loaded(pilot, "diff")
        shown = screen(pilot.app)
        assert "todo.md: remote and local" in shown
        assert "- remote    1.2 KiB" in shown
        theme = pilot.app.current_theme
        for text, color in (("-buy milk", theme.error), ("+buy [red]tea", theme.success)):
            assert style_of(pilot.app, text).color.name == color
