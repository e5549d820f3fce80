import json

import pytest

from s3d.agent.core import object_history
from s3d.agent.core.events import Events
from s3d.agent.core.object_history import FILE, OLDER, ObjectHistory


@pytest.fixture
def history(tmp_path):
    return ObjectHistory(tmp_path, clock=lambda: 1_000.0)


async def names(history, key="k"):
    return [event.event for event in await history.of("b", key)]


async def test_what_was_noted_is_there_after_a_restart(history, tmp_path):
    history.note("pushing", "b/k", {"seq": 3, "request": "R", "trace": "T"})
    history.note("cached", "b/other")
    await history.flush()
    (event,) = await ObjectHistory(tmp_path).of("b", "k")
    assert (event.at, event.event, event.data) == (1_000.0, "pushing", {"seq": 3})
    assert (event.request_id, event.trace_id) == ("R", "T")


async def test_what_was_not_written_yet_is_seen(history):
    history.note("cached", "b/k")
    assert await names(history) == ["cached"]


async def test_events_of_the_bus_about_objects_are_kept_and_no_others(history):
    events = Events()
    events.taps.append(history.on_event)
    events.emit("queue.accepted", "b/k", seq=1, request="R", trace="")
    events.emit("store.changed", "b/k")
    events.emit("queue.pushed", "b/k", seq=1, etag="e")
    assert await names(history) == ["accepted", "pushed"]


@pytest.mark.parametrize("key", ['"', "\\", "a\nb", "ä/ö", "x,", '{"subject":"b/k"', "k2", ""])
async def test_only_the_events_of_the_very_key(history, key):
    history.note("cached", f"b/{key}")
    history.note("evicted", "b/k")
    assert await names(history) == ["evicted"]
    assert await names(history, key) == ["cached"]


async def test_a_key_that_is_no_text_costs_its_own_event_only(history):
    history.note("cached", "b/\ud800")
    history.note("cached", "b/k")
    assert await names(history) == ["cached"]


async def test_the_files_are_private_and_bounded(history, tmp_path, monkeypatch):
    monkeypatch.setattr(object_history, "FILE_SIZE", 2_000)
    for number in range(200):
        history.note("cached", "b/k", {"number": number})
        if number % 10 == 0:
            await history.flush()
    await history.flush()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted([FILE, OLDER])
    for name in files:
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / name).stat().st_size < 4_000
        assert json.loads((tmp_path / name).read_text().splitlines()[0]) == {"version": 1}
    numbers = [event.data["number"] for event in await history.of("b", "k")]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 199


async def test_a_line_that_a_crash_has_cut_off_is_left_out(history, tmp_path):
    history.note("cached", "b/k")
    await history.flush()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"subject":"b/k","at":1')
    assert await names(ObjectHistory(tmp_path)) == ["cached"]


async def test_after_a_cut_off_line_what_follows_is_readable(history, tmp_path):
    history.note("cached", "b/k")
    await history.flush()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"subject":"b/k","at":1')
    again = ObjectHistory(tmp_path)
    again.note("evicted", "b/k")
    assert await names(again) == ["cached", "evicted"]


async def test_a_file_of_a_newer_version_stays_as_it_is(tmp_path, caplog):
    content = b'{"version":2}\n'
    (tmp_path / FILE).write_bytes(content)
    history = ObjectHistory(tmp_path)
    history.note("cached", "b/k")
    await history.flush()
    assert (tmp_path / FILE).read_bytes() == content
    assert "newer s3d" in caplog.text


async def test_a_disk_that_takes_nothing_is_reported_once(tmp_path, caplog):
    history = ObjectHistory(tmp_path / "missing")
    for _ in range(3):
        history.note("cached", "b/k")
        await history.flush()
    assert caplog.text.count("cannot keep the history of objects") == 1


async def test_memory_is_bounded(history, monkeypatch):
    for number in range(object_history.BUFFER + 10):
        history.note("cached", f"b/{number}")
    assert len(history._unsaved) == object_history.BUFFER
