import pytest

from s3d.tui.tabs import TABS
from tests.tui.conftest import screen


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 48)])
async def test_every_tab_is_drawn_at_every_size(opened, size):
    async with opened(size=size) as pilot:
        for number, (name, title, short) in enumerate(TABS, 1):
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
        assert "3 Transfers 9 !1" in screen(pilot.app)
        assert "5 Sync !2" in screen(pilot.app)


@pytest.mark.finding("tui-17")
async def test_an_agent_that_is_lost_is_a_line_and_the_data_stays(opened):
    async with opened("3") as pilot:
        app = pilot.app
        app.state.connection.mark_lost("no agent", 0.0, app.clock() + 2)
        app.main.draw_frame()
        await pilot.pause()
        shown = screen(app)
        assert "The agent isn't responding (no agent)" in shown
        assert "Next try in 2 s" in shown
        assert "reconnecting, try 1" in shown
        assert "backup/proj/video.mov" in shown
        assert "Last update 0 s ago, actions disabled" in shown
        for key in ("p", "x"):
            await pilot.press(key)
            await pilot.pause()
        assert app.agent.calls == []
        assert "Not done: the agent isn't responding" in screen(app)


@pytest.mark.finding("tui-46")
async def test_ctrl_c_says_how_to_quit(opened):
    async with opened() as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert "Press q to quit" in screen(pilot.app)


@pytest.mark.finding("tui-18")
async def test_the_head_has_the_colour_of_the_gravest_state(opened):
    async with opened() as pilot:
        head = pilot.app.main.query_one("#head")
        assert (head.has_class("-bad"), head.has_class("-odd")) == (True, False)
        pilot.app.workers.cancel_group(pilot.app, "feed")
        pilot.app.state.transfers, pilot.app.state.folders = [], []
        pilot.app.main.draw()
        assert not head.has_class("-bad")
        assert not head.has_class("-odd")


@pytest.mark.finding("tui-12")
@pytest.mark.parametrize("size", [(59, 30), (100, 15)])
async def test_a_terminal_that_is_too_small_is_said_so(opened, size):
    async with opened("2", size=size) as pilot:
        shown = " ".join(screen(pilot.app).split())
        assert "The terminal is too small. The app needs at least 60 columns and 16 rows." in shown
        await pilot.resize_terminal(60, 16)
        pilot.app.main.request_drawing()
        pilot.app.main._draw_if_needed()
        await pilot.pause()
        assert "too small" not in screen(pilot.app)
        assert pilot.app.focused is pilot.app.pane.table
        await pilot.press("j")
        assert pilot.app.pane.table.cursor.line == 1


async def test_what_the_foot_has_no_room_for_is_marked(opened):
    async with opened(size=(60, 20)) as pilot:
        pilot.app.messages.report(
            "notes saved", "s3d sync add /home/me/notes backup/notes/ '--filter=!*.tmp'"
        )
        await pilot.pause()
        foot = screen(pilot.app).splitlines()[-2]
        assert "s3d sync add" in foot
        assert foot.rstrip().endswith("…")
