import io
import json
import logging

import pytest

from s3d.shared.config.values import Secret
from s3d.shared.logs import ACCESS_LOGGER, mask, set_up

LIVE = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"


@pytest.fixture
def log():
    """Set up the log of the process, and give back what it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def start(how="info", **options):
        set_up(how, stream, secrets=[Secret(LIVE)], **options)
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


def test_the_access_log_is_off_until_asked_for(log):
    stream = log("debug")
    logging.getLogger(ACCESS_LOGGER).info("GET /")
    assert stream.getvalue() == ""
    log(f"info,{ACCESS_LOGGER}=info")
    logging.getLogger(ACCESS_LOGGER).info("GET /")
    assert "GET /" in stream.getvalue()


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


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"secret is {LIVE}!", LIVE),
        ("Authorization: AWS4-HMAC-SHA256 Credential=AK/2/us/s3, Signature=abcdef", "abcdef"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 Signature=abcdef'}", "abcdef"),
        ("('authorization', 'Bearer abcdef')", "abcdef"),
        ("GET /k?X-Amz-Signature=abcdef&X-Amz-Date=1", "abcdef"),
        ("GET /k?X-Amz-Security-Token=abc%2Fdef", "abc%2Fdef"),
        ("x-amz-security-token: abcdef", "abcdef"),
        ("GET /k?AWSAccessKeyId=AK&Signature=abc%3D&Expires=1", "abc%3D"),
        ("?X-Amz-Credential=AKID%2F20260101%2Fus-east-1", "20260101"),
        ("x-amz-server-side-encryption-customer-key: c2VjcmV0", "c2VjcmV0"),
        ("Cookie: session=abcdef", "abcdef"),
    ],
)
def test_what_must_not_be_in_a_log_is_masked(text, hidden):
    masked = mask(text, [LIVE])
    assert hidden not in masked
    assert "***" in masked


def test_what_stands_around_a_mask_stays():
    text = "GET /k?X-Amz-Signature=abcdef&X-Amz-Date=1 status=403"
    assert mask(text) == "GET /k?X-Amz-Signature=***&X-Amz-Date=1 status=403"
    assert mask("bucket=b key=signature.txt size=3") == "bucket=b key=signature.txt size=3"
