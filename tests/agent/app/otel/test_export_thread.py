import threading
import time
from functools import partial

import pytest

from s3d.agent.app.otel.environment import Batching
from s3d.agent.app.otel.export_thread import (
    CREDIT,
    SPARE,
    CpuBudget,
    ExportThread,
    RecordQueue,
)

WAIT = 10.0


class Endpoint:
    """Takes batches, once its gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.answer = True
        self.batches: list[list[int]] = []
        self._news = threading.Condition()

    def send(self, batch: list[int]) -> bool:
        with self._news:
            self.batches.append(batch)
            answer = self.answer  # before the test goes on, which may set another
            self._news.notify_all()
        self.gate.wait(WAIT)
        return answer

    def until(self, count: int) -> list[list[int]]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.batches) >= count, WAIT)
        return self.batches


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.gate.set()


def open_thread(endpoint, *, queue=8, batch=4, delay=0.01, endpoint_shown="", **further):
    further["endpoint"] = endpoint_shown
    records = RecordQueue[int](Batching(queue, batch, delay))
    thread = ExportThread("spans", records, endpoint.send, shutdown=lambda: None, **further)
    thread.start()
    return records, thread


def stop(thread, seconds=WAIT):
    began = time.monotonic()
    thread.begin_stop()
    thread.end_stop(began + seconds)
    return time.monotonic() - began


def test_records_are_sent_in_their_order(endpoint):
    records, thread = open_thread(endpoint)
    for number in range(8):
        records.put(number)
    stop(thread)
    assert [number for batch in endpoint.batches for number in batch] == list(range(8))
    assert max(map(len, endpoint.batches)) <= 4
    assert records.dropped == 0


def test_a_batch_that_is_not_full_is_sent_after_the_delay(endpoint):
    records, thread = open_thread(endpoint)
    records.put(1)
    assert endpoint.until(1) == [[1]]
    stop(thread)


def test_a_slow_collector_costs_a_bounded_queue_and_no_wait(endpoint):
    endpoint.gate.clear()
    records, thread = open_thread(endpoint, delay=WAIT)
    for number in range(4):
        records.put(number)
    assert endpoint.until(1) == [[0, 1, 2, 3]]
    for number in range(1_000):
        records.put(number)
    assert len(records) == 8 * SPARE
    assert not records.has_room
    assert records.dropped == 1_000 - 8 * SPARE
    endpoint.gate.set()
    stop(thread)


def test_a_stop_does_not_wait_longer_than_it_may(endpoint):
    endpoint.gate.clear()
    records, thread = open_thread(endpoint)
    records.put(1)
    endpoint.until(1)
    assert stop(thread, 0.1) < WAIT / 2


def test_failures_are_logged_when_they_begin_and_when_they_end(endpoint, caplog):
    caplog.set_level("INFO")
    records, thread = open_thread(endpoint, batch=1, endpoint_shown="http://host")
    endpoint.answer = False
    for number in range(3):
        records.put(number)
    endpoint.until(3)
    endpoint.answer = True
    records.put(4)
    endpoint.until(4)
    stop(thread)
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2
    assert messages[0].startswith("spans are not exported, and are dropped")
    assert "http://host" in messages[0]
    assert messages[1] == "the OpenTelemetry collector takes spans again"
    assert thread.trouble == ""
    assert thread.failed == 3


def test_an_error_of_the_sdk_does_not_end_the_thread(caplog):
    tried: list[list[int]] = []

    def send(batch: list[int]) -> bool:
        tried.append(batch)
        if len(tried) == 1:
            raise ValueError("x")
        done.set()
        return True

    done = threading.Event()
    records = RecordQueue[int](Batching(8, 1, 0.01))
    thread = ExportThread("spans", records, send, shutdown=lambda: None)
    thread.start()
    records.put(1)
    records.put(2)
    assert done.wait(WAIT)
    stop(thread)
    assert "cannot encode spans" in caplog.text


class Clocks:
    """Seconds of time, of CPU time of the process, and of the thread."""

    def __init__(self) -> None:
        self.wall = self.process = self.thread = 100.0

    def take(self, seconds: float) -> None:
        self.thread += seconds
        self.process += seconds

    def budget(self, **shares: float) -> CpuBudget:
        clocks = {name: partial(getattr, self, name) for name in ("wall", "process", "thread")}
        return CpuBudget(**shares, **clocks)


def test_a_thread_may_take_a_share_of_what_the_process_takes_and_of_time():
    clocks = Clocks()
    budget = clocks.budget(of_work=0.1, of_processor=0.01)
    clocks.take(0.5)
    assert budget.missing() == pytest.approx(0.5)
    clocks.process += 3.0
    assert budget.missing() == pytest.approx(0.2)
    clocks.wall += 19.0
    assert budget.missing() == pytest.approx(0.01)
    clocks.wall += 1.1
    assert budget.missing() == 0


def test_what_is_not_used_is_saved_up_to_a_limit():
    clocks = Clocks()
    budget = clocks.budget(of_work=0.1, of_processor=0.01)
    clocks.wall += 10_000.0
    assert budget.missing() == 0
    clocks.take(CREDIT + 0.2)
    assert budget.missing() == pytest.approx(0.2)


def test_a_thread_that_has_taken_too_much_rests(endpoint):
    class Exceeded(CpuBudget):
        def missing(self) -> float:
            asked.set()
            return 0.0 if enough.is_set() else 1.0

    asked, enough = threading.Event(), threading.Event()
    records, thread = open_thread(endpoint, batch=1, delay=WAIT, budget=Exceeded)
    records.put(1)
    assert asked.wait(WAIT)
    records.put(2)
    assert endpoint.batches == [[1]]
    enough.set()
    assert endpoint.until(2) == [[1], [2]]
    stop(thread)
