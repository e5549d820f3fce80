"""Every pane in every state at three sizes, and in the smallest terminal that is supported where
the layout is another one there, as text. S3D_SNAPSHOTS=write makes them anew: look at
each before it is committed. Colours are in the screenshots."""

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from difflib import unified_diff
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from textual.worker import WorkerCancelled, WorkerFailed

from s3d.shared.control import Listing, Problem
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.themes import ASCII
from tests.tui.conftest import footers_are_made, loaded, screen

FOLDER = Path(__file__).parent / "snapshots"
MADE_WITH = FOLDER / "made-with.txt"
SIZES = ((80, 24), (100, 30), (160, 48))
SMALLEST = (60, 20)
GROUPS = ("listing", "inspect", "preview", "check", "fill", "conflicts", "versions", "settings",
          "plan", "count", "act", "tags")  # fmt: skip


class Empty(DemoAgent):
    """Nothing is there yet."""

    def __init__(self):
        super().__init__()
        self.transfers, self.pins, self.folders = [], [], []

    def _get(self, place, words):
        found = super()._get(place, words)
        if place == "/v1/buckets":
            return msgspec.structs.replace(found, buckets=found.buckets[:1])
        if place == "/v1/cache/entries":
            return msgspec.structs.replace(found, entries=[])
        if place == "/v1/logs":
            return msgspec.structs.replace(found, lines=[])
        if place.startswith("/v1/buckets/"):
            return Listing([], [])
        return found


class Store(Empty):
    """No remote: the embedded store."""

    def _status(self):
        from s3d.shared.control import StoreStatus

        store = StoreStatus(2, 40, 12 << 20, "/home/me/.local/share/s3d/store", 60 << 30)
        return msgspec.structs.replace(
            super()._status(), remote=None, queue=None, cache=None, store=store
        )


class Offline(DemoAgent):
    """The remote is away."""

    def _status(self):
        found = super()._status()
        remote = msgspec.structs.replace(
            found.remote, ok=False, error="the connection was refused", last_success=NOW - 130
        )
        queue = msgspec.structs.replace(
            found.queue, trouble="remote unreachable", rate=0.0, remaining=None
        )
        return msgspec.structs.replace(found, remote=remote, queue=queue)


class Denying(DemoAgent):
    """A bucket that may not be listed."""

    def _of_bucket(self, bucket, what, words):
        raise RequestRefused(Problem("AccessDenied", "Access Denied", f"s3:ListBucket on {bucket}"))


class Gone(DemoAgent):
    """Never there."""

    socket = "/run/user/1000/s3d/agent.sock"

    async def call(self, method, path, kind, body=None):
        raise AgentUnreachable("no agent at /run/user/1000/s3d/agent.sock")


def keys(*pressed: str) -> Callable[..., Awaitable[None]]:
    async def press(pilot):
        for key in pressed:
            await pilot.press(key)
            await loaded(pilot, *GROUPS)

    return press


async def lost(pilot):
    """The feed has ended before anything is set: a try of its own would count as one more."""
    for worker in pilot.app.workers.cancel_group(pilot.app, "feed"):
        with suppress(WorkerCancelled, WorkerFailed):
            await worker.wait()
    await pilot.pause()
    pilot.app.state.connection.mark_lost("EOF", NOW, NOW + 2)
    pilot.app.state.connection.answered_at = NOW - 14


async def never(pilot):
    await lost(pilot)
    connection = pilot.app.state.connection
    connection.error = "no agent at /run/user/1000/s3d/agent.sock"
    connection.tries, connection.answered_at, connection.hello = 6, 0.0, None


Act = Callable[..., Awaitable[None]]

