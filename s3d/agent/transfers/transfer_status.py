"""A job of a transfer as the control API shows it: its states, its source and target. Pure."""

from __future__ import annotations

import time

from s3d.agent.core.job import Job, JobFailure, JobState
from s3d.agent.transfers.naming import DELETE, DOWNLOAD, UPLOAD, name_of, target_of
from s3d.shared.text import count, printable_path
from s3d.shared.transfers import Transfer, TransferError, TransferRequest

TransferJob = Job[TransferRequest]

STATES = {
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "running",
    JobState.PAUSED: "held",
    JobState.FAILED: "failed",
    JobState.DONE: "done",
    JobState.CANCELLED: "cancelled",
}
"""State of a job -> state of its Transfer."""
ACTIONS = {
    JobState.QUEUED: ("pause", "retry", "cancel"),
    JobState.RUNNING: ("pause", "cancel"),
    JobState.PAUSED: ("resume", "cancel"),
    JobState.FAILED: ("retry", "cancel"),
    JobState.DONE: (),
    JobState.CANCELLED: (),
}
"""State of a job -> the actions of the control API that it allows."""


def source_of(request: TransferRequest) -> str:
    """The key, prefix or path; of a deletion the first one."""
    return [*request.prefixes, *request.keys, *request.paths][0]


def transfer_of(
    job: TransferJob, *, with_failures: bool = False, now: float | None = None
) -> Transfer:
    """The status of a transfer. with_failures: of each object. now: monotonic seconds."""
    request, progress = job.request, job.progress
    now = time.monotonic() if now is None else now
    rate = progress.rate(now) if job.state is JobState.RUNNING else 0.0
    total = max(progress.size, progress.ahead.size)
    left = max(total - progress.size_done, 0)
    is_counting = job.state is JobState.RUNNING and not progress.is_counted
    key = source = source_of(request)
    if request.kind == UPLOAD:
        key = _uploaded_key(request, source)
    return Transfer(
        id=job.id,
        kind=request.kind,
        operation=request.kind,
        bucket=request.bucket,
        key=key,
        size=total,
        state=STATES[job.state],
        accepted=job.accepted,
        ended=progress.ended_at,
        attempts=job.attempts,
        retry_at=job.retry_at,
        error=None if job.error is None else transfer_error(job.error),
        done=progress.size_done,
        files=max(progress.items, progress.ahead.items, 1),
        files_done=progress.items_done,
        files_failed=progress.items_failed,
        files_deleted=progress.items_deleted,
        files_skipped=progress.items_skipped,
        files_existing=progress.existing.items,
        size_existing=progress.existing.size,
        counting=is_counting,
        rate=rate,
        remaining=left / rate if rate and not is_counting else None,
        target=_target(request),
        source=printable_path(source) + _others(request) if request.kind == UPLOAD else "",
        actions=list(ACTIONS[job.state]),
        notes=list(job.notes),
        failures=[transfer_error(each) for each in job.failures] if with_failures else [],
    )


def transfer_error(failure: JobFailure) -> TransferError:
    """The message begins with the key of the object, if it is about one."""
    message = f"{failure.key}: {failure.message}" if failure.key else failure.message
    return TransferError(failure.code, message, status=failure.status, at=failure.at)


def _uploaded_key(request: TransferRequest, path: str) -> str:
    """The key of a file, or the prefix of a folder or of several files."""
    if len(request.paths) > 1:
        return request.to_prefix
    name = name_of(request, f"{path.rpartition('/')[2]}/").rstrip("/")
    return request.as_key or request.to_prefix + name


def _others(request: TransferRequest) -> str:
    others = len(request.paths) - 1
    return f" and {count(others, 'other')}" if others > 0 else ""


def _target(request: TransferRequest) -> str:
    if request.kind == DOWNLOAD:
        folder = printable_path(request.to_path)
        return f"{folder}/{request.as_key}" if request.as_key else folder
    if request.kind in (UPLOAD, DELETE):
        return ""
    bucket, key = target_of(request, source_of(request))
    return f"{bucket}/{key}"
