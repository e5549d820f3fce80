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
