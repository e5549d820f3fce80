import pytest

from s3d.tui.screens.form_screen import Field
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
        for text in ("A form [/]", "about [red]it", "some letters", "[skip]  replace"):
            assert text in shown
        await pilot.press(*"abc", "tab", "ctrl+o", "ctrl+s")
        await pilot.pause()
        assert found == [{"one": "abc", "two": "replace", "three": "x\ny"}]


async def test_what_is_wrong_is_said_and_holds_it_back(opened):
    async with opened() as pilot:
        found = []
        pilot.app.prompts.fill_in("A form", FIELDS, found.append)
        await pilot.pause()
        await pilot.press(*"abcdef")
        await pilot.pause()
        assert "✗ too long [/]" in screen(pilot.app)
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert "✗ too long [/]" in screen(pilot.app)
        assert found == []
        await pilot.press("escape")
        await pilot.pause()
        assert (found, len(pilot.app.screen_stack)) == ([], 1)


@pytest.mark.finding("tui-13")
async def test_what_is_typed_replaces_a_default_and_continues_a_beginning(opened):
    async with opened() as pilot:
        found = []
        fields = [Field("limit", "Limit", "off"), Field("path", "Path", "~/", is_beginning=True)]
        pilot.app.prompts.fill_in("A form", fields, found.append)
        await pilot.pause()
        await pilot.press(*"8MiB", "tab", *"notes", "enter")
        await pilot.pause()
        assert found == [{"limit": "8MiB", "path": "~/notes"}]


@pytest.mark.finding("tui-15")
async def test_enter_is_a_new_line_in_a_text_and_the_form_says_so(opened):
    async with opened() as pilot:
        found = []
        fields = [Field("tags", "Tags", "a=1", lines=4)]
        pilot.app.prompts.fill_in("Tags", fields, found.append, verb="saves")
        await pilot.pause()
        shown = screen(pilot.app)
        assert "ctrl+s saves   enter new line" in shown
        assert "enter saves" not in shown
        await pilot.press("end", "enter", *"b=2", "ctrl+s")
        await pilot.pause()
        assert found == [{"tags": "a=1\nb=2"}]


@pytest.mark.finding("tui-35")
async def test_a_form_opens_without_errors_and_has_them_when_it_is_saved(opened):
    async with opened() as pilot:
        fields = [Field("name", "Name", "", lambda text: "" if text else "Enter a name")]
        pilot.app.prompts.fill_in("A form", fields, lambda values: None)
        await pilot.pause()
        assert "✗" not in screen(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "✗ Enter a name" in screen(pilot.app)
