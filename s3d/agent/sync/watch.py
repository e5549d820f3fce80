"""File system events of a folder. They are hints, and may be incomplete.

watchfiles drops events silently: at an overflow of its queue, in folders that are new, and for
ever once the root is replaced (notify-rs/notify#727, samuelcolvin/watchfiles#348). So events only
say where to look, a canary file verifies that they arrive at all, and scans find the rest.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import watchfiles

from s3d.agent.core.path_names import RESERVED, is_reserved
from s3d.agent.core.thread_call import in_thread

logger = logging.getLogger(__name__)

DEBOUNCE, STEP = 400, 50
"""Milliseconds that a batch may grow, and of silence that end it."""
STOP_WITHIN = 1_000
"""Milliseconds within which the watching thread looks whether it should end."""
MANY = 4_000
"""Events of a batch from which some are likely to be lost."""
CANARY = 60.0
"""Seconds between two changes that have to be reported."""
CANARY_PATIENCE = 5.0
AGAIN = 60.0
"""A watcher that fails twice within so many seconds is replaced by polling."""

_LIMIT = (
    "too few watches: raise fs.inotify.max_user_watches (sudo sysctl -w "
    "fs.inotify.max_user_watches=1048576)"
)


class Watcher:
    """Watches one folder. tell gets the paths of a batch; None: anything may have changed."""

    def __init__(self, root: Path, tell: Callable[[set[str] | None], None],
                 touch: Callable[[], None], mark: Callable[[str], None]) -> None:  # fmt: skip
        """touch: makes the change that has to be reported. mark: the same, with a file of this name
        beside it, which it removes."""
        self.live = asyncio.Event()
        """An event has come."""
        self.state = "starting"
        """ "events", or "polling: " and why."""
        self._root, self._tell, self._touch, self._mark = root, tell, touch, mark
        self._canary = asyncio.Event()
        self._numbers = itertools.count(1)
        self._marks: dict[str, asyncio.Event] = {}
        """Path of a change that catch_up() has made -> set when it is reported."""

    @property
    def is_polling(self) -> bool:
        return self.state.startswith("polling")

    async def run(self) -> None:
        """Until cancelled. A watcher that fails is replaced once; then the folder is polled."""
        failed = float("-inf")
        while True:
            why = await self._watch()
            logger.warning("cannot watch a folder for changes folder=%s reason=%s", self._root, why)
            is_hopeless = time.monotonic() - failed < AGAIN or why == _LIMIT
            if is_hopeless:
                self.state = f"polling: {why}"
            self._tell(None)
            if is_hopeless:
                await asyncio.Event().wait()
            failed = time.monotonic()

    async def catch_up(self) -> None:
        """Return once all changes that were made before have been reported, since the system
        reports changes in their order; after some seconds in any case, and at once when no events
        arrive."""
        if self.state == "starting":
            await _within(self.live, CANARY_PATIENCE)
        if self.state != "events":
            return
        name = f"canary.{next(self._numbers)}"
        reported = self._marks[f"{RESERVED}/{name}"] = asyncio.Event()
        try:
            await asyncio.to_thread(self._mark, name)
            await _within(reported, CANARY_PATIENCE)
        except OSError as error:
            logger.warning("cannot mark a folder folder=%s reason=%s", self._root, error.strerror)
        finally:
            del self._marks[f"{RESERVED}/{name}"]

    async def _watch(self) -> str:
        """Watch until the watcher fails; return why."""
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        ended: asyncio.Future[str] = loop.create_future()

        def work() -> None:
            why = _blocking(self._root, stop, lambda raw: loop.call_soon_threadsafe(self._got, raw))
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set, ended, why)

        threading.Thread(target=work, name="watch", daemon=True).start()
        try:
            async with asyncio.TaskGroup() as group:
                canary = group.create_task(self._feed_canary(ended), name="canary")
                why = await ended
                canary.cancel()
                return why
        finally:
            stop.set()

    async def _feed_canary(self, ended: asyncio.Future[str]) -> None:
        """Make a change at intervals, and end the watching when it is not reported."""
        first = True
        while True:
            self._canary.clear()
            patience = 10 * CANARY_PATIENCE if first else CANARY_PATIENCE
            try:
                async with asyncio.timeout(patience):
                    while not self._canary.is_set():
                        await in_thread(self._touch)
                        await _within(self._canary, 0.5 if first else patience)
            except TimeoutError:
                _set(ended, "no more events arrive")
                return
            except OSError as error:
                _set(ended, error.strerror or str(error))
                return
            self.state = "events"
            self.live.set()
            first = False
            await asyncio.sleep(CANARY)

    def _got(self, raw: Iterable[str]) -> None:
        root = f"{self._root}/"
        found = {path.removeprefix(root) for path in raw if path.startswith(root)}
        if any(path.startswith(RESERVED + "/") for path in found):
            self._canary.set()
        mine = {path for path in found if not is_reserved(path)}
        if len(found) >= MANY:
            self._tell(None)
        elif mine:
            self._tell(mine)
        for path in found & self._marks.keys():
            self._marks[path].set()


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _set(future: asyncio.Future[str], value: str) -> None:
    if not future.done():
        future.set_result(value)


def _blocking(root: Path, stop: threading.Event, got: Callable[[list[str]], object]) -> str:
    """In a thread of its own, since building a watcher of many folders takes a second."""
    try:
        for batch in watchfiles.watch(
            root, watch_filter=None, debounce=DEBOUNCE, step=STEP, rust_timeout=STOP_WITHIN,
            stop_event=stop, raise_interrupt=False, ignore_permission_denied=True,
        ):  # fmt: skip
            if stop.is_set():
                break
            got([path for _, path in batch])
    except OSError as error:
        return _LIMIT if "watch limit" in str(error) else error.strerror or str(error)
    except Exception as error:  # noqa: BLE001 - WatchfilesRustInternalError is no public name
        return str(error)
    return "it ended"
