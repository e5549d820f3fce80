import msgspec
import pytest

from s3d.tui.demo import DemoAgent
from tests.tui.conftest import loaded, screen


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


@pytest.mark.finding("tui-5")
@pytest.mark.parametrize(
    ("id", "state", "keys", "toast"),
    [
        ("8f23", "running", ["K"], "Can't reprioritise a running upload"),
        ("8f23", "held", ["r"], "it is paused"),
        ("t2", "done", ["K"], "Only queued uploads have a priority"),
    ],
)
async def test_what_is_not_possible_is_neither_asked_nor_sent(opened, id, state, keys, toast):
    agent = DemoAgent()
    agent.transfers = [
        msgspec.structs.replace(each, state=state, actions=["export"]) if each.id == id else each
        for each in agent.transfers
    ]
    async with opened("3", agent) as pilot:
        pilot.app.pane.query_one("#queue").go(id)
        await pilot.pause()
        await pilot.press(*keys)
        await loaded(pilot, "act")
        assert agent.calls == []
        assert toast in screen(pilot.app)


@pytest.mark.finding("tui-5")
async def test_the_footer_offers_only_what_the_agent_allows(opened):
    agent = DemoAgent()
    agent.transfers = [
        msgspec.structs.replace(each, actions=["export"]) if each.id == "8f23" else each
        for each in agent.transfers
    ]
    async with opened("3", agent) as pilot:
        for id, offered in (("8f23", False), ("8f21", True)):
            pilot.app.pane.query_one("#queue").go(id)
            await pilot.pause()
            bindings = pilot.app.screen.active_bindings
            assert all(bindings[key].enabled is offered for key in ("p", "x", "r"))
