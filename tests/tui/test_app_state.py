import msgspec
import pytest

from s3d.shared.control import API_MAJOR, ApiVersion, Event, Hello
from s3d.shared.diagnostics import LogLine, Samples
from s3d.shared.mounting import MountStatus
from s3d.tui.app_state import MAX_LOG_LINES, Link, State
from s3d.tui.demo import DemoAgent


def hello(major=API_MAJOR):
    return Hello("1", ApiVersion(major), "b", 1, "http://127.0.0.1:1")


def test_a_link_is_connected_lost_and_back():
    state = State()
    connection = state.connection
    assert (connection.link, connection.is_live) == (Link.CONNECTING, False)
    state.mark_connected(hello(), 10.0)
    assert (connection.is_live, connection.since, connection.answered_at) == (
        True,
        10.0,
        10.0,
    )
    connection.mark_lost("why", 20.0, 21.0)
    connection.mark_lost("why", 22.0, 24.0)
    assert (
        connection.link,
        connection.since,
        connection.tries,
        connection.retry_at,
    ) == (Link.LOST, 20.0, 2, 24.0)
    state.mark_connected(hello(), 30.0)
    assert (connection.tries, connection.since) == (0, 30.0)
    state.mark_connected(hello(API_MAJOR + 1), 31.0)
    assert (connection.link, connection.is_live) == (Link.FOREIGN, False)


def test_rates_are_those_of_the_agent():
    state = State()
    assert state.upload_rates == state.download_rates == []
    state.samples = Samples(1.0, 5.0, [1.0, 2.0], [3.0], [], [])
    assert (state.upload_rates, state.download_rates) == ([1.0, 2.0], [3.0])


def test_the_log_keeps_what_is_one():
    state = State()
    lines = [LogLine(n, 1.0, "error", "x", str(n)) for n in range(MAX_LOG_LINES + 10)]
    state.add_log_lines(lines, MAX_LOG_LINES + 9)
    state.add_event(Event(1, "b", 1.0, "heartbeat"))
    state.add_event(Event(1, "b", 1.0, "log.error", "x", {"message": "comes with the log"}))
    state.add_event(Event(1, "b", 1.0, "sync.state", "notes", {"state": "idle"}))
    assert len(state.log) == MAX_LOG_LINES
    assert (state.log[-1].source, state.log[-1].message) == ("sync.state", "notes state=idle")
    assert state.log[-2].message == str(MAX_LOG_LINES + 9)
    state.mark_connected(hello(), 1.0)
    assert state.log_seq == MAX_LOG_LINES + 9
    state.mark_connected(Hello("1", ApiVersion(), "another", 1, "http://127.0.0.1:1"), 2.0)
    assert state.log_seq == 0, "another run of the agent counts anew"


def test_news_are_of_transfers_that_are_known():
    state = State()
    state.transfers = DemoAgent().transfers
    news = msgspec.structs.replace(state.transfers[0], done=7)
    state.update_transfers([news, msgspec.structs.replace(news, id="other")])
    assert state.transfers[0].done == 7
    assert len(state.transfers) == len(DemoAgent().transfers)


def test_what_needs_attention_names_the_tab_that_mends_it():
    state, agent = State(), DemoAgent()
    assert state.troubles() == []
    state.status, state.transfers, state.folders = agent._status(), agent.transfers, agent.folders
    assert [(each.kind, each.tab) for each in state.troubles()] == [
        ("failed", "transfers"),
        ("stopped", "sync"),
        ("conflict", "sync"),
    ]


def test_a_mount_that_failed_or_has_conflicts_needs_attention():
    state = State()
    mounts = [MountStatus("/a"), MountStatus("/b", state="failed", reason="why"),
              MountStatus("/c", conflicts=1)]  # fmt: skip
    state.status = msgspec.structs.replace(DemoAgent()._status(), mounts=mounts)
    assert [(one.kind, one.text[:2], one.tab) for one in state.troubles()] == [
        ("mount", "/b", "dashboard"),
        ("mount", "/c", "dashboard"),
    ]


def test_what_was_said_before_is_before():
    state = State()
    state.add_event(Event(1, "b", 5.0, "sync.state", "b/k"))
    state.add_log_lines(
        [LogLine(1, 2.0, "info", "main", "serving"), LogLine(2, 6.0, "info", "x", "y")], 2
    )
    assert [line.at for line in state.log] == [2.0, 5.0, 6.0]


@pytest.mark.finding("tui-18")
def test_the_gravest_state_gives_the_head_its_colour():
    state, agent = State(), DemoAgent()
    state.connection.link = Link.CONNECTED
    assert state.gravity() == ""
    state.set_status(agent._status(), 0.0)
    remote = msgspec.structs.replace(state.status.remote, ok=False, error="connection refused")
    state.set_status(msgspec.structs.replace(state.status, remote=remote), 0.0)
    assert state.gravity() == "odd"
    state.transfers = agent.transfers
    assert state.gravity() == "bad"
    state.transfers = []
    state.connection.mark_lost("EOF", 0.0, 0.0)
    assert state.gravity() == "bad"


@pytest.mark.finding("tui-20")
def test_a_trouble_has_its_row_and_the_command_that_mends_it():
    state, agent = State(), DemoAgent()
    state.transfers, state.folders = agent.transfers, agent.folders
    assert [(each.row, each.command) for each in state.troubles()] == [
        ("8f10", "s3d queue retry 8f10"),
        ("notes", "s3d sync plan notes"),
        ("notes", "s3d sync conflicts notes"),
    ]


@pytest.mark.finding("tui-27")
def test_a_write_is_no_line_of_the_log():
    state = State()
    state.add_event(Event(1, "boot", 1.0, "store.changed", "b/k"))
    state.add_event(Event(2, "boot", 2.0, "sync.conflict", "notes"))
    assert [line.source for line in state.log] == ["sync.conflict"]


def test_paths_that_stay_out_of_sync_need_attention():
    folder = msgspec.structs.replace(
        DemoAgent().folders[0], trouble_count=4, blocked=1, skipped=1, left_as_is=1
    )
    (trouble,) = State(folders=[folder]).troubles()
    assert (trouble.kind, trouble.text) == ("sync", "photos: 2 paths not in sync")
    assert (trouble.tab, trouble.row) == ("sync", "photos")
    assert trouble.command == "s3d sync status photos"
    kept = msgspec.structs.replace(folder, trouble_count=2, blocked=0, skipped=0, left_as_is=2)
    assert State(folders=[kept]).troubles() == []
