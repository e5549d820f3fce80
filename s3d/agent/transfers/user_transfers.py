"""Uploads, downloads, copies, moves and deletions that the user has started.

How one transfer runs:

1. ``start`` splits the request into one job for each source (naming.py), saves them and returns.
2. The job engine (core/jobs.py) takes a job from its queue; ``items_of`` (items.py) finds the
   objects. A walk over local folders runs in a thread, in batches.
3. ``Operations.perform`` (operations.py) moves one object through the stores; local files are read
   and written in threads (local_files.py). Each operation can be repeated without harm.
4. While the remote is unavailable the job waits and starts again. What is in place already is only
   looked at.
5. Each change of state is published as ``transfer.changed`` and written to transfers.json by a
   thread (persistence.py), so that a restart of the agent continues the transfers.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.job import ENDED, Amount, ItemProgress, Job, JobFailure, JobState
from s3d.agent.core.jobs import JobEngine, JobPolicy
from s3d.agent.core.metric_table import TRANSFERS
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.telemetry import Labels, Registry
from s3d.agent.core.thread_call import in_thread
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.part_sizes import DEFAULT_PART
from s3d.agent.storage.disk import FULL, is_disk_full
from s3d.agent.sync.reasons import reason_of
from s3d.agent.transfers import persistence
from s3d.agent.transfers.comparison import Outcome, changed_items
from s3d.agent.transfers.items import Item, is_left_out, items_of, without_special
from s3d.agent.transfers.large_files import LargeFiles
from s3d.agent.transfers.local_files import NotTransferable
from s3d.agent.transfers.mounted_paths import translate
from s3d.agent.transfers.naming import UPLOAD, parts_of
from s3d.agent.transfers.operations import Operations
from s3d.agent.transfers.transfer_plan import FAILED, each_of, plan_of
from s3d.agent.transfers.transfer_status import STATES, TransferJob, source_of, transfer_error
from s3d.shared.transfer_options import PlannedTransfer
from s3d.shared.transfers import TransferRequest

logger = logging.getLogger(__name__)

CONCURRENCY = 4
"""Objects that are moved at the same time, of all transfers."""
MAX_UNFINISHED = 2_000
"""Transfers that have not ended."""
RETRY_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further attempt while the remote is unavailable."""


