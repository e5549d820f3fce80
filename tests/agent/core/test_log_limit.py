import logging

from s3d.agent.core.log_limit import LimitedLogger

LOG = logging.getLogger("s3d.agent.test_log_limit")


def test_a_flood_of_one_text_leaves_others_alone(caplog):
    now = [0.0]
    limited = LimitedLogger(LOG, burst=2, interval=10, clock=lambda: now[0])
    for number in range(100):
        limited.warning("refused kind=%d", number)
    limited.warning("other")
    assert caplog.messages == ["refused kind=0", "refused kind=1", "other"]


def test_the_next_line_says_how_many_were_left_out(caplog):
    now = [0.0]
    limited = LimitedLogger(LOG, burst=2, interval=10, clock=lambda: now[0])
    for _ in range(5):
        limited.warning("refused")
    now[0] = 10.0
    limited.warning("refused")
    now[0] = 25.0
    limited.warning("refused")
    assert caplog.messages[2:] == ["refused (3 more such lines were left out)", "refused"]


def test_it_is_a_logger(caplog):
    limited = LimitedLogger(LOG)
    limited.debug("too quiet to be counted")
    try:
        raise ValueError("broken")
    except ValueError:
        limited.exception("failed", extra={"fields": {"key": "k"}})
    (record,) = caplog.records
    assert record.exc_info[0] is ValueError
    assert record.fields == {"key": "k"}
