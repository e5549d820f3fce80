import pytest

from s3d.shared.control import ApiVersion, Hello
from s3d.tui.agent_client import AgentUnreachable
from s3d.tui.app import TABS
from s3d.tui.app_state import Link
from s3d.tui.demo import DemoAgent
from tests.tui.conftest import loaded, screen


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 48)])
async def test_every_tab_is_drawn_at_every_size(opened, size):
    async with opened(size=size) as pilot:
        for number, (name, title, short, _) in enumerate(TABS, 1):
            await pilot.press(str(number))
            await pilot.pause()
            lines = screen(pilot.app).splitlines()
            assert len(lines) == size[1]
            assert f"[{number} {title if size[0] >= 96 else short}" in lines[1], name
            assert pilot.app.focused is not None
            assert lines[-1].rstrip().endswith("q Quit"), "no key is cut"
            assert max(map(len, lines)) == size[0]


async def test_the_head_says_how_the_agent_is(opened):
    async with opened() as pilot:
        assert "connected  agent 1.0.0" in screen(pilot.app)
        assert "3 Transfers 9" in screen(pilot.app)
        assert "5 Sync !2" in screen(pilot.app)


class Gone(DemoAgent):
    async def ask(self, method, path, kind, body=None):
        raise AgentUnreachable("no agent at /run/agent.sock")


async def test_an_agent_that_is_lost_is_a_line_and_the_data_stays(opened):
    async with opened("3") as pilot:
        app = pilot.app
        app.state.lost("no agent", 0.0, app.clock() + 2)
        app.draw_frame()
        await pilot.pause()
        shown = screen(app)
        assert "Agent connection lost (no agent)" in shown
        assert "Next try in 2 s" in shown
        assert "reconnecting, try 1" in shown
        assert "backup/proj/video.mov" in shown
        assert "data of 0 s ago" in shown
        for key in ("p", "x"):
            await pilot.press(key)
            await pilot.pause()
        assert app.agent.asked == []
        assert "the agent does not answer" in screen(app)


async def test_without_an_agent_it_says_how_to_start_one():
    from s3d.tui.app import S3dApp

    app = S3dApp(Gone())
    async with app.run_test(size=(100, 30)) as pilot:
        while app.state.link is not Link.LOST:
            await pilot.pause()
        app.draw_frame()
        await pilot.pause()
        for text in ("The agent is not running", "enter  start it now", "s3d run", "try 1"):
            assert text in screen(app)
        assert app.focused is app.query_one("#absent")


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
        pilot.app.draw_frame()
        await pilot.pause()
        assert "another version" in screen(pilot.app)


async def test_the_keys_of_a_tab_are_listed(opened):
    async with opened("3") as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        shown = screen(pilot.app)
        assert "Cancel" in shown
        assert "Retry all that failed" in shown
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_what_the_agent_refuses_is_told_with_its_hint(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.press("r")
        await loaded(pilot, "act")
        assert "the remote still says no" in screen(pilot.app)


async def test_tabs_are_clicked(opened):
    async with opened() as pilot:
        line = screen(pilot.app).splitlines()[1]
        for title, name in (("Sync", "sync"), ("Buckets", "buckets"), ("Logs", "logs")):
            await pilot.click("#tabs", offset=(line.index(title) + 1, 0))
            assert pilot.app._shown == name


async def test_the_palette_runs_what_it_lists(opened):
    async with opened("3") as pilot:
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press(*"pause all up")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.asked] == ["/v1/queue:pause"]


async def test_who_leaves_is_told_what_goes_on(opened):
    async with opened() as pilot:
        await pilot.press("q")
        assert pilot.app.last_word.startswith("5 writes, 1.5 GiB")


async def test_the_screen_is_saved_as_a_picture(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened() as pilot:
        await pilot.press("f12")
        (picture,) = tmp_path.iterdir()
        assert picture.read_text().startswith("<svg")


async def test_a_worker_that_breaks_does_not_end_the_app(opened):
    class Broken(DemoAgent):
        def _get(self, place, words):
            if place.endswith("/objects"):
                raise RuntimeError("a fault of ours")
            return super()._get(place, words)

    async with opened("2", Broken()) as pilot:
        await pilot.press("enter")
        await loaded(pilot, "listing")
        await pilot.press("1")
        assert "[1 Dashboard]" in screen(pilot.app)
