import pytest

from s3d.agent.sync.decide import Action
from s3d.agent.sync.execute import Done
from s3d.agent.sync.standing import SHOWN, Standing


def test_troubles_come_and_go_with_their_paths():
    standing = Standing(todo=5, done=3)
    blocked, waits = Done("a", Action.BLOCK, "why"), Done("b", Action.WAIT, "written to")
    standing.note([blocked, waits, Done("c", Action.UPLOAD)], is_whole=False)
    told = [(trouble.path, trouble.state, trouble.reason) for trouble in standing.shown()]
    assert told == [("a", "blocked", "why"), ("b", "waiting", "written to")]
    assert (standing.todo, standing.done) == (0, 0)
    standing.note([Done("b", Action.UPLOAD)], is_whole=False)
    assert [trouble.path for trouble in standing.shown()] == ["a"]
    standing.note([waits], is_whole=True)
    assert [trouble.path for trouble in standing.shown()] == ["b"]


def test_only_some_are_shown_and_all_are_counted():
    standing = Standing()
    standing.note([Done(str(n), Action.BLOCK) for n in range(SHOWN + 5)], is_whole=False)
    assert (len(standing.shown()), len(standing.troubles)) == (SHOWN, SHOWN + 5)


@pytest.mark.finding("D24")
def test_what_is_left_out_comes_last_and_is_counted_by_itself():
    standing = Standing()
    standing.note([Done("link", Action.LEAVE, "why"), Done("x", Action.BLOCK)], is_whole=True)
    assert [(each.path, each.state) for each in standing.shown()] == [
        ("x", "blocked"),
        ("link", "left out"),
    ]
    assert standing.left_out == 1


def test_only_who_has_stopped_asks():
    standing = Standing()
    assert standing.turn("stopped", "why")
    standing.question = "deletions"
    assert not standing.turn("stopped", "why")
    assert standing.question == "deletions"
    assert standing.turn("idle")
    assert (standing.question, standing.reason) == ("", "")
