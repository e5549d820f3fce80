from textual.command import CommandPalette

from s3d.shared.control import ApiVersion, Hello
from s3d.tui.agent_client import AgentUnreachable
from s3d.tui.app_state import Link
from s3d.tui.demo import DemoAgent
from s3d.tui.preferences import Preferences
from tests.tui.conftest import loaded, screen


class Gone(DemoAgent):
    async def call(self, method, path, kind, body=None):
        raise AgentUnreachable("no agent at /run/agent.sock")


async def test_without_an_agent_it_says_how_to_start_one(monkeypatch):
    monkeypatch.setattr("s3d.tui.feed.RETRY_DELAYS", (600.0,))
    from s3d.tui.app import S3dApp

    app = S3dApp(Gone())
    async with app.run_test(size=(100, 30)) as pilot:
        while app.state.connection.link is not Link.LOST:
            await pilot.pause()
        app.main.draw_frame()
        await pilot.pause()
        for text in ("The agent is not running", "enter  start it now", "s3d run", "try 1"):
            assert text in screen(app)
        assert app.focused is app.query_one("#absent")


async def test_read_only_asks_for_nothing(opened):
    async with opened("3", is_readonly=True) as pilot:
        await pilot.press("P", "r")
        await pilot.pause()
        assert pilot.app.agent.calls == []
        assert "The app is read-only" in screen(pilot.app)


class Newer(DemoAgent):
    def _get(self, place, words):
        if place == "/v1/hello":
            return Hello("9.0.0", ApiVersion(9), "b", 1, "http://127.0.0.1:1")
        return super()._get(place, words)


async def test_another_version_of_the_api_is_only_looked_at(opened):
    async with opened("3", Newer()) as pilot:
        while pilot.app.state.connection.link is not Link.FOREIGN:
            await pilot.pause()
        await pilot.press("P")
        await pilot.pause()
        assert pilot.app.agent.calls == []
        pilot.app.main.draw_frame()
        await pilot.pause()
        assert "another version" in screen(pilot.app)


async def test_the_keys_of_a_tab_are_listed(opened):
    async with opened("3") as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        shown = screen(pilot.app)
        assert "Cancel" in shown
        assert "Retry all failed" in shown
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_what_the_agent_refuses_is_told_with_its_hint(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.press("r")
        await loaded(pilot, "act")
        assert "the remote still says no" in screen(pilot.app)


async def test_the_palette_runs_what_it_lists(opened):
    async with opened("3") as pilot:
        await pilot.press("ctrl+p")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press(*"pause all up")
        await loaded(pilot, CommandPalette._GATHER_COMMANDS_GROUP)
        await pilot.press("enter")
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.calls] == ["/v1/queue:pause"]


async def test_who_leaves_is_told_what_goes_on(opened):
    async with opened() as pilot:
        await pilot.press("q")
        assert pilot.app.return_value.startswith("5 writes, 1.4 GiB")


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


async def test_preferences_that_cannot_be_kept_are_told(opened, tmp_path):
    (tmp_path / "file").touch()
    preferences = Preferences(path=tmp_path / "file/tui.toml")
    async with opened(preferences=preferences) as pilot:
        await pilot.press("f2")
        await pilot.pause()
        assert "cannot save the preferences" in screen(pilot.app)
