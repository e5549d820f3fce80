"""A pilot that does not sleep still waits for all that the app does on its own."""

import asyncio

import pytest
from textual.app import App
from textual.widgets import Label


class Steps(App):
    """A key takes steps that follow each other, in the ways in which the app of s3d takes them."""

    def compose(self):
        yield Label("nothing")

    def on_key(self):
        self.call_later(self.read)

    def read(self):
        self.run_worker(self.read_in_a_thread())

    async def read_in_a_thread(self):
        text = await asyncio.to_thread(lambda: "read")
        self.call_next(self.show, text)

    def show(self, text):
        self.query_one(Label).update(text)
        self.call_after_refresh(self.mark)

    def mark(self):
        self.query_one(Label).add_class("marked")


@pytest.mark.parametrize("number", range(3))
async def test_steps_that_follow_each_other_are_waited_for(number):
    app = Steps()
    async with app.run_test() as pilot:
        await pilot.press("a")
        label = app.query_one(Label)
        assert str(label.content) == "read"
        assert label.has_class("marked")


async def test_a_new_size_is_there():
    app = Steps()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(50, 10)
        assert tuple(app.screen.size) == (50, 10)
