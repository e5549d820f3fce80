from s3d.shared.control import Problem
from s3d.tui.agent_client import RequestRefused
from s3d.tui.demo import DemoAgent
from tests.tui.conftest import loaded, screen


async def test_what_was_done_is_told_at_the_foot_with_its_command(opened):
    async with opened() as pilot:
        pilot.app.actions.send("POST", "/v1/queue:pause", "queue paused", command="s3d queue pause")
        await loaded(pilot, "act")
        assert "✓ queue paused   $ s3d queue pause" in screen(pilot.app)


async def test_what_is_refused_is_told_with_its_hint(opened):
    class Refusing(DemoAgent):
        def _do(self, *arguments):
            raise RequestRefused(Problem("X", "not now", "because", "wait a little"))

    async with opened(agent=Refusing()) as pilot:
        done = []
        pilot.app.actions.send("POST", "/v1/x", "done", then=lambda: done.append(1))
        await loaded(pilot, "act")
        assert "not now: because. wait a little" in screen(pilot.app)
        assert done == []


async def test_what_is_below_prefixes_is_counted(opened):
    async with opened() as pilot:
        found = []
        pilot.app.actions.count_below("pix", ["photos/", "notes/"], lambda *n: found.append(n))
        await loaded(pilot, "count")
        ((files, _, is_all),) = found
        assert (files, is_all) == (24, True)


async def test_very_many_are_not_all_counted(opened, monkeypatch):
    monkeypatch.setattr("s3d.tui.agent_actions.COUNT_TIME", 0.0)
    async with opened() as pilot:
        found = []
        pilot.app.actions.count_below("big", [""], lambda *n: found.append(n))
        await loaded(pilot, "count")
        assert found[0][0] == 1000
        assert found[0][2] is False