class UserTransfers:
    """The transfers of the agent. Call run() as long as it lives."""

    def __init__(
        self,
        objects: S3Client,
        events: Events,
        path: Path,
        umask: int,
        *,
        direct: S3Client | None = None,
        part_size: int = DEFAULT_PART,
        is_too_large: Callable[[int], bool] = lambda size: False,
        waits_for_disk: bool = False,
        registry: Registry | None = None,
        own_mounts: OwnMounts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """path: of transfers.json. umask: of downloaded files. direct: a client whose multipart
        uploads go past the write queue; None: there is no queue. is_too_large: an object of this
        size does not fit into the queue. waits_for_disk: a full disk frees itself, as that of a
        write queue does. clock: Unix seconds.

        Raises UsageError for a file of a newer s3d.
        """
        self._objects, self._events, self._path, self._clock = objects, events, path, clock
        self._own_mounts = own_mounts or OwnMounts()
        self._waits_for_disk = waits_for_disk
        large = LargeFiles(
            objects,
            direct or objects,
            path.parent / "uploads",
            part_size=part_size,
            is_too_large=is_too_large,
        )
        self._abort_old_uploads = large.parts.abort_old_uploads
        self._operations = Operations(objects, large, umask)
        self._saving = asyncio.Lock()
        policy = JobPolicy(
            kind="transfer",
            concurrency=CONCURRENCY,
            expected=(S3Error, NotTransferable, OSError),
            describe=self._describe,
            is_temporary=self._is_temporary,
            job_pauses=RETRY_PAUSES,
        )
        self.engine: JobEngine[TransferRequest] = JobEngine(
            self._move_all, policy, clock=clock, registry=registry
        )
        self._last_id = self._restore()
        self.engine.on_change, self.engine.save = self._publish, self._save
        if registry is not None:
            registry.computed(TRANSFERS, self._by_state)

    def all(self) -> Sequence[TransferJob]:
        """The oldest first."""
        return list(self.engine.jobs.values())

    def get(self, id: str) -> TransferJob | None:
        return self.engine.jobs.get(id)

    async def run(self) -> None:
        """Until cancelled; unfinished transfers continue at the next start."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._abort_old_uploads(), name="abort old uploads")
            await self.engine.run()

    async def start(self, request: TransferRequest) -> list[TransferJob]:
        """One transfer for each source. Raises S3Error: InvalidArgument; SlowDown if there are too
        many."""
        parts = await self._parts_of(request)
        unfinished = sum(job.state not in ENDED for job in self.all())
        if len(parts) + unfinished > MAX_UNFINISHED:
            raise S3Error("SlowDown", f"There are already {MAX_UNFINISHED} unfinished transfers.")
        started = []
        for part in parts:
            self._last_id += 1
            started.append(Job(f"t{self._last_id}", part, self._clock()))
        await self.engine.submit(started)
        return started

    async def _parts_of(self, request: TransferRequest) -> list[TransferRequest]:
        """One for each source, of which none is in a mount of this agent."""
        return [
            await translate(part, self._own_mounts, self._objects) for part in parts_of(request)
        ]

    async def _move_all(self, job: TransferJob) -> None:
        async def move(item: Item, moved: ItemProgress) -> None:
            await self._operations.perform(job, item, moved)

        def name(item: Item) -> tuple[str, str]:
            return "", item.key

        if job.request.sync is None:
            async with asyncio.TaskGroup() as tasks:
                counting = tasks.create_task(self._count(job), name=f"transfer {job.id} count")
                items = without_special(job, items_of(job.request, self._objects))
                await self.engine.for_each(job, items, move, name)
                counting.cancel()
            return
        outcome = Outcome()
        changed = changed_items(job.request, self._objects, outcome)
        await self.engine.for_each(job, changed, move, name)
        if why := outcome.why_not_delete(job.request.sync):
            self.engine.fail(job, NotTransferable(why))
        elif outcome.extra and job.progress.items_failed:
            failed = f"{len(outcome.extra)} were not deleted, because of the failures"
            self.engine.fail(job, NotTransferable(failed))
        else:
            moved = job.progress.items_done
            await self.engine.for_each(job, each_of(outcome.extra), move, name)
            job.progress.items_deleted = job.progress.items_done - moved

    async def _count(self, job: TransferJob) -> None:
        """Count the files of an upload ahead of it. Objects are not counted: a listing costs."""
        progress = job.progress
        if job.request.kind != UPLOAD:
            return
        with suppress(OSError):  # the upload itself reports what cannot be read
            async for item in items_of(job.request, self._objects):
                if not is_left_out(job.request, item):
                    items, size = progress.ahead
                    progress.ahead = Amount(items + 1, size + item.size)
            progress.is_counted = True

    async def plan(self, request: TransferRequest) -> AsyncGenerator[PlannedTransfer]:
        """What the transfers of a request would do. An error ends the plan as its last row.

        Raises InvalidArgument, before the first row.
        """
        unchanged = 0
        for part in await self._parts_of(request):
            try:
                async for row in plan_of(part, self._objects):
                    if row.action:
                        yield row
                    else:
                        unchanged += row.size
            except (S3Error, OSError) as error:
                code, message, _ = _describe(error)
                yield PlannedTransfer(FAILED, reason=message, code=code)
        yield PlannedTransfer("", size=unchanged)

    def _publish(self, job: TransferJob) -> None:
        progress, error = job.progress, job.error
        self._events.emit(
            "transfer.changed", job.id, state=STATES[job.state], done=progress.size_done,
            size=progress.size, files_done=progress.items_done, files_failed=progress.items_failed,
        )  # fmt: skip
        if job.state is JobState.FAILED and error is not None:
            logger.warning(
                "transfer failed id=%s kind=%s source=%s failed=%d reason=%s",
                job.id, job.request.kind, source_of(job.request), progress.items_failed,
                transfer_error(error).message,
            )  # fmt: skip

    def _by_state(self) -> dict[Labels, float]:
        """The transfers that have not ended."""
        counts = Counter(job.state for job in self.all())
        return {(str(state),): counts[state] for state in JobState if state not in ENDED}

    # Errors

    def _is_temporary(self, error: Exception) -> bool:
        if not isinstance(error, S3Error) or not is_temporary(error):
            return False
        return self._waits_for_disk or not is_disk_full(error)

    def _describe(self, error: Exception, bucket: str, key: str) -> JobFailure:
        code, message, status = _describe(error)
        return JobFailure(code, message, status, bucket, key, self._clock())

    # The saved transfers

    def _restore(self) -> int:
        """Add the jobs of the file; the number of the newest one."""
        file = persistence.read(self._path)
        for job in persistence.jobs_of(file):
            self.engine.add(job)
        return file.last

    async def _save(self) -> None:
        """Save the unfinished and the failed transfers. If that fails, they continue
        nevertheless."""
        async with self._saving:
            file = persistence.file_of(self._last_id, self.all())
            try:
                await in_thread(partial(persistence.write, self._path, file))
            except OSError as error:
                logger.warning("cannot save the transfers: %s", reason_of(error))


def is_temporary(error: S3Error) -> bool:
    """Whether the store is unavailable for now, so that waiting helps."""
    return error.status >= 500 and classify(error) is FailureClass.TRANSIENT


def _describe(error: Exception) -> tuple[str, str, int]:
    """Code, message and HTTP status for the user."""
    if isinstance(error, S3Error):
        code = "DiskFull" if is_disk_full(error) else error.code
        return code, error.message, error.status
    if isinstance(error, OSError):
        return _LOCAL_CODES.get(error.errno or 0, "LocalFileError"), reason_of(error), 0
    if isinstance(error, NotTransferable):
        return "NotTransferable", str(error), 0
    return "InternalError", repr(error), 0


_LOCAL_CODES: Mapping[int, str] = {
    **dict.fromkeys(FULL, "DiskFull"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "PermissionDenied"),
    errno.ENOENT: "NoSuchFile",
}
"""errno -> code of a TransferError."""
