import pytest

from tests.tui.conftest import loaded, screen


async def test_a_failed_write_says_why_and_that_it_is_safe(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in ("AccessDenied (403)", "request id 7Z2K", "bytes are safe here", "✗ failed"):
            assert text in shown


@pytest.mark.parametrize(
    ("id", "keys", "wanted"),
    [
        ("8f21", ["p"], ["/v1/transfers/8f21:pause"]),
        ("8f24", ["p"], ["/v1/transfers/8f24:resume"]),
        ("8f21", ["K"], ["/v1/transfers/8f21:priority"]),
        ("8f21", ["P"], ["/v1/queue:pause"]),
        ("8f21", ["R"], ["/v1/queue:retry"]),
        ("8f10", ["x", "n"], []),
        ("8f10", ["x", "y"], ["/v1/transfers/8f10:discard"]),
        ("t1", ["x"], ["/v1/transfers/t1:cancel"]),
        ("t1", ["p"], ["/v1/transfers/t1:pause"]),
        ("t1", ["K"], []),
        ("8f21", ["C"], ["/v1/transfers:clear"]),
        ("8f21", ["space", "space", "p"], ["/v1/transfers/8f21:pause", "/v1/transfers/8f22:pause"]),
        ("8f21", ["b", *["backspace"] * 3, *"5M", "enter"], ["/v1/bandwidth"]),
        ("8f21", ["b", *"x", "enter"], []),
    ],
)
async def test_keys_ask_the_agent(opened, id, keys, wanted):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go(id)
        await pilot.press(*keys)
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.asked] == wanted


async def test_without_a_remote_there_is_no_queue(opened):
    import msgspec

    async with opened("3") as pilot:
        state = pilot.app.state
        state.status = msgspec.structs.replace(state.status, queue=None)
        state.transfers = []
        pilot.app.draw()
        await pilot.pause()
        assert "No remote is set" in screen(pilot.app)


async def test_progress_is_a_bar_with_rate_and_time(opened):
    async with opened("3") as pilot:
        line = next(line for line in screen(pilot.app).splitlines() if "8f21" in line)
        assert "66%" in line
        assert "31 MiB/s" in line
        assert "━━━━━━━━━─────" in line
    async with opened("3", size=(80, 24)) as pilot:
        line = next(line for line in screen(pilot.app).splitlines() if "8f21" in line)
        assert "66%" in line


async def test_news_of_what_runs_move_the_bar_and_not_the_cursor(opened):
    from s3d.tui.demo import DemoAgent
    from s3d.tui.demo_values import NOW

    now = [NOW]
    async with opened("3", DemoAgent(lambda: now[0])) as pilot:
        pilot.app.pane.query_one("#queue").go("8f22")
        now[0] += 5
        await pilot.app.feed._glance()
        pilot.app.pane.draw()
        await pilot.pause()
        line = next(line for line in screen(pilot.app).splitlines() if "8f22" in line)
        assert "63%" in line
        assert pilot.app.pane._current.id == "8f22"


async def test_one_state_alone_and_a_filter(opened):
    async with opened("3") as pilot:
        table = pilot.app.pane.query_one("#queue")
        await pilot.press("tab", "tab", "tab", "tab")
        assert [row.id for row in table.rows] == ["8f10"]
        await pilot.press("shift+tab", "shift+tab")
        assert [row.id for row in table.rows] == ["8f25", "8f26"]
        await pilot.press("shift+tab", "shift+tab", "slash", *"accessd", "enter")
        assert [row.id for row in table.rows] == ["8f10"]
        await pilot.press("escape")
        assert len(table.rows) == 10


async def test_the_log_of_one_is_looked_up(opened):
    async with opened("3") as pilot:
        await pilot.app.feed._look_at_log()
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.press("L")
        await pilot.pause()
        assert "[6 Logs]" in screen(pilot.app)
        assert "db.dump" in pilot.app.pane._current.message
