from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from tests.tui.conftest import screen


async def test_what_is_answered_is_called_back(opened):
    async with opened() as pilot:
        answers = []
        prompts = pilot.app.prompts
        prompts.confirm("Sure?", lambda: answers.append("yes"))
        await pilot.press("y")
        prompts.confirm("Sure?", lambda: answers.append("typed"), "pix")
        await pilot.press(*"pix", "enter")
        prompts.choose(
            "One", [Choice("a", "first", "1"), Choice("b", "second", "2")], answers.append
        )
        await pilot.press("b")
        prompts.fill_in("Form", [Field("name", "Name", "x")], answers.append)
        await pilot.press("enter")
        await pilot.pause()
        assert answers == ["yes", "typed", "2", {"name": "x"}]


async def test_what_is_closed_is_not_called_back(opened):
    async with opened() as pilot:
        answers = []
        prompts = pilot.app.prompts
        prompts.confirm("Sure?", lambda: answers.append("yes"))
        await pilot.press("n")
        prompts.choose("One", [Choice("a", "first", "1")], answers.append)
        await pilot.press("escape")
        prompts.fill_in("Form", [Field("name", "Name", "x")], answers.append)
        await pilot.press("escape")
        prompts.view("Text", ["a line"], "copied")
        await pilot.pause()
        assert "a line" in screen(pilot.app)
        await pilot.press("y", "escape")
        await pilot.pause()
        assert (answers, pilot.app.clipboard) == ([], "copied")
