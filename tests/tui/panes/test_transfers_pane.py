import msgspec
import pytest

from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from tests.tui.conftest import screen


async def test_a_failed_write_says_why_and_that_it_is_safe(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in (
            "AccessDenied (HTTP 403)",
            "request id 7Z2K",
            "data is safe on this",
            "✗ failed",
        ):
            assert text in shown


async def test_without_a_remote_there_is_no_queue(opened):
    class WithoutRemote(DemoAgent):
        def _status(self):
            return msgspec.structs.replace(super()._status(), queue=None)

    agent = WithoutRemote()
    agent.transfers = []
    async with opened("3", agent) as pilot:
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
    now = [NOW]
    async with opened("3", DemoAgent(lambda: now[0])) as pilot:
        pilot.app.pane.query_one("#queue").go("8f22")
        now[0] += 5
        await pilot.app.feed._poll_running_transfers()
        pilot.app.pane.draw()
        await pilot.pause()
        line = next(line for line in screen(pilot.app).splitlines() if "8f22" in line)
        assert "63%" in line
        assert pilot.app.pane._current.id == "8f22"


async def test_after_a_filter_that_nothing_matches_the_cursor_is_where_it_was(opened):
    async with opened("3") as pilot:
        table = pilot.app.pane.query_one("#queue")
        table.go("8f26")
        await pilot.press("slash", *"zzz", "enter")
        assert "No match." in screen(pilot.app)
        await pilot.press("escape")
        assert table.current.id == "8f26"


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
        assert len(table.rows) == 11


@pytest.mark.parametrize("state", ["conflict", "verifying"])
async def test_a_rare_state_is_counted_and_listed_when_a_write_has_it(opened, state):
    async with opened("3") as pilot:
        assert f"{state} 0" not in screen(pilot.app)
    agent = DemoAgent()
    (at,) = (n for n, each in enumerate(agent.transfers) if each.id == "8f26")
    agent.transfers[at] = msgspec.structs.replace(agent.transfers[at], state=state)
    async with opened("3", agent) as pilot:
        assert f"{state} 1" in screen(pilot.app)
        while f"[{state} 1]" not in screen(pilot.app):
            await pilot.press("tab")
            await pilot.pause()
        assert [row.id for row in pilot.app.pane.query_one("#queue").rows] == ["8f26"]


async def test_the_log_of_one_is_looked_up(opened):
    async with opened("3") as pilot:
        await pilot.app.feed._poll_log()
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.press("L")
        await pilot.pause()
        assert "[6 Logs]" in screen(pilot.app)
        assert "db.dump" in pilot.app.pane._current.message


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_in_a_small_terminal_enter_shows_all_of_a_transfer(opened, size):
    async with opened("3", size=size) as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.pause()
        assert "enter shows all" in screen(pilot.app)
        await pilot.press("enter")
        shown = screen(pilot.app)
        for text in ("Transfer 8f10", "Grant s3:PutObject", "on this machine.", "request id 7Z2K"):
            assert text in shown


async def test_the_cursor_stays_in_sight_when_the_table_gets_less_room(opened):
    async with opened("3", size=(60, 26)) as pilot:
        pilot.app.pane.table.go("8f10")
        await pilot.pause()
        assert "> ↑ backup/db.dump" in screen(pilot.app)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert "> ↑ backup/db.dump" in screen(pilot.app)


async def test_at_80_columns_the_advice_is_seen_before_the_request_id(opened):
    async with opened("3", size=(80, 24)) as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.pause()
        shown = screen(pilot.app)
        assert "Grant s3:PutObject" in shown
        assert "Your data is safe" in shown
