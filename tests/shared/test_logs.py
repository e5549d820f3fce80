import io
import json
import logging

import pytest

from s3d.shared.logs import ACCESS_LOGGER, log_fields, set_up
from s3d.shared.masking import hide

LIVE = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"


@pytest.fixture
def log():
    """Set up the log of the process, and give back what it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def start(how="info", **options):
        hide(LIVE)
        set_up(how, stream, **options)
        return stream

    root.handlers.clear()
    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("t.loud", "t.quiet", ACCESS_LOGGER, "botocore"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_has_time_level_logger_and_message(log):
    stream = log()
    logging.getLogger("t").info("started endpoint=%s", "http://x")
    at, level, name, *message = stream.getvalue().split()
    assert at.endswith("Z")
    assert at[10] == "T"
    assert (level, name, message) == ("info", "t", ["started", "endpoint=http://x"])


def test_json_is_an_object_a_line(log):
    stream = log(form="json")
    logging.getLogger("t").warning("two\nlines %s", LIVE)
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record["message"] == "two\nlines ***"
    assert (record["level"], record["logger"]) == ("warning", "t")


def test_levels_are_by_logger(log):
    stream = log("warning,t.loud=debug,t.quiet=error")
    for name in ("t", "t.loud", "t.quiet"):
        for level in (logging.DEBUG, logging.WARNING):
            logging.getLogger(name).log(level, "at %s", level)
    assert [line.split()[1:3] for line in stream.getvalue().splitlines()] == [
        ["warning", "t"],
        ["debug", "t.loud"],
        ["warning", "t.loud"],
    ]


def test_libraries_that_print_signatures_stay_above_debug(log):
    stream = log("debug,botocore=debug")
    logging.getLogger("botocore.auth").debug("CanonicalRequest")
    assert stream.getvalue() == ""


def test_requests_are_logged_at_debug(log):
    """Each has a line of the logger s3d.access, which can have a level of its own."""
    stream = log()
    logging.getLogger(ACCESS_LOGGER).debug("request")
    assert stream.getvalue() == ""
    for level in ("debug", f"info,{ACCESS_LOGGER}=debug"):
        stream = log(level)
        logging.getLogger(ACCESS_LOGGER).debug("request")
        assert "request" in stream.getvalue()


def test_control_characters_are_escaped(log):
    stream = log()
    logging.getLogger("t").info("key=%s", "a\nb\x1b[2J")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("key=a␊b␛[2J")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_follows_and_is_masked(log, form):
    stream = log(form=form)
    try:
        raise ValueError(f"no {LIVE}\x1b[2J")
    except ValueError:
        logging.getLogger("t").exception("failed")
    text = stream.getvalue()
    assert "ValueError: no ***" in text
    assert LIVE not in text
    assert "\x1b" not in text


def test_the_fields_of_a_request_follow_the_message(log):
    stream = log()
    fields = log_fields(key='a "b"\n', request_id="R1", bucket="b")
    logging.getLogger("t").warning("damaged", extra=fields)
    assert stream.getvalue().endswith('damaged request_id=R1 bucket=b key="a \\"b\\"␊"\n')
    stream = log(form="json")
    logging.getLogger("t").warning("damaged", extra=fields)
    record = json.loads(stream.getvalue().splitlines()[-1])
    assert list(record) == ["at", "level", "logger", "message", "request_id", "bucket", "key"]
    assert record["key"] == 'a "b"\n'
    assert (record["request_id"], record["bucket"]) == ("R1", "b")
    assert "operation" not in record