SCENES: dict[str, tuple[type[DemoAgent], str, Act, dict[str, object]]] = {
    "dashboard": (DemoAgent, "1", keys(), {}),
    "dashboard-empty": (Empty, "1", keys(), {}),
    "dashboard-store": (Store, "1", keys(), {}),
    "dashboard-offline": (Offline, "1", keys(), {}),
    "dashboard-lost": (DemoAgent, "1", lost, {}),
    "dashboard-readonly": (DemoAgent, "1", keys(), {"is_readonly": True}),
    "dashboard-ascii": (DemoAgent, "1", keys(), {"glyphs": ASCII}),
    "absent": (Gone, "1", never, {}),
    "buckets": (DemoAgent, "2", keys(), {}),
    "buckets-level": (
        DemoAgent, "2", keys("G", "enter", "down", "down", "enter", "down", "space"), {},
    ),
    "buckets-evil": (DemoAgent, "2", keys("down", "down", "enter", "down"), {}),
    "buckets-empty": (Empty, "2", keys("enter"), {}),
    "buckets-denied": (Denying, "2", keys("enter"), {}),
    "buckets-no-match": (DemoAgent, "2", keys("G", "enter", "slash", *"zzz"), {}),
    "buckets-lost": (DemoAgent, "2", lost, {}),
    "buckets-ascii": (DemoAgent, "2", keys("G", "enter"), {"glyphs": ASCII}),
    "buckets-inspector": (DemoAgent, "2", keys("G", "enter", "G", "i"), {}),
    "buckets-delete": (DemoAgent, "2", keys("G", "enter", "down", "D"), {}),
    "buckets-download": (DemoAgent, "2", keys("G", "enter", "G", "d"), {}),
    "buckets-copy": (DemoAgent, "2", keys("G", "enter", "G", "y"), {}),
    "buckets-versions": (DemoAgent, "2", keys("G", "enter", "G", "V"), {}),
    "buckets-view": (DemoAgent, "2", keys("G", "enter", "G", "v"), {}),
    "transfers": (DemoAgent, "3", keys("down", "down", "down", "down", "down", "down"), {}),
    "transfers-empty": (Empty, "3", keys(), {}),
    "transfers-store": (Store, "3", keys(), {}),
    "transfers-offline": (Offline, "3", keys(), {}),
    "transfers-failed": (DemoAgent, "3", keys("tab", "tab", "tab", "tab"), {}),
    "transfers-lost": (DemoAgent, "3", lost, {}),
    "transfers-ascii": (DemoAgent, "3", keys(), {"glyphs": ASCII}),
    "transfers-limit": (DemoAgent, "3", keys("b"), {}),
    "cache": (DemoAgent, "4", keys(), {}),
    "cache-empty": (Empty, "4", keys(), {}),
    "cache-store": (Store, "4", keys(), {}),
    "cache-lost": (DemoAgent, "4", lost, {}),
    "cache-evict": (DemoAgent, "4", keys("G", "E"), {}),
    "sync": (DemoAgent, "5", keys("down", "down"), {}),
    "sync-empty": (Empty, "5", keys(), {}),
    "sync-lost": (DemoAgent, "5", lost, {}),
    "sync-form": (DemoAgent, "5", keys("down", "e"), {}),
    "sync-conflicts": (DemoAgent, "5", keys("down", "down", "c"), {}),
    "sync-diff": (DemoAgent, "5", keys("down", "down", "c", "equals_sign"), {}),
    "sync-plan": (DemoAgent, "5", keys("t"), {}),
    "logs": (DemoAgent, "6", keys(), {}),
    "logs-empty": (Empty, "6", keys(), {}),
    "logs-errors": (DemoAgent, "6", keys("l", "l"), {}),
    "logs-lost": (DemoAgent, "6", lost, {}),
    "keys": (DemoAgent, "3", keys("question_mark"), {}),
    "settings": (DemoAgent, "1", keys("comma"), {}),
    "mounts": (DemoAgent, "1", keys("M"), {}),
}  # fmt: skip


IN_SMALLEST = (
    "dashboard", "dashboard-offline", "absent", "buckets-level", "buckets-inspector",
    "buckets-delete", "buckets-download", "buckets-versions", "transfers", "transfers-offline",
    "cache", "sync", "sync-form", "sync-conflicts", "logs", "settings", "mounts",
)  # fmt: skip
CASES = [
    *((scene, size) for scene in SCENES for size in SIZES),
    *((scene, SMALLEST) for scene in IN_SMALLEST),
]


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("scene", "size"), CASES, ids=[f"{scene}-{size[0]}x{size[1]}" for scene, size in CASES]
)
async def test_it_looks_as_it_did(opened, utc, scene, size):
    if _is_writing():
        FOLDER.mkdir(exist_ok=True)
        MADE_WITH.write_text(f"textual {version('textual')}\n")
    elif MADE_WITH.read_text().split()[1] != version("textual"):
        pytest.skip("the snapshots were made with another version of textual")
    agent, tab, act, options = SCENES[scene]
    async with opened(tab, agent(), size, **options) as pilot:
        app = pilot.app
        await act(pilot)
        app.main.draw_frame() if len(app.screen_stack) > 1 else app.main.draw()
        await loaded(pilot, *GROUPS)
        app.main.draw_frame() if len(app.screen_stack) > 1 else app.main.draw()
        await footers_are_made(pilot)
        shown = "".join(f"{line.rstrip()}\n" for line in screen(app).splitlines())
    if options.get("glyphs") is ASCII:
        assert shown.isascii()
    path = FOLDER / f"{scene}-{size[0]}x{size[1]}.txt"
    if _is_writing():
        path.write_text(shown)
    changed = list(unified_diff(path.read_text().splitlines(), shown.splitlines(), n=0))
    assert not changed, "\n".join([f"{path.name}: look at it, then: make snapshots", *changed])


def test_no_snapshot_is_left_over():
    wanted = {f"{scene}-{width}x{height}.txt" for scene, (width, height) in CASES}
    assert {path.name for path in FOLDER.iterdir()} == wanted | {MADE_WITH.name}


def _is_writing() -> bool:
    return os.environ.get("S3D_SNAPSHOTS") == "write"
