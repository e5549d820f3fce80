import msgspec
import pytest

from s3d.shared.control import ApiVersion, Hello
from s3d.tui import frame
from s3d.tui.app_state import State
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.themes import UNICODE


def state(**more):
    state = State()
    state.mark_connected(Hello("1", ApiVersion(), "b", 1, "http://x"), NOW)
    state.set_status(msgspec.structs.replace(DemoAgent()._status(), **more), NOW)
    return state


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_head_fits_and_has_the_rates_at_its_end(width):
    head = frame.head_text(state(), UNICODE, NOW, width)
    assert len(head) <= width
    assert head.rstrip().endswith("/s")
    assert "● connected" in head


@pytest.mark.finding("tui-18")
def test_a_remote_that_is_away_is_told_apart_from_an_agent_that_is_lost():
    found = state()
    remote = msgspec.structs.replace(found.status.remote, ok=False, last_success=NOW - 120)
    found.set_status(msgspec.structs.replace(found.status, remote=remote), NOW)
    assert "remote unreachable  last answer 2 min ago" in frame.head_text(found, UNICODE, NOW, 100)
    queue = msgspec.structs.replace(found.queue, next_check=NOW + 4)
    found.set_status(msgspec.structs.replace(found.status, queue=queue), NOW)
    assert "next check in 4 s" in frame.head_text(found, UNICODE, NOW, 100)
    found.connection.mark_lost("EOF", NOW, NOW + 2)
    assert "reconnecting, try 1" in frame.head_text(found, UNICODE, NOW, 100)
    assert "The agent isn't responding (EOF)" in frame.banner_text(found, NOW, is_readonly=False)
    assert "f8: start it" in frame.banner_text(found, NOW, is_readonly=False, can_start=True)
    assert "f8" not in frame.banner_text(found, NOW, is_readonly=False)
    assert frame.stale_text(found, NOW + 14) == " Last update 14 s ago, actions disabled"


def test_without_an_agent_it_says_what_to_do():
    found = State()
    found.connection.mark_lost("no agent at \x1b[31m/run", NOW, NOW + 4)
    text = "\n".join(frame.no_agent_text(found, "/run/x", NOW, can_start=True))
    for wanted in ("not running", "␛[31m/run", "s3d run", "in 4 s, try 1"):
        assert wanted in text
    assert "s3d run" not in "\n".join(frame.no_agent_text(found, "/run/x", NOW, can_start=False))
    assert frame.banner_text(found, NOW, is_readonly=True) == " Read only"


def test_an_older_agent_is_told():
    found = state()
    found.mark_connected(Hello("0.9", ApiVersion(1, 2), "b", 1, "http://x"), NOW)
    assert "older than this app" in frame.banner_text(found, NOW, is_readonly=False)


@pytest.mark.finding("tui-38")
def test_the_demonstration_says_so():
    assert " s3d DEMO " in frame.head_text(state(), UNICODE, NOW, 100, is_demo=True)
    assert "DEMO" not in frame.head_text(state(), UNICODE, NOW, 100)


def test_data_of_now_is_updated_just_now():
    assert frame.updated_text(0.4) == "Updated just now"
    assert frame.updated_text(2.0) == "Updated 2 s ago"
