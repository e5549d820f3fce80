"""No text on any screen is false: the app before a real agent, against `s3d … --json`."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from textual.worker import WorkerCancelled, WorkerFailed

from s3d.tui.agent_client import SocketAgent
from s3d.tui.app import S3dApp
from tests.tui.conftest import loaded
from tests.tui.truth.agent_json import AgentJson
from tests.tui.truth.checker import falsehoods
from tests.tui.truth.rules import RULES
from tests.tui.truth.scenes import ACTS, STORE_SCENES
from tests.tui.truth.screen_parts import Cells, Part, parts_of
from tests.tui.truth.table_rules import TABLES
from tests.tui.truth.world import world

pytestmark = [pytest.mark.slow]
SIZE = (170, 46)
PATIENCE = 30.0
"""Seconds in which a screen has to become true: figures may change while it is drawn."""
GROUPS = ("listing", "inspect", "preview", "check", "fill", "conflicts", "diff", "versions",
          "settings", "plan", "count", "act", "tags", "sizes", "properties", "names",
          "folder")  # fmt: skip


class Stage:
    """The app, whose clock stands still during a scene."""

    def __init__(self, agent, pilot):
        self.agent, self.pilot, self.app = agent, pilot, pilot.app
        self.now = time.time()
        self.app.clock = lambda: self.now

    async def play(self, scene):
        """What is false in a scene, once it had the time to become true."""
        sources, end = set(), time.monotonic() + PATIENCE
        await self._enter(scene)
        while True:
            before = AgentJson(self.agent.places.socket, self.now, sources)
            await self._draw(scene)
            parts, outside = parts_of(self.app)
            after = AgentJson(self.agent.places.socket, self.now)
            # A source is read when a rule needs it. So before the first round, nothing was read.
            looks = (before, after) if sources else (after,)
            wrong = falsehoods(parts, RULES, TABLES, looks)
            wrong += [f"in no part: {outside!r}"] if outside else []
            sources |= set(after.read)
            if not wrong or time.monotonic() > end:
                await self._leave()
                return wrong

    async def _enter(self, scene):
        app, self.now = self.app, time.time()
        app.main.show_tab(scene.tab)
        if scene.tab == "buckets":
            app.pane.navigation.open_place(scene.place)
        await self._draw(scene)
        if scene.row:
            app.pane.show_row(scene.row)
            assert app.pane.table.current.id == scene.row, (scene, app.pane.table.rows)
        for key in scene.keys:
            await self.pilot.press(key)
            await loaded(self.pilot, *GROUPS)

    async def _draw(self, scene):
        """Have the agent's state on the screen."""
        await self.app.feed.poll()
        if len(self.app.screen_stack) == 1:
            self.app.main.draw()
        await loaded(self.pilot, *GROUPS)

    async def _leave(self):
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
            await self.pilot.pause()


@asynccontextmanager
async def stage_of(agent, monkeypatch):
    """The app before an agent, which reads its state only when a scene is drawn."""
    for name, value in agent.env.items():
        monkeypatch.setenv(name, value)
    app = S3dApp(SocketAgent(agent.places.socket))
    async with app.run_test(size=SIZE) as pilot:
        while not app.state.connection.is_live:
            await pilot.pause()
        for worker in app.workers.cancel_group(app, "feed"):
            with suppress(WorkerCancelled, WorkerFailed):
                await worker.wait()
        yield Stage(agent, pilot)


async def play_all(stage, scenes):
    """What is false in scenes."""
    return [f"{scene.name}: {each}" for scene in scenes for each in await stage.play(scene)]


async def test_no_text_on_any_screen_is_false(monkeypatch):
    wrong = []
    with world() as world_:
        async with stage_of(world_.agent, monkeypatch) as stage:
            for act in ACTS:
                await asyncio.to_thread(act.begin, world_)
                wrong += await play_all(stage, act.scenes)
        async with stage_of(world_.store, monkeypatch) as stage:
            wrong += await play_all(stage, STORE_SCENES)
    assert not wrong, "\n".join(wrong)
    assert sum(len(act.scenes) for act in ACTS) >= 30


NOW = 1_000_000.0


def look(**sources):
    agent = AgentJson(Path("none"), NOW)
    agent.read = sources
    return agent


def wrong(part, agent):
    return falsehoods([part], RULES, TABLES, [agent])


STATUS = {
    "status": {"remote": {"ok": True, "last_success": NOW - 8}, "version": "1.2",
               "started": NOW - 90, "endpoint": "http://x:1", "queue": {"next_check": None}},
    "samples": {"up": [0.0, 2048.0], "down": [0.0]},
}  # fmt: skip
TRUE_HEAD = "s3d ● connected agent 1.2 up 1 min http://x:1 ↑ 2 KiB/s ↓ 0 B/s"


def test_what_is_true_passes():
    assert wrong(Part("head", TRUE_HEAD), look(**STATUS)) == []


@pytest.mark.parametrize(
    ("true", "false"),
    [("1 min", "2 min"), ("connected", "disconnected"), ("↑ 2", "↑ 12"), ("2 KiB", "2.2 KiB"),
     ("1.2", "1.3"), ("http://x:1", "http://x:2"), ("agent", "agent elsewhere"),
     ("s3d", "s3d 7")],
)  # fmt: skip
def test_a_false_number_state_time_or_name_is_found(true, false):
    text = TRUE_HEAD.replace(true, false)
    assert wrong(Part("head", text), look(**STATUS))


def test_a_number_at_another_label_is_found():
    counts = {state: {"files": 0, "size": 0} for state in ("held", "verifying", "failed")}
    counts |= {"waiting": {"files": 2, "size": 10}, "running": {"files": 1, "size": 5}}
    writes = [{"state": state, "size": 5} for state in ("running", "waiting", "waiting")]
    agent = look(status={"queue": {**counts, "paused": False}}, transfers=writes)
    agent.read["samples"] = STATUS["samples"]
    assert wrong(Part("queue-box", "running 1 waiting 2"), agent) == []
    assert wrong(Part("queue-box", "running 2 waiting 1"), agent)


def test_a_row_has_to_be_one_item_in_all_its_cells():
    folder = {"name": "n", "path": "/n", "bucket": "b", "prefix": "n/", "mode": "two-way",
              "state": "idle", "conflicts": 0, "files": 2}  # fmt: skip
    other = {**folder, "name": "m", "path": "/m", "files": 3}
    titles = ("Name", "Folder and bucket", "Mode", "Files", "State")

    def row(*cells):
        texts = {title: (cell, 30) for title, cell in zip(titles, cells, strict=True)}
        return Part("sync-folders", "", [Cells(texts, " ".join(cells))])

    agent = look(folders=[folder, other])
    assert wrong(row("n", "/n ⇄ b/n/", "two-way", "2", "● up to date"), agent) == []
    assert wrong(row("n", "/n ⇄ b/n/", "two-way", "3", "● up to date"), agent)
    assert wrong(row("n", "/n ⇄ b/n/", "two-way", "2", "‖ paused"), agent)


def test_a_text_without_a_rule_is_found():
    assert wrong(Part("nowhere", "42"), look())
    assert wrong(Part("nowhere", "paused"), look())
    assert wrong(Part("nowhere", "Updated just now"), look()) == []
