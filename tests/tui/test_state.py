from s3d.shared.control import API_MAJOR, ApiVersion, Event, Hello
from s3d.tui.demo import NOW, DemoAgent
from s3d.tui.state import LINES, Link, State


def hello(major=API_MAJOR):
    return Hello("1", ApiVersion(major), "b", 1, "http://127.0.0.1:1")


def test_a_link_is_connected_lost_and_back():
    state = State()
    assert (state.link, state.is_live) == (Link.CONNECTING, False)
    state.connected(hello(), 10.0)
    assert (state.is_live, state.since, state.fresh) == (True, 10.0, 10.0)
    state.lost("why", 20.0, 21.0)
    state.lost("why", 22.0, 24.0)
    assert (state.link, state.since, state.tries, state.retry_at) == (Link.LOST, 20.0, 2, 24.0)
    state.connected(hello(), 30.0)
    assert (state.tries, state.since) == (0, 30.0)
    state.connected(hello(API_MAJOR + 1), 31.0)
    assert (state.link, state.is_live) == (Link.FOREIGN, False)


def test_rates_come_from_two_looks():
    state, status = State(), DemoAgent()._status()
    state.told(status, NOW)
    state.told(status, NOW + 1)
    assert list(state.up) == [status.queue.rate] * 2
    assert list(state.down) == [0.0, 0.0]
    import msgspec

    more = msgspec.structs.replace(status.cache, fetched_bytes=status.cache.fetched_bytes + 500)
    state.told(msgspec.structs.replace(status, cache=more), NOW + 3)
    assert state.down[-1] == 250.0
    state.told(status, NOW + 4)
    assert state.down[-1] == 0.0, "the agent has begun to count anew"


def test_the_log_keeps_what_is_one():
    state = State()
    for number in range(LINES + 10):
        state.happened(Event(number, "b", 1.0, "log.error", "x", {"message": str(number)}))
    state.happened(Event(1, "b", 1.0, "heartbeat"))
    state.happened(Event(1, "b", 1.0, "sync.state", "notes", {"state": "idle"}))
    assert len(state.log) == LINES
    assert (state.log[-1].level, state.log[-1].text) == ("info", "notes state=idle")
    assert state.log[-2].text == str(LINES + 9)


def test_what_needs_attention_names_the_tab_that_mends_it():
    state, agent = State(), DemoAgent()
    assert state.troubles() == []
    state.status, state.transfers, state.folders = agent._status(), agent.transfers, agent.folders
    assert [(word, tab) for word, _, tab in state.troubles()] == [
        ("failed", "3"),
        ("stopped", "5"),
        ("conflict", "5"),
    ]
