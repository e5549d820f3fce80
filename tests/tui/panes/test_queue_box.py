import msgspec
import pytest

from s3d.shared.transfers import Totals, TransferError
from s3d.tui.app_state import State
from s3d.tui.demo import DemoAgent
from s3d.tui.panes.queue_box import paused_text, queue_lines, queue_text
from s3d.tui.themes import UNICODE


@pytest.fixture
def state():
    return State(status=DemoAgent()._status())


def line_of(state, view="all", **queue):
    changed = msgspec.structs.replace(state.status.queue, **queue)
    state.status = msgspec.structs.replace(state.status, queue=changed)
    return queue_lines(state, view, width=160, now=0.0, glyphs=UNICODE)[1]


@pytest.mark.finding("tui-9")
def test_the_counters_are_those_of_the_queue_and_not_of_what_is_listed(state):
    line = line_of(state, waiting=Totals(1_234, 1))
    assert "waiting 1,234" in line
    assert "[all 1,239]" in line


@pytest.mark.finding("tui-18")
def test_the_next_check_is_shown(state):
    line = line_of(state, trouble="remote unreachable", next_check=7.0, remaining=None)
    assert "remote unreachable, next check in 7 s (R checks now)" in line
    assert "ETA" not in line


def test_there_is_no_eta_when_nothing_is_left(state):
    assert "ETA 7 s" in line_of(state, remaining=7.0)
    assert "ETA" not in line_of(state, remaining=0.0)


@pytest.mark.finding("tui-5")
def test_a_paused_queue_says_what_is_still_being_sent(state):
    queue = msgspec.structs.replace(state.status.queue, paused=True)
    assert paused_text(queue) == "Paused, 3 uploads still ending"
    assert paused_text(msgspec.structs.replace(queue, running=Totals())) == "Paused"


def test_the_foot_says_how_full_the_queue_is(state):
    assert "of 100 GiB" in queue_text(state.status.queue, 0.0)
    assert "No remote" in queue_text(None, 0.0)


def test_what_the_filter_holds_is_not_said_to_be_paused(state):
    agent = DemoAgent()
    (paused,) = [each for each in agent.transfers if each.state == "held"]
    state.transfers = [paused]
    held = {"held": Totals(1, 1)}
    assert "paused 1" in line_of(state, **held)
    filtered = msgspec.structs.replace(paused, error=TransferError("Filtered"))
    state.transfers = [filtered]
    assert "held 1" in line_of(state, **held)
    assert "paused" not in line_of(state, **held)


@pytest.mark.parametrize("width", [56, 76, 96, 156])
def test_the_counters_are_one_line_in_every_terminal(state, width):
    lines = queue_lines(state, "all", width=width, now=0.0, glyphs=UNICODE)
    assert [len(str(line)) <= width for line in lines] == [True, True]
