"""transfers.json: the unfinished and the failed transfers, for a restart of the agent.

Unfinished transfers continue after a restart, and failed ones can be retried. The file is JSON with
a version, 3 today: 2 has no options of a request, and 1 no failed transfers and no version.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from s3d.agent.core.job import ENDED, Job, JobFailure, JobState, Progress
from s3d.agent.transfers.transfer_status import TransferJob, transfer_error
from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import UsageError
from s3d.shared.transfers import TransferError, TransferRequest

logger = logging.getLogger(__name__)

VERSION = 3


class SavedTransfer(msgspec.Struct, frozen=True):
    """An unfinished transfer. is_held: the user has paused it."""

    id: str
    request: TransferRequest
    accepted: float
    is_held: bool = False


class FailedTransfer(msgspec.Struct, frozen=True):
    """A transfer that has ended, and of which some objects were not moved."""

    id: str
    request: TransferRequest
    accepted: float
    files: int
    files_done: int
    files_failed: int
    size: int
    done: int
    failures: list[TransferError]
    ended: float = 0.0
    """Unix seconds; 0.0 in a file of an s3d that did not save it."""


class SavedTransfers(msgspec.Struct, frozen=True):
    """The file. last: number of the newest transfer, so that no id is used twice."""

    last: int = 0
    transfers: list[SavedTransfer] = []
    failed: list[FailedTransfer] = []
    version: int = VERSION


class _Versioned(msgspec.Struct, frozen=True):
    """What is read first: a newer file can have requests that this s3d cannot decode."""

    version: int = 1


def read(path: Path) -> SavedTransfers:
    """Read the file. One that cannot be decoded is renamed, with a line in the log.

    Raises UsageError for a file of a newer s3d, which stays as it is.
    """
    try:
        data = path.read_bytes()
        version = msgspec.json.decode(data, type=_Versioned).version
        if version > VERSION:
            raise UsageError(
                "the transfers were saved by a newer s3d",
                f"{path} has version {version}, but this s3d supports versions up to {VERSION}",
                "run the newer s3d, or move the file away to discard these transfers",
            )
        return msgspec.json.decode(data, type=SavedTransfers)
    except FileNotFoundError:
        return SavedTransfers()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        aside = path.with_suffix(".bad")
        logger.error("cannot restore the transfers: %s; the file was renamed to %s", error, aside)
        try:
            path.replace(aside)
        except OSError:
            logger.exception("cannot rename the file of the transfers path=%s", path)
        return SavedTransfers()


def write(path: Path, file: SavedTransfers) -> None:
    """Durable when it returns; for a thread. Raises OSError."""
    write_atomically(path, msgspec.json.encode(file), durable=True)


def file_of(last: int, jobs: Iterable[TransferJob]) -> SavedTransfers:
    """last: number of the newest job. Jobs that are done or cancelled are not saved."""
    jobs = list(jobs)
    unfinished = [
        SavedTransfer(job.id, job.request, job.accepted, job.state is JobState.PAUSED)
        for job in jobs
        if job.state not in ENDED
    ]
    failed = [_saved_failure(job) for job in jobs if job.state is JobState.FAILED]
    return SavedTransfers(last, unfinished, failed)


def jobs_of(file: SavedTransfers) -> Iterator[TransferJob]:
    """The jobs that a restart continues, and those that failed."""
    for each in file.transfers:
        state = JobState.PAUSED if each.is_held else JobState.QUEUED
        yield Job(each.id, each.request, each.accepted, state, is_repeated=True)
    for failed in file.failed:
        yield _failed_job(failed)


def _saved_failure(job: TransferJob) -> FailedTransfer:
    progress = job.progress
    return FailedTransfer(
        id=job.id,
        request=job.request,
        accepted=job.accepted,
        files=progress.items,
        files_done=progress.items_done,
        files_failed=progress.items_failed,
        size=progress.size,
        done=progress.size_done,
        failures=[transfer_error(failure) for failure in job.failures],
        ended=progress.ended_at,
    )


def _failed_job(failed: FailedTransfer) -> TransferJob:
    failures = [
        JobFailure(each.code, each.message, each.status, at=each.at) for each in failed.failures
    ]
    return Job(
        failed.id,
        failed.request,
        failed.accepted,
        JobState.FAILED,
        is_repeated=True,
        progress=Progress(
            failed.files,
            failed.size,
            failed.files_done,
            failed.done,
            failed.files_failed,
            ended_at=failed.ended,
        ),
        failures=failures,
        error=failures[0] if failures else None,
    )
