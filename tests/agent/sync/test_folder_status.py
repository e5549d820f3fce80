from pathlib import Path

import pytest

from s3d.agent.core.events import Events
from s3d.agent.sync.decide import Action
from s3d.agent.sync.folder_status import SHOWN, FolderState
from s3d.agent.sync.pass_scope import StepResult
from s3d.shared.config.folder_settings import SyncFolderConfig


@pytest.fixture
def state():
    return FolderState("notes", Path("/notes"), Events())


def test_troubles_come_and_go_with_their_paths(state):
    state.record(StepResult("a", Action.BLOCK, "why"))
    state.record(StepResult("b", Action.WAIT, "written to"))
    state.record(StepResult("c", Action.UPLOAD))
    shown = [(trouble.path, trouble.state, trouble.reason) for trouble in state.shown()]
    assert shown == [("a", "blocked", "why"), ("b", "waiting", "written to")]
    state.record(StepResult("b", Action.UPLOAD))
    assert [trouble.path for trouble in state.shown()] == ["a"]
    state.clear_paths()
    assert state.shown() == []


def test_only_some_are_shown_and_all_are_counted(state):
    for number in range(SHOWN + 5):
        state.record(StepResult(str(number), Action.BLOCK))
    assert (len(state.shown()), len(state.troubles)) == (SHOWN, SHOWN + 5)


@pytest.mark.finding("D24")
def test_unsupported_paths_come_last_and_are_counted_by_themselves(state):
    state.record(StepResult("link", Action.LEAVE, "why"))
    state.record(StepResult("x", Action.BLOCK))
    assert [(each.path, each.state) for each in state.shown()] == [
        ("x", "blocked"),
        ("link", "left out"),
    ]
    assert (len(state.troubles), len(state.unsupported)) == (1, 1)


def test_each_kind_of_trouble_is_counted(state):
    for path, action in (("a", Action.BLOCK), ("b", Action.SKIP), ("c", Action.KEEP)):
        state.record(StepResult(path, action))
        state.record(StepResult(path, action))
    state.record(StepResult("link", Action.LEAVE))
    counts = [state.troubles.count(kind) for kind in ("blocked", "skipped", "kept")]
    assert counts == [1, 1, 1]
    state.record(StepResult("a", Action.SKIP))
    state.record(StepResult("c", Action.UPLOAD))
    counts = [state.troubles.count(kind) for kind in ("blocked", "skipped", "kept")]
    assert (counts, len(state.troubles)) == ([0, 2, 0], 2)
    state.clear_paths()
    assert (state.troubles.count("skipped"), len(state.troubles)) == (0, 0)


def test_only_a_stopped_folder_has_a_question(state):
    state.stop("why", "deletions")
    state.set("stopped", "why")
    assert state.question == "deletions"
    state.set("idle")
    assert (state.question, state.reason) == ("", "")


def test_a_folder_is_offline_until_the_remote_answers(state, caplog):
    for _ in range(3):
        state.begin_pass()
        state.set("offline", "connection refused")
        assert (state.state, state.reason) == ("offline", "connection refused")
        state.begin_pass()
        assert state.state == "offline", "an attempt is no answer"
    assert len(caplog.records) == 1, "one outage is logged once"
    state.progress(1, 5)
    assert (state.state, state.reason) == ("syncing", "")


async def test_a_state_is_published_once(state):
    with state._events.subscribe(("sync",)) as events:
        state.set("idle")
        state.set("idle")
        state.progress(1, 2)
        published = [(event.kind, event.subject) for event in await events.take()]
    assert published == [("sync.state", "notes"), ("sync.progress", "notes")]


async def test_the_changes_of_the_bucket_are_published(state):
    config = SyncFolderConfig(bucket="b", prefix="p/")
    with state._events.subscribe(("store", "sync")) as events:
        for action in (Action.UPLOAD, Action.DOWNLOAD, Action.CONFLICT):
            state.publish(StepResult("a", action), config)
        changed, conflict = await events.take()
    assert (changed.kind, changed.subject, changed.data["by"]) == (
        "store.changed",
        "b/p/a",
        "notes",
    )
    assert (conflict.kind, conflict.data["path"]) == ("sync.conflict", "a")
