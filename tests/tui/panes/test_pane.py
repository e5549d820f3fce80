import pytest

from s3d.tui.app_state import Link
from s3d.tui.screens.main_screen import PANES
from tests.tui.conftest import screen


@pytest.mark.parametrize(
    ("tab", "key", "label"), [("1", "P", "Pause all"), ("2", "D", "Delete"), ("4", "E", "Evict")]
)
async def test_what_changes_something_is_dim_while_the_agent_is_away(opened, tab, key, label):
    async with opened(tab) as pilot:
        app = pilot.app
        await pilot.pause()

        def is_offered() -> bool:
            active = app.screen.active_bindings[key]
            assert active.binding.description == label
            return active.enabled

        assert is_offered()
        app.workers.cancel_group(app, "feed")
        app.state.connection.link = Link.LOST
        app.main.draw_frame()
        await pilot.pause()
        assert not is_offered()
        await pilot.press(key)
        assert "Not done: the agent isn't responding" in screen(app)


async def test_every_pane_takes_the_keys_when_it_is_shown(opened):
    async with opened() as pilot:
        for number, kind in enumerate(PANES.values(), 1):
            await pilot.press(str(number))
            await pilot.pause()
            pane = pilot.app.pane
            assert isinstance(pane, kind)
            assert pilot.app.focused is pane.query_one(pane.FOCUS)
            assert (pane.host, pane.state) == (pilot.app, pilot.app.state)
