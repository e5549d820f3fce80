"""A field with a few choices."""

import pytest
from textual.app import App

from s3d.tui.option_field import OptionField


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
