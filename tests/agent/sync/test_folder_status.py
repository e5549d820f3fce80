import pytest

from s3d.agent.sync.decide import Action
from s3d.agent.sync.execute import StepResult
from s3d.agent.sync.folder_status import SHOWN, FolderState


def test_troubles_come_and_go_with_their_paths():
    standing = FolderState(todo=5, done=3)
    blocked, waits = (
        StepResult("a", Action.BLOCK, "why"),
        StepResult("b", Action.WAIT, "written to"),
    )
    standing.note([blocked, waits, StepResult("c", Action.UPLOAD)], is_whole=False)
    told = [(trouble.path, trouble.state, trouble.reason) for trouble in standing.shown()]
    assert told == [("a", "blocked", "why"), ("b", "waiting", "written to")]
    assert (standing.todo, standing.done) == (0, 0)
    standing.note([StepResult("b", Action.UPLOAD)], is_whole=False)
    assert [trouble.path for trouble in standing.shown()] == ["a"]
    standing.note([waits], is_whole=True)
    assert [trouble.path for trouble in standing.shown()] == ["b"]


def test_only_some_are_shown_and_all_are_counted():
    standing = FolderState()
    standing.note([StepResult(str(n), Action.BLOCK) for n in range(SHOWN + 5)], is_whole=False)
    assert (len(standing.shown()), len(standing.troubles)) == (SHOWN, SHOWN + 5)


@pytest.mark.finding("D24")
def test_what_is_left_out_comes_last_and_is_counted_by_itself():
    standing = FolderState()
    standing.note(
        [StepResult("link", Action.LEAVE, "why"), StepResult("x", Action.BLOCK)], is_whole=True
    )
    assert [(each.path, each.state) for each in standing.shown()] == [
        ("x", "blocked"),
        ("link", "left out"),
    ]
    assert standing.left_out == 1


def test_only_who_has_stopped_asks():
    standing = FolderState()
    assert standing.turn("stopped", "why")
    standing.question = "deletions"
    assert not standing.turn("stopped", "why")
    assert standing.question == "deletions"
    assert standing.turn("idle")
    assert (standing.question, standing.reason) == ("", "")
