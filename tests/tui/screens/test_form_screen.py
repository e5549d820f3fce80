import pytest

from s3d.tui.screens.form_screen import Field, PathSuggester
from tests.tui.conftest import screen


def short(text):
    return "" if len(text) < 5 else "too long [/]"


FIELDS = [
    Field("one", "One", "ab", short, hint="some letters"),
    Field("two", "Two", "skip", options=("skip", "replace")),
    Field("three", "Three", "x\ny", lines=3),
]


async def test_it_gives_what_was_written(opened):
    async with opened() as pilot:
        found = []
        pilot.app.prompts.fill_in("A form [/]", FIELDS, found.append, details="about [red]it")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in ("A form [/]", "about [red]it", "some letters", "[skip] | replace"):
            assert text in shown
        await pilot.press("c", "tab", "ctrl+o", "ctrl+s")
        await pilot.pause()
        assert found == [{"one": "abc", "two": "replace", "three": "x\ny"}]


async def test_what_is_wrong_is_said_and_holds_it_back(opened):
    async with opened() as pilot:
        found = []
        pilot.app.prompts.fill_in("A form", FIELDS, found.append)
        await pilot.pause()
        await pilot.press(*"cdef")
        await pilot.pause()
        assert "✗ too long [/]" in screen(pilot.app)
        await pilot.press("tab", *"x", "enter")
        await pilot.pause()
        assert "is one of skip, replace" in screen(pilot.app)
        assert found == []
        await pilot.press("escape")
        await pilot.pause()
        assert (found, len(pilot.app.screen_stack)) == ([], 1)


@pytest.mark.parametrize(("typed", "wanted"), [("no", "notes/"), ("a", "a.txt"), ("x", None)])
async def test_a_path_goes_on(tmp_path, typed, wanted):
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").touch()
    found = await PathSuggester().get_suggestion(f"{tmp_path}/{typed}")
    assert found == (f"{tmp_path}/{wanted}" if wanted else None)
    assert await PathSuggester().get_suggestion(f"{tmp_path}/none/x") is None
    assert await PathSuggester().get_suggestion(f"{tmp_path}/") is None
