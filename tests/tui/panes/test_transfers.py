import pytest

from tests.tui.conftest import loaded, screen


async def test_a_failed_write_says_why_and_that_it_is_safe(opened):
    async with opened("3") as pilot:
        pilot.app.pane.query_one("#queue").go("8f10")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in ("AccessDenied (403)", "request id 7Z2K", "safe here until x", "✗ failed"):
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
        pilot.app.pane.draw()
        await pilot.pause()
        assert "No remote is set" in screen(pilot.app)
