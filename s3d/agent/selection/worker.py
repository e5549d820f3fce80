"""A thread for work that may take too long: the process ends without waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Does one thing after the other. Executors of the standard library are waited for."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """What is cancelled before its turn is not begun."""
        future: Future[T] = Future()
        self._jobs.put((future, lambda: work(*arguments)))
        return future

    def close(self) -> None:
        """After what is to be done already."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - who waits for it hears of it
                future.set_exception(error)
            else:
                future.set_result(result)
