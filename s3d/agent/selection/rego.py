"""A policy in Rego, evaluated in this process on a thread of its own.

The thread loads the policy once and reloads it when its files change; a change that cannot be used
leaves the previous policy in effect. An evaluation that overruns its time keeps the thread busy,
because nothing can interrupt it: until it ends, every other decision fails at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from s3d.agent.selection.decision import (
    DECISION_TIMEOUT,
    Decision,
    Document,
    PolicyUnavailable,
    decision_of,
)
from s3d.agent.selection.rego_program import PolicyError, load_program, run_self_test, stamp_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

RELOAD_INTERVAL = 1.0
"""Seconds between two checks whether the files have changed."""


class RegoEngine:
    """path: a .rego file, or a folder of them, with a data.json if there is one.

    Raises PolicyError for a policy that cannot be used.
    """

    def __init__(
        self,
        path: Path,
        timeout: float = DECISION_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.version = 0
        self._reload_error = ""
        self._last_error = ""
        self._overdue: Future[Any] | None = None
        self._path = path
        self._timeout = timeout
        self._clock = clock
        self._thread = DaemonThread("policy")
        try:
            self._stamp = stamp_of(path)
            self._thread.submit(run_self_test).result()
            self._evaluate = self._thread.submit(load_program, path).result()
        except (OSError, PolicyError) as error:
            self._thread.close()
            if isinstance(error, PolicyError):
                raise
            why = f"{path}: {error.strerror or error}"
            remedy = "set S3D_OPA_POLICY to a .rego file"
            raise PolicyError("the policy cannot be read", why, remedy) from error
        self._checked = clock()

    @property
    def trouble(self) -> str:
        """Why the files on disk are not in effect, or why the last decision failed; else ""."""
        if self._reload_error or not self._last_error:
            return self._reload_error
        return f"the policy returned no decision: {self._last_error}"

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""
        try:
            decision = decision_of(await self._evaluate_in_thread(document))
        except PolicyUnavailable as error:
            self._last_error = str(error)
            raise
        self._last_error = ""
        return decision

    async def _evaluate_in_thread(self, document: Document) -> Any:
        late = PolicyUnavailable(f"no decision within {self._timeout:g} s")
        if self._is_overdue:
            raise late
        future = self._thread.submit(self._reload_and_evaluate, document)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not future.done():  # an evaluation that has not begun is cancelled instead
                self._overdue = future
            raise late from None

    @property
    def _is_overdue(self) -> bool:
        return self._overdue is not None and not self._overdue.done()

    async def refresh(self) -> None:
        """Reload the policy if its files have changed; not while an evaluation is overdue."""
        if self._clock() - self._checked >= RELOAD_INTERVAL and not self._is_overdue:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await asyncio.wrap_future(self._thread.submit(self._reload))

    async def close(self) -> None:
        """Stop the thread, without waiting for an evaluation that is overdue."""
        self._thread.close()

    def _reload_and_evaluate(self, document: Document) -> Any:
        self._reload()
        return self._evaluate(document)

    def _reload(self) -> None:
        """Runs in the thread."""
        if self._clock() - self._checked < RELOAD_INTERVAL:
            return
        self._checked = self._clock()
        try:
            stamp = stamp_of(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._evaluate = load_program(self._path)
        except (OSError, PolicyError) as error:
            why = error.detail if isinstance(error, PolicyError) else str(error)
            if isinstance(error, OSError):
                self._stamp = ()  # so that the files are loaded once they are readable again
            self._reload_error = f"the previous policy stays in use: {why}"
            logger.warning("cannot reload the policy: %s", why)
            return
        self.version += 1
        self._reload_error = ""
        logger.info("reloaded the policy path=%s", self._path)


class DaemonThread:
    """Runs one call after the other. The process can end in the middle of one: the executors of
    the standard library are joined at exit, however long a call takes."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue a call. It can be cancelled until it begins."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: work(*arguments)))
        return future

    def close(self) -> None:
        """End after the calls that are queued already."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - the future carries it to the caller
                future.set_exception(error)
            else:
                future.set_result(result)
