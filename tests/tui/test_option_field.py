"""A field with a few choices."""

import pytest
from textual.app import App

from s3d.tui.option_field import OptionField
from s3d.tui.screens.form_screen import Field
from tests.tui.conftest import screen


class Form(App):
    def __init__(self):
        super().__init__()
        self.changes = []

    def compose(self):
        yield OptionField(["two-way", "backup", "mirror", "manual"], "backup", "mode")

    def on_option_field_changed(self, message):
        self.changes.append(message.field.value)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ([], "backup"),
        (["right"], "mirror"),
        (["left"], "two-way"),
        (["left", "left"], "manual"),
        (["m"], "mirror"),
        (["m", "m"], "manual"),
        (["m", "m", "m"], "mirror"),
        (["z"], "backup"),
    ],
)
async def test_keys_choose(keys, value):
    form = Form()
    async with form.run_test() as pilot:
        field = form.query_one(OptionField)
        field.focus()
        await pilot.press(*keys)
        assert field.value == value
        assert form.changes[-1:] == ([value] if value != "backup" else [])


async def test_a_text_that_is_no_choice_changes_nothing():
    form = Form()
    async with form.run_test() as pilot:
        field = form.query_one(OptionField)
        field.value = "both"
        await pilot.pause()
        assert (field.value, form.changes) == ("backup", [])


@pytest.mark.finding("tui-14")
@pytest.mark.parametrize("keys", [["right"], ["r"], ["space"], ["left"], ["ctrl+o"], ["l"]])
async def test_choices_are_chosen_and_nothing_else_can_be_typed(opened, keys):
    async with opened() as pilot:
        found = []
        fields = [Field("what", "What", "skip", options=("skip", "replace"))]
        pilot.app.prompts.fill_in("A form", fields, found.append)
        await pilot.pause()
        await pilot.press(*"xyz", *keys)
        await pilot.pause()
        assert " skip  [replace]" in screen(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert found == [{"what": "replace"}]


async def test_a_choice_is_clicked(opened):
    async with opened() as pilot:
        fields = [Field("what", "What", "GET", options=("GET", "PUT", "HEAD"))]
        pilot.app.prompts.fill_in("A form", fields, lambda values: None)
        await pilot.pause()
        await pilot.click("#what", offset=(8, 0))
        assert pilot.app.screen.values == {"what": "PUT"}
