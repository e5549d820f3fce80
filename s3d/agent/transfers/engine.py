"""All transfers: begun, paused, tried again, ended; a few objects of them at a time."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.disk import FULL, is_disk_full
from s3d.agent.sync.reasons import reason_of
from s3d.agent.transfers import persistence
from s3d.agent.transfers.items import Item, items_of
from s3d.agent.transfers.job import CANCELLED, DONE, ENDED, FAILED, HELD, RUNNING, WAITING, Job
from s3d.agent.transfers.local_files import NotTransferable
from s3d.agent.transfers.naming import parts_of
from s3d.agent.transfers.operations import Steps
from s3d.shared.transfers import TransferError, TransferRequest

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Objects that are moved at the same time, of all transfers."""
KEPT = 200
"""Transfers that have ended and are still listed."""
MOST = 2_000
"""Transfers that have not ended."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try while the remote is away."""
TELL = 0.5
"""Seconds between two events of one transfer."""


class Away(Exception):
    """The remote cannot be asked just now."""

    def __init__(self, error: S3Error) -> None:
        self.error = error
        super().__init__(error.message)


class Transfers:
    """Run run(). path: of the file for those that have not ended."""

    def __init__(
        self, objects: S3Client, events: Events, path: Path, umask: int, *,
        makes_room: bool = False, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """clock: Unix seconds. umask: of files that are made. makes_room: a full disk empties by
        itself, as that of a write queue does. Raises UsageError for a file of a newer s3d."""
        self._makes_room = makes_room
        self._objects, self._events, self._path, self._clock = objects, events, path, clock
        self._steps = Steps(objects, umask)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: asyncio.Queue[Job] = asyncio.Queue()
        self._told: dict[str, float] = {}
        self._saving = asyncio.Lock()
        file = persistence.read(path)
        self._last = file.last
        for each in file.transfers:
            state = HELD if each.is_held else WAITING
            job = Job(each.id, each.request, each.accepted, state, is_again=True)
            self._jobs[job.id] = job
            if not each.is_held:
                self._wanted.put_nowait(job)
        self._jobs.update((failed.id, _failed_job(failed)) for failed in file.failed)

    def all(self) -> Sequence[Job]:
        """The oldest first."""
        return list(self._jobs.values())

    def get(self, id: str) -> Job | None:
        return self._jobs.get(id)

    async def run(self) -> None:
        """Until cancelled; what is under way then goes on at the next start."""
        for job in self._jobs.values():
            if job.state == RUNNING:  # a run before this one broke
                job.is_again, job.state = True, WAITING
                self._wanted.put_nowait(job)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    job = await self._wanted.get()
                    if job.state == WAITING:
                        task = tasks.create_task(self._carry_out(job), name=f"transfer {job.id}")
                        self._tasks[job.id] = task
        finally:
            self._tasks.clear()

    # What a person says

    async def start(self, request: TransferRequest) -> list[Job]:
        """One for each source. Raises InvalidArgument; SlowDown when there are too many."""
        parts = parts_of(request)
        if len(parts) + sum(job.state not in ENDED for job in self._jobs.values()) > MOST:
            raise S3Error("SlowDown", f"There are {MOST} transfers already.")
        started = []
        for part in parts:
            self._last += 1
            job = Job(f"t{self._last}", part, self._clock())
            self._jobs[job.id] = job
            started.append(job)
        await self._save()
        for job in started:
            self._wanted.put_nowait(job)
            self._tell(job)
        return started

    async def pause(self, job: Job) -> None:
        """What is in hand breaks off, and begins anew."""
        await self._stop(job, HELD)

    async def cancel(self, job: Job) -> None:
        """What is done stays."""
        await self._stop(job, CANCELLED)

    async def resume(self, job: Job) -> None:
        """Go on, or try again: what is there already is not moved again."""
        await self._halt(job)
        job.is_again, job.state, job.retry_at = True, WAITING, 0.0
        self._wanted.put_nowait(job)
        self._tell(job)
        await self._save()

    async def clear(self) -> int:
        """Forget what has ended; how many."""
        ended = [job.id for job in self._jobs.values() if job.state in ENDED]
        for id in ended:
            del self._jobs[id]
        await self._save()
        return len(ended)

    async def _stop(self, job: Job, state: str) -> None:
        job.state = state
        await self._halt(job)
        self._tell(job)
        await self._save()

    async def _halt(self, job: Job) -> None:
        task = self._tasks.pop(job.id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    # One of them

    async def _carry_out(self, job: Job) -> None:
        tries = 0
        while True:
            job.begin()
            self._tell(job)
            try:
                await self._all_of(job)
            except* Away as errors:
                self._wait(job, errors, PAUSES[min(tries, len(PAUSES) - 1)])
            except* (S3Error, OSError) as errors:  # nothing of it could be found
                job.failed(_error(errors.exceptions[0], self._clock()))
            if job.state != WAITING:
                break
            tries += 1
            await asyncio.sleep(max(job.retry_at - self._clock(), 0.0))
            job.is_again = True
        job.state = FAILED if job.files_failed else DONE
        self._tasks.pop(job.id, None)
        self._tell(job)
        if job.state == FAILED and job.error is not None:
            logger.warning(
                "transfer failed id=%s kind=%s source=%s failed=%d why=%s",
                job.id, job.request.kind, job.source, job.files_failed, job.error.message,
            )  # fmt: skip
        self._forget_old()
        await self._save()

    def _wait(self, job: Job, errors: ExceptionGroup[Away], pause: float) -> None:
        away = _first(errors)
        job.state, job.retry_at = WAITING, self._clock() + pause
        job.error = _error(away.error, self._clock()) if isinstance(away, Away) else job.error
        self._tell(job)

    async def _all_of(self, job: Job) -> None:
        """Raises Away, S3Error and OSError, in groups."""
        items = items_of(job.request, self._objects)
        async with asyncio.TaskGroup() as tasks, aclosing(items):  # type: ignore[type-var]
            while (item := await self._next(items)) is not None:
                job.found(item.size)
                tasks.create_task(self._one(job, item), name=f"transfer {job.id} object")

    async def _next(self, items: AsyncIterator[Item]) -> Item | None:
        """With a slot taken for it; None: there is none any more."""
        await self._slots.acquire()
        item = None
        try:
            item = await anext(items, None)
        except S3Error as error:
            raise (Away(error) if self._is_away(error) else error) from error
        finally:
            if item is None:
                self._slots.release()
        return item

    async def _one(self, job: Job, item: Item) -> None:
        try:
            await self._steps.carry_out(job, item)
        except S3Error as error:
            if self._is_away(error):
                raise Away(error) from error
            job.failed(_error(error, self._clock(), item.key))
        except (NotTransferable, OSError) as error:
            job.failed(_error(error, self._clock(), item.key))
        except Exception as error:  # a fault of ours must not keep the other objects back
            logger.exception("a transfer broke id=%s key=%s", job.id, item.key)
            job.failed(TransferError("InternalError", f"{item.key}: {error!r}", at=self._clock()))
        finally:
            self._slots.release()
        self._tell(job, now_and_then=True)

    def _tell(self, job: Job, *, now_and_then: bool = False) -> None:
        job.ended.set() if job.state in ENDED else job.ended.clear()
        now = time.monotonic()
        if now_and_then and now - self._told.get(job.id, 0.0) < TELL:
            return
        self._told[job.id] = now
        self._events.emit(
            "transfer.changed", job.id, state=job.state, done=job.done, size=job.size,
            files_done=job.files_done, files_failed=job.files_failed,
        )  # fmt: skip

    def _is_away(self, error: S3Error) -> bool:
        return is_temporary(error) and (self._makes_room or not is_disk_full(error))

    # What is kept

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state in ENDED]
        for id in ended[: max(len(ended) - KEPT, 0)]:
            del self._jobs[id]
            self._told.pop(id, None)

    async def _save(self) -> None:
        """Those that have not ended, and those that failed. The transfers go on when the file
        cannot be written."""
        async with self._saving:
            left = [
                persistence.SavedTransfer(job.id, job.request, job.accepted, job.state == HELD)
                for job in self._jobs.values()
                if job.state not in ENDED
            ]
            failed = [_failed(job) for job in self._jobs.values() if job.state == FAILED]
            file = persistence.SavedTransfers(self._last, left, failed)
            try:
                await asyncio.to_thread(persistence.write, self._path, file)
            except OSError as error:
                logger.warning("transfers would not survive a restart: %s", reason_of(error))


def is_temporary(error: S3Error) -> bool:
    """Whether the store cannot be asked now, so that waiting helps."""
    return error.status >= 500 and classify(error) is FailureClass.TRANSIENT


def _failed(job: Job) -> persistence.FailedTransfer:
    return persistence.FailedTransfer(
        job.id, job.request, job.accepted, job.files, job.files_done, job.files_failed, job.size,
        job.done, job.failures,
    )  # fmt: skip


def _failed_job(failed: persistence.FailedTransfer) -> Job:
    job = Job(
        failed.id, failed.request, failed.accepted, FAILED, is_again=True, size=failed.size,
        done=failed.done, files=failed.files, files_done=failed.files_done,
        files_failed=failed.files_failed, failures=list(failed.failures),
        error=failed.failures[0] if failed.failures else None,
    )  # fmt: skip
    job.ended.set()
    return job


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first that is no group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _error(error: BaseException, now: float, key: str = "") -> TransferError:
    """For people, with the object that it is about."""
    if isinstance(error, BaseExceptionGroup):
        error = _first(error)
    about = f"{key}: " if key else ""
    if isinstance(error, S3Error):
        code = "DiskFull" if is_disk_full(error) else error.code
        return TransferError(code, about + error.message, status=error.status, at=now)
    if isinstance(error, OSError):
        code = _LOCAL_CODES.get(error.errno or 0, "LocalFileError")
        return TransferError(code, about + reason_of(error), at=now)
    return TransferError("NotTransferable", about + str(error), at=now)


_LOCAL_CODES: Mapping[int, str] = {
    **dict.fromkeys(FULL, "DiskFull"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "PermissionDenied"),
    errno.ENOENT: "NoSuchFile",
}
"""Error of this system -> code of a TransferError."""
