"""Transfers that a person asks for: start them, and pause, resume, retry or cancel one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from s3d.agent.core.job import JobState
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.stores.read_cache.prefetch import PinManager, PrefetchJob, prefetch_status
from s3d.agent.transfers.transfer_status import STATES, TransferJob, transfer_of
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.shared import control
from s3d.shared.caching import PrefetchRequest
from s3d.shared.transfers import Count, Transfer, TransferError, TransferList, TransferRequest

UserJob = TransferJob | PrefetchJob
PREFETCH = "prefetch"
_FIT = {
    "pause": (JobState.QUEUED, JobState.RUNNING),
    "resume": (JobState.PAUSED,),
    "retry": (JobState.FAILED, JobState.QUEUED),
    "cancel": (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.FAILED),
}
"""Verb -> the states of a transfer that it is for."""


class UserTransferRoutes:
    """keeper: who prefetches, if there is a cache."""

    def __init__(self, transfers: UserTransfers, keeper: PinManager | None) -> None:
        self._transfers, self._keeper = transfers, keeper

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/transfers", self.start),
            Route("POST", "/v1/transfers:clear", self.clear),
        ]

    async def start(self, call: Call) -> web.Response:
        started = await self._transfers.start(await call.body(TransferRequest))
        return answer(TransferList([transfer_of(job) for job in started]), 202)

    async def clear(self, call: Call) -> web.Response:
        """Those that have ended are listed no more."""
        return answer(Count(await self._transfers.engine.clear()))

    def listed(self, kind: str, state: str) -> list[Transfer]:
        """All that are no pushes, prefetches first."""
        jobs = [] if self._keeper is None else list(self._keeper.prefetches.jobs.values())
        found = [_of_prefetch(job) for job in jobs]
        found += [transfer_of(job) for job in self._transfers.all()]
        return [each for each in found if kind in ("", each.kind) and state in ("", each.state)]

    def find(self, id: str) -> UserJob | None:
        """By the id of a transfer; a push has a number and is not found here."""
        if id.startswith("f") and self._keeper is not None:
            return self._keeper.prefetches.jobs.get(id[1:])
        return self._transfers.get(id)

    async def apply_action(self, job: UserJob, verb: str) -> web.Response:
        """Raises ControlError for an action that does not fit the job's state."""
        if isinstance(job.request, PrefetchRequest):
            return await self._cancel_prefetch(job, verb)
        engine = self._transfers.engine
        if verb not in _FIT or job.state not in _FIT[verb]:
            raise _unfit(verb, job.request.kind, STATES[job.state])
        actions: dict[str, Callable[[TransferJob], Awaitable[None]]] = {
            "pause": engine.pause,
            "resume": engine.resume,
            "retry": engine.resume,
            "cancel": engine.cancel,
        }
        await actions[verb](job)
        return answer(transfer_of(job))

    async def _cancel_prefetch(self, job: PrefetchJob, verb: str) -> web.Response:
        """A prefetch can only be cancelled."""
        if verb != "cancel" or job.ended.is_set() or self._keeper is None:
            raise _unfit(verb, PREFETCH, prefetch_status(job).state)
        await self._keeper.prefetches.cancel(job)
        return answer(_of_prefetch(job))


def show(job: UserJob) -> Transfer:
    """With each object that failed."""
    if isinstance(job.request, PrefetchRequest):
        return _of_prefetch(job)
    return transfer_of(job, with_failures=True)


def _of_prefetch(job: PrefetchJob) -> Transfer:
    status = prefetch_status(job)
    error = TransferError("Prefetch", status.error) if status.error else None
    return Transfer(
        f"f{job.id}", PREFETCH, PREFETCH, status.bucket, status.prefix, status.listed.size,
        status.state, 0.0, error=error, done=status.done.size, files=max(status.listed.files, 1),
        files_done=status.done.files, files_failed=status.failed,
    )  # fmt: skip


def _unfit(verb: str, kind: str, state: str) -> ControlError:
    return ControlError(409, control.WRONG_STATE, f"cannot {verb} a {kind} that is {state}")
