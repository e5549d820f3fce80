"""Requests to stop a multipart push that is running.

A push ends after the parts that are being sent, so that no byte is sent twice: the remote keeps
those parts, and a later push continues from them. Once the upload is being completed, it can no
longer be stopped, because the remote may have the object already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from s3d.agent.s3.errors import S3Error


class Stop(StrEnum):
    """What shall become of a write whose push stops."""

    PAUSE = "pause"
    """It is held until the user resumes it."""
    DISCARD = "discard"
    """It is removed from the queue, and its upload is aborted."""
    QUEUE = "queue"
    """It waits, because the whole queue is paused."""


class PushStopped(Exception):
    """A push has ended on request, and its progress is saved."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(f"the push has stopped: {stop}")
        self.stop = stop


class StopRequest:
    """The request to stop one push; None until there is one."""

    def __init__(self) -> None:
        self.requested: Stop | None = None
        self.is_completing = False
        """The last request to the remote is being sent, so the push cannot stop any more."""

    def raise_if_requested(self) -> None:
        """Raises PushStopped."""
        if self.requested is not None:
            raise PushStopped(self.requested)


class PushStops:
    """The multipart pushes that run now. Belongs to the loop."""

    def __init__(self) -> None:
        self._running: dict[int, StopRequest] = {}

    @contextmanager
    def running(self, seq: int) -> Iterator[StopRequest]:
        """While the push of a write runs, it can be asked to stop.

        A push that fails after such a request has stopped, too: PushStopped, caused by the failure.
        """
        request = self._running[seq] = StopRequest()
        try:
            yield request
        except S3Error as error:
            if request.requested is not None:
                raise PushStopped(request.requested) from error
            raise
        finally:
            del self._running[seq]

    def can_stop(self, seq: int) -> bool:
        """Whether the push of a write runs and can still be stopped."""
        request = self._running.get(seq)
        return request is not None and not request.is_completing

    def requested(self, seq: int) -> Stop | None:
        """What a push that is still running was asked to do."""
        request = self._running.get(seq)
        return None if request is None else request.requested

    def request(self, seq: int, stop: Stop) -> bool:
        """Ask the push of a write to stop; False when it cannot. A discard is never withdrawn."""
        if not self.can_stop(seq):
            return False
        request = self._running[seq]
        if request.requested is not Stop.DISCARD:
            request.requested = stop
        return True

    def withdraw(self, seq: int) -> bool:
        """Let a push go on that was asked to pause; False when it has stopped already."""
        request = self._running.get(seq)
        if request is None or request.requested is Stop.DISCARD:
            return False
        request.requested = None
        return True

    def request_all(self) -> None:
        """The queue is paused: stop every push that was not asked to stop for another reason."""
        for request in self._running.values():
            if request.requested is None and not request.is_completing:
                request.requested = Stop.QUEUE

    def withdraw_all(self) -> None:
        """The queue is resumed."""
        for request in self._running.values():
            if request.requested is Stop.QUEUE:
                request.requested = None
