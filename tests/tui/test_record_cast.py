"""The recorder of the app, and the recording that the documentation shows."""

import getpass
import json
import os
import pty
from pathlib import Path

import pytest

from s3d.tui.record_cast import HEIGHT, HOME, SHOWN_HOME, STEPS, WIDTH, Recording, Step, cast_text

CAST = Path(__file__).parents[2] / "screenshots/tui.cast"


@pytest.fixture
def terminal():
    """A pseudo-terminal whose other end repeats what is written, as terminals do by default."""
    master, slave = pty.openpty()
    yield master
    os.close(master)
    os.close(slave)


def test_a_step_takes_its_seconds_however_fast_the_machine_is(terminal):
    recording = Recording(terminal)
    recording.take(Step("one", "one", 3.0))
    recording.take(Step("two", "two", 2.0, is_typed=True))
    assert "".join(text for _, text in recording.events) == "onetwo"
    times = [at for at, _ in recording.events]
    assert times == sorted(times)
    assert times[0] < 3.0 <= times[1] < 6.0


def test_what_is_not_drawn_ends_the_recording(terminal, monkeypatch):
    monkeypatch.setattr("s3d.tui.record_cast._PATIENCE", 0.1)
    with pytest.raises(TimeoutError, match="'b' is not drawn after 'a'"):
        Recording(terminal).take(Step("a", "b", 1.0))


def test_the_path_and_the_ports_of_the_run_are_replaced_by_those_of_the_documentation():
    assert len(str(HOME)) == len(SHOWN_HOME), "or the columns would not be aligned"
    text = cast_text([(0.5, f"{HOME}/x 127.0.0.1:40123 \x1b[0m")], {"40123": "33333"})
    head, line = map(json.loads, text.splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, WIDTH, HEIGHT)
    assert line == [0.5, "o", f"{SHOWN_HOME}/x 127.0.0.1:33333 \x1b[0m"]


def test_the_recording_has_nothing_of_the_machine_and_lasts_a_minute():
    lines = [json.loads(line) for line in CAST.read_text("utf-8").splitlines()]
    assert lines[0]["version"] == 2
    times = [at for at, kind, _ in lines[1:] if kind == "o"]
    assert times == sorted(times)
    assert 45 < times[-1] < 80
    shown = "".join(text for _, _, text in lines[1:])
    for private in (str(HOME), "/root", str(Path.home()), os.uname().nodename):
        assert private not in shown
    assert f"/{getpass.getuser()}/" not in shown
    assert sum(step.seconds for step in STEPS) < 80
