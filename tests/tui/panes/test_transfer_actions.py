import pytest

from tests.tui.conftest import loaded


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
        assert [path for _, path, _ in pilot.app.agent.calls] == wanted
