import os
import time

import pytest

from s3d.cli.trace_command import _row
from s3d.shared.diagnostics import ObjectEvent


@pytest.fixture(autouse=True)
def timezone(monkeypatch):
    """Set the time zone of the process."""

    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    change("UTC")
    yield change
    monkeypatch.undo()
    time.tzset()


def test_times_are_local_as_those_of_the_log(timezone):
    timezone("XXX-9")
    assert _row(ObjectEvent(0.25, "evicted")) == "1970-01-01 09:00:00.250  evicted"


def test_a_line_of_an_accepted_write():
    data = {"seq": 7, "operation": "put", "size": 4096}
    assert _row(ObjectEvent(1_700_000_000.25, "accepted", "REQ", "a" * 32, data)) == (
        "2023-11-14 22:13:20.250  accepted     put 4 KiB staged  write=7  request=REQ  trace="
        + "a" * 32
    )


def test_a_line_of_a_write_that_has_arrived():
    data = {"seq": 7, "operation": "put", "size": 4096, "etag": '"abc"', "seconds": 3.5}
    assert _row(ObjectEvent(1_700_000_000.25, "pushed", data=data)) == (
        '2023-11-14 22:13:20.250  pushed       put 4 KiB  write=7  etag="abc"  seconds=3.5'
    )


def test_a_line_of_a_failed_push_with_what_a_server_has_said():
    data = {"seq": 7, "code": "SlowDown", "message": "\x1b[2Jtoo fast"}
    row = _row(ObjectEvent(0.5, "push failed", data=data))
    assert row.startswith("1970-01-01 00:00:00.500  push failed  write=7  code=SlowDown")
    assert "\x1b" not in row


def test_a_line_without_details():
    assert _row(ObjectEvent(0.0, "evicted")) == "1970-01-01 00:00:00.000  evicted"


def test_without_a_remote_the_command_says_what_to_do(s3d):
    result = s3d("trace", "bucket/key")
    assert result.code != 0
    assert "there is no remote" in result.err
    assert "S3D_REMOTE" in result.err


def test_without_an_agent_and_a_history_the_command_says_how_to_start_one(s3d, tmp_path):
    result = s3d("trace", "bucket/key", S3D_LOCAL_DIR=str(tmp_path))
    assert result.code != 0
    assert "the agent is not running" in result.err
    assert "s3d start" in result.err


def test_without_an_agent_the_lines_are_those_of_the_remote_used_last(s3d, tmp_path):
    line = '{"subject":"bucket/key","at":1.5,"event":"evicted"}\n'
    identity = '{"id":"i","endpoint":"http://h:1","url":"http://h:1/"}'
    for number, folder in enumerate(("state/remotes/newer", "state", "state/remotes/older")):
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        (path / "remote.json").write_text(identity)
        os.utime(path / "remote.json", (100 - number, 100 - number))
        text = line if folder.endswith("newer") else line.replace("evicted", "cached")
        (path / "history.jsonl").write_text('{"version":1}\n' + text)
    result = s3d("trace", "bucket/key", S3D_LOCAL_DIR=str(tmp_path))
    assert (result.code, result.out) == (0, "1970-01-01 00:00:01.500  evicted\n")
    assert str(tmp_path / "state/remotes/newer") in result.err
    assert "http://h:1/" in result.err
    assert s3d("trace", "bucket/other", S3D_LOCAL_DIR=str(tmp_path)).code != 0
