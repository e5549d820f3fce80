import msgspec
import pytest
from textual.widgets._footer import FooterKey

from s3d.shared.control import ApiVersion, Hello
from s3d.tui import frame
from s3d.tui.app_state import State
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.text_widgets import KeyBar, kept_keys
from s3d.tui.themes import UNICODE
from tests.tui.conftest import footers_are_made, loaded, screen


def state(**more):
    state = State()
    state.mark_connected(Hello("1", ApiVersion(), "b", 1, "http://x"), NOW)
    state.set_status(msgspec.structs.replace(DemoAgent()._status(), **more), NOW)
    return state


@pytest.mark.parametrize("width", [60, 80, 100, 160])
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
    assert "The agent isn't responding (EOF)" in frame.banner_text(
        found, NOW, 100, is_readonly=False
    )
    assert "f8: start it" in frame.banner_text(found, NOW, 100, is_readonly=False, can_start=True)
    assert "f8" not in frame.banner_text(found, NOW, 100, is_readonly=False)
    banner = frame.banner_text(found, NOW, 80, is_readonly=False, can_start=True)
    assert banner.startswith(" The agent isn't responding. Next try in")
    assert banner.endswith("f8: start it")
    for width in (60, 80, 100):
        one_line = frame.banner_text(found, NOW, width, is_readonly=False, can_start=True)
        assert len(one_line) < width
    assert frame.stale_text(found, NOW + 14) == " Last update 14 s ago, actions disabled"


def test_without_an_agent_it_says_what_to_do():
    found = State()
    found.connection.mark_lost("no agent at \x1b[31m/run", NOW, NOW + 4)
    text = "\n".join(frame.no_agent_text(found, "/run/x", NOW, can_start=True))
    for wanted in ("not running", "␛[31m/run", "s3d run", "in 4 s, try 1"):
        assert wanted in text
    assert max(map(len, text.splitlines())) <= 48, "it fits in 60 cells without a break"
    assert "s3d run" not in "\n".join(frame.no_agent_text(found, "/run/x", NOW, can_start=False))
    assert frame.banner_text(found, NOW, 100, is_readonly=True) == " Read only"


def test_an_older_agent_is_told():
    found = state()
    found.mark_connected(Hello("0.9", ApiVersion(1, 2), "b", 1, "http://x"), NOW)
    assert "older than this app" in frame.banner_text(found, NOW, 100, is_readonly=False)


@pytest.mark.finding("tui-38")
def test_the_demonstration_says_so():
    assert " s3d DEMO " in frame.head_text(state(), UNICODE, NOW, 100, is_demo=True)
    assert "DEMO" not in frame.head_text(state(), UNICODE, NOW, 100)


def test_data_of_now_is_updated_just_now():
    assert frame.updated_text(0.4) == "Updated just now"
    assert frame.updated_text(2.0) == "Updated 2 s ago"


def test_in_a_small_terminal_the_head_has_whole_words_and_an_outage_instead_of_rates():
    found = state()
    assert "…" not in frame.head_text(found, UNICODE, NOW, 60, is_demo=True)
    remote = msgspec.structs.replace(found.status.remote, ok=False, last_success=NOW - 120)
    found.set_status(msgspec.structs.replace(found.status, remote=remote), NOW)
    head = frame.head_text(found, UNICODE, NOW, 60, is_demo=True)
    assert head == " s3d DEMO  ● connected  remote unreachable"


ACTIONS = ["view", "download", "keys", "leave"]


@pytest.mark.parametrize(
    ("width", "shown"),
    [(39, [0, 1, 2, 3]), (38, [0, 1, 2]), (28, [0, 2]), (18, [2]), (1, [2])],
)
def test_the_key_for_help_is_the_last_to_go_and_the_one_to_quit_the_first(width, shown):
    assert kept_keys(ACTIONS, [10] * 4, width) == shown


@pytest.mark.parametrize("tab", ["2", "4", "5"])
async def test_no_key_is_cut_off_in_a_narrow_terminal(opened, tab):
    async with opened(tab, size=(60, 20)) as pilot:
        await footers_are_made(pilot)
        keys = list(pilot.app.main.query(FooterKey))
        assert all(key.region.right <= 61 for key in keys)  # a space is after each
        assert keys[-1].action == "keys"


async def test_a_dialog_hides_the_keys_of_the_pane_below_it(opened):
    async with opened("3") as pilot:
        await footers_are_made(pilot)
        assert "Pause all" in screen(pilot.app).splitlines()[-1]
        await pilot.press("b")
        await loaded(pilot)
        assert screen(pilot.app).splitlines()[-1].strip() == ""
        await pilot.press("escape")
        await footers_are_made(pilot)
        assert "Pause all" in screen(pilot.app).splitlines()[-1]
        assert pilot.app.main.query_one(KeyBar).visible
