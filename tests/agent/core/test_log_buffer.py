import logging
import threading

import pytest

from s3d.agent.core.log_buffer import LogBuffer
from s3d.shared.masking import hide


@pytest.fixture
def book():
    hide("hush-hush")
    book = LogBuffer(lines=10)
    logger = logging.getLogger("s3d.agent.test_log_book")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(book)
    yield book
    logger.removeHandler(book)


LOG = logging.getLogger("s3d.agent.test_log_book")


def test_lines_are_kept_without_secrets_and_by_level(book):
    LOG.debug("not this")
    LOG.info("the word is %s", "hush-hush")
    LOG.warning("careful")
    LOG.error("bad")
    lines = book.after(0, 10)
    assert [(line.seq, line.level, line.source) for line in lines] == [
        (1, "info", "test_log_book"), (2, "warning", "test_log_book"),
        (3, "error", "test_log_book"),
    ]  # fmt: skip
    assert "hush" not in lines[0].message
    assert [line.message for line in book.after(0, 10, level="error")] == ["bad"]
    assert book.after(0, 10, source="other") == []


def test_the_last_ones_first_and_then_what_comes(book):
    for number in range(12):
        LOG.info("%d", number)
    assert [line.message for line in book.after(0, 2)] == ["10", "11"]
    assert [line.message for line in book.after(1, 99)] == [str(n) for n in range(2, 12)]
    assert [line.message for line in book.after(11, 99)] == ["11"]


def test_an_error_is_told_with_its_cause(book):
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("it failed")
    assert book.after(0, 1)[0].message == "it failed: ValueError: broken"


def test_lines_of_many_threads_all_have_numbers(book):
    threads = [threading.Thread(target=LOG.info, args=("x",)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.seq == 50
    assert [line.seq for line in book.after(0, 10)] == list(range(41, 51))
