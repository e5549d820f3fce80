import pytest

from tests.tui.conftest import screen


@pytest.mark.parametrize(("key", "done"), [("y", 1), ("n", 0), ("escape", 0), ("enter", 0)])
async def test_only_yes_is_yes(opened, key, done):
    async with opened() as pilot:
        answers = []
        pilot.app.prompts.confirm("Delete [red]all[/red]\x1b[2J?", lambda: answers.append(1))
        await pilot.pause()
        assert "Delete [red]all[/red]␛[2J?" in screen(pilot.app)
        await pilot.press(key)
        await pilot.pause()
        assert len(answers) == done
        assert len(pilot.app.screen_stack) == 1


async def test_a_text_is_shown_as_it_is_and_closed(opened):
    async with opened() as pilot:
        pilot.app.prompts.view("title [/]", [f"line {n} [b]" for n in range(100)])
        await pilot.pause()
        assert "line 0 [b]" in screen(pilot.app)
        assert "title [/]" in screen(pilot.app)
        await pilot.press("j", "j", "k", "q")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.finding("tui-36")
async def test_another_text_than_the_one_to_type_is_named_and_the_question_stays(opened):
    async with opened() as pilot:
        answers = []
        pilot.app.prompts.confirm("Delete all?", lambda: answers.append(1), "datasets")
        await pilot.pause()
        assert "Type datasets to confirm" in screen(pilot.app)
        assert "enter confirm   esc cancel" in screen(pilot.app)
        await pilot.press(*"dataset", "enter")
        await pilot.pause()
        assert "dataset is not datasets" in screen(pilot.app)
        assert (answers, len(pilot.app.screen_stack)) == ([], 2)
        await pilot.press(*"datasets", "enter")
        await pilot.pause()
        assert (answers, len(pilot.app.screen_stack)) == ([1], 1)
