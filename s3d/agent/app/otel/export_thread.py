"""A thread that sends the records of one signal: bounded in memory and in its share of the CPU.

1. The loop puts records into a queue, which never waits: a record that finds it full is dropped.
2. The thread takes a batch when one is full, or when its time has come, and sends it. A collector
   that is away or slow holds up this thread alone.
3. Between two batches it rests until its CpuBudget allows another one. Under a load that produces
   more records than that, the queue is full and records are dropped, whole traces at a time
   (Tracer.start).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from s3d.agent.app.otel.environment import Batching

logger = logging.getLogger(__name__)

R = TypeVar("R")

SHARE_OF_WORK = 0.025
"""Of the CPU time that the rest of the process takes, for each signal."""
SHARE_OF_PROCESSOR = 0.005
"""Of one processor, in addition: some 130 spans a second, which a small load does not exceed."""
CREDIT = 0.02
"""Seconds of CPU time that are saved up while there is little to send: for one batch."""
RECHECK = 0.1
"""Seconds between two looks at the budget."""
SPARE = 2
"""The queue takes this many times its size of records whose trace has begun before it was full."""


class RecordQueue(Generic[R]):
    """Filled by any thread, emptied by one."""

    def __init__(self, batching: Batching) -> None:
        self.batching = batching
        self.dropped = 0
        """Records that found the queue full."""
        self.ready = threading.Event()
        """Set when a batch is full."""
        self.has_room = True
        """Whether a new trace may begin."""
        self._records: deque[R] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: R) -> None:
        """Never waits and never fails."""
        count = len(self._records)
        if count >= self.batching.queue * SPARE:
            self.dropped += 1
            return
        self._records.append(record)
        if count + 1 >= self.batching.batch:
            self.ready.set()
            self.has_room = count + 1 < self.batching.queue

    def take(self) -> list[R]:
        """The next batch; empty when nothing waits."""
        self.ready.clear()
        count = min(len(self._records), self.batching.batch)
        batch = [self._records.popleft() for _ in range(count)]
        left = len(self._records)
        self.has_room = left < self.batching.queue
        if left >= self.batching.batch:
            self.ready.set()
        return batch


class CpuBudget:
    """How much CPU time a thread may take. Used by that thread alone."""

    def __init__(
        self,
        *,
        of_work: float = SHARE_OF_WORK,
        of_processor: float = SHARE_OF_PROCESSOR,
        wall: Callable[[], float] = time.monotonic,
        process: Callable[[], float] = time.process_time,
        thread: Callable[[], float] = time.thread_time,
    ) -> None:
        """The clocks: seconds of time, and of CPU time of the process and of this thread."""
        self._of_work = of_work
        self._of_processor = of_processor
        self._wall = wall
        self._process = process
        self._thread = thread
        self._started = wall(), process() - thread(), thread()
        self._forfeited = 0.0
        """Seconds of the budget that were not used in time."""

    def missing(self) -> float:
        """Seconds of CPU time that were taken beyond the budget; 0 while some is left."""
        wall, work, own = self._started
        now = self._thread()
        budget = self._of_processor * (self._wall() - wall)
        budget += self._of_work * (self._process() - now - work)
        left = budget - self._forfeited - (now - own)
        if left > CREDIT:
            self._forfeited += left - CREDIT
        return max(0.0, -left)


class ExportThread(Generic[R]):
    """Sends what is put into its queue, until stop()."""

    def __init__(
        self,
        signal: str,
        queue: RecordQueue[R],
        send: Callable[[list[R]], bool],
        *,
        shutdown: Callable[[], object],
        endpoint: str = "",
        budget: Callable[[], CpuBudget] = CpuBudget,
    ) -> None:
        """signal, endpoint: for people. send: encodes and sends a batch; whether the collector has
        taken it. shutdown: makes a send that waits for a retry return. budget: called in the
        thread."""
        self.queue = queue
        self.failed = 0
        """Batches that the collector did not take."""
        self._signal = signal
        self._endpoint = endpoint
        self._send = send
        self._shutdown = shutdown
        self._new_budget = budget
        self._stopping = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name=f"otel {signal}", daemon=True)

    @property
    def trouble(self) -> str:
        """Why nothing arrives, for people; "" when the last batch did."""
        if not self._is_failing:
            return ""
        return (
            f"{self._signal} are not exported, and are dropped: the OpenTelemetry collector at "
            f"{self._endpoint} does not answer or refuses them; see OTEL_EXPORTER_OTLP_ENDPOINT"
        )

    def start(self) -> None:
        self._thread.start()

    def begin_stop(self) -> None:
        """Send what is left in the queue, once, and end."""
        self._stopping.set()
        self.queue.ready.set()

    def end_stop(self, deadline: float) -> None:
        """Wait for the end, until the deadline (time.monotonic()). Then what is left is lost."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._shutdown()

    def _run(self) -> None:
        budget = self._new_budget()
        while not self._stopping.is_set():
            self.queue.ready.wait(self.queue.batching.delay)
            self._export_batch()
            while budget.missing() and not self._stopping.is_set():
                self._stopping.wait(RECHECK)
        while len(self.queue) and not self._is_failing:
            self._export_batch()

    def _export_batch(self) -> None:
        batch = self.queue.take()
        if not batch:
            return
        try:
            is_taken = self._send(batch)
        except Exception:  # an error of the SDK must not end the thread
            logger.exception("cannot encode %s for OpenTelemetry", self._signal)
            is_taken = False
        self._report(is_taken)

    def _report(self, is_taken: bool) -> None:
        """Log when the collector stops and begins to take batches, not each time."""
        self.failed += not is_taken
        if is_taken is not self._is_failing:
            return
        self._is_failing = not is_taken
        if is_taken:
            logger.info("the OpenTelemetry collector takes %s again", self._signal)
        else:
            logger.warning("%s", self.trouble)
