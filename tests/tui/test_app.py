import pytest

from s3d.shared.control import ApiVersion, Hello
from s3d.tui.app import TABS
from s3d.tui.client import Lost
from s3d.tui.demo import DemoAgent
from s3d.tui.state import Link
from tests.tui.conftest import loaded, screen


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 48)])
async def test_every_tab_is_drawn_at_every_size(opened, size):
    async with opened(size=size) as pilot:
        for number, (name, title, _) in enumerate(TABS, 1):
            await pilot.press(str(number))
            await pilot.pause()
            lines = screen(pilot.app).splitlines()
            assert len(lines) == size[1]
            assert f"[{number} {title}" in lines[1], name
            assert pilot.app.focused is not None


async def test_the_head_says_how_the_agent_is(opened):
    async with opened() as pilot:
        assert "connected  agent 1.0.0" in screen(pilot.app)
        assert "3 Transfers 7" in screen(pilot.app)
        assert "5 Sync !1" in screen(pilot.app)


class Gone(DemoAgent):
    async def ask(self, method, path, kind, body=None):
        raise Lost("no agent at /run/agent.sock")


async def test_an_agent_that_is_lost_is_a_line_and_the_data_stays(opened):
    async with opened("3") as pilot:
        app = pilot.app
        app.state.lost("no agent", 0.0, app.clock() + 2)
        app._draw_frame()
        await pilot.pause()
        shown = screen(app)
        assert "The agent does not answer: no agent" in shown
        assert "disconnected" in shown
        assert "backup/proj/video.mov" in shown
        await pilot.press("p")
        await pilot.pause()
        assert app.agent.asked == []
        assert "the agent does not answer" in screen(app)


async def test_without_an_agent_it_says_how_to_start_one():
    from s3d.tui.app import S3dApp

    app = S3dApp(Gone())
    async with app.run_test(size=(100, 30)) as pilot:
        while app.state.link is not Link.LOST:
            await pilot.pause()
        app._draw_frame()
        await pilot.pause()
        assert "s3d run" in screen(app)


async def test_read_only_asks_for_nothing(opened):
    async with opened("3", is_readonly=True) as pilot:
        await pilot.press("P", "r")
        await pilot.pause()
        assert pilot.app.agent.asked == []
        assert "this is read only" in screen(pilot.app)


class Newer(DemoAgent):
    def _get(self, place, words):
        if place == "/v1/hello":
            return Hello("9.0.0", ApiVersion(9), "b", 1, "http://127.0.0.1:1")
        return super()._get(place, words)


async def test_another_version_of_the_api_is_only_looked_at(opened):
    async with opened("3", Newer()) as pilot:
        while pilot.app.state.link is not Link.FOREIGN:
            await pilot.pause()
        await pilot.press("P")
        await pilot.pause()
        assert pilot.app.agent.asked == []
        pilot.app._draw_frame()
        await pilot.pause()
        assert "another version" in screen(pilot.app)


async def test_the_keys_of_a_tab_are_listed(opened):
    async with opened("3") as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        shown = screen(pilot.app)
        assert "Discard" in shown
        assert "Retry all" in shown
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_what_the_agent_refuses_is_told_with_its_hint(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.press("r")
        await loaded(pilot, "act")
        assert "the remote still says no" in screen(pilot.app)
