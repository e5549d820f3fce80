"""What a pass over 100,000 files costs the event loop: no callback over 20 ms."""

import asyncio
import gc

import pytest

from s3d.agent.sync.pass_scope import Scope, StepResult
from s3d.agent.sync.path_state import BaselineEntry, LocalEntry, RemoteEntry, Signature
from tests.agent.loop_costs import LONGEST, measure_callbacks

FILES = 100_000


@pytest.fixture
def callbacks(monkeypatch):
    return measure_callbacks(monkeypatch)


def entries():
    for number in range(FILES):
        path = f"folder {number % 1000:03d}/file {number:06d}"
        yield path, Signature(1, 1, 1, number + 1)


def uploads():
    return [(None, LocalEntry(path, signature)) for path, signature in entries()], []


def deletions():
    bases = [BaselineEntry(path, seen, 0, "s", '"e"', 1) for path, seen in entries()]
    return [(base, None) for base in bases], []


def downloads():
    return [], [(None, RemoteEntry(path, '"e"', 1, 0.0)) for path, _ in entries()]


def blocked():
    return [(None, LocalEntry(path, seen, trouble="no")) for path, seen in entries()], []


@pytest.mark.slow
@pytest.mark.parametrize("changes", [uploads, deletions, downloads, blocked])
async def test_no_callback_of_a_pass_is_long(running, callbacks, monkeypatch, changes):
    async with running() as folder:
        here = await folder.opened()
        passes = here.passes
        found = changes()

        async def look(scope):
            return found

        async def execute(step):
            return StepResult(step.path, step.action)

        monkeypatch.setattr(passes.changes, "find", look)
        monkeypatch.setattr(passes.executor, "execute", execute)
        events = {f"folder {number:03d}" for number in range(1000)}
        whole = Scope(everything_here=True, bucket=True, events=events)
        folder.is_approved = True
        gc.disable()  # The collector runs seldom in the agent: see app/process.py.
        try:
            await asyncio.sleep(0)
            callbacks.clear()
            outcome = await folder.make_pass(whole)
        finally:
            gc.enable()
        long = sorted(callbacks, reverse=True)[:5]
    assert len(outcome.done) == FILES
    assert long[0][0] < LONGEST, long
