"""Transfers that a person asks for: start them, and pause, resume, retry or cancel one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.stores.read_cache.prefetch import Job as Prefetch
from s3d.agent.stores.read_cache.prefetch import PinManager
from s3d.agent.transfers.engine import Transfers
from s3d.agent.transfers.job import FAILED, HELD, RUNNING, WAITING, Job
from s3d.shared import control
from s3d.shared.transfers import Count, Transfer, TransferError, TransferList, TransferRequest

PREFETCH = "prefetch"
_FIT = {
    "pause": (WAITING, RUNNING),
    "resume": (HELD,),
    "retry": (FAILED, WAITING),
    "cancel": (WAITING, RUNNING, HELD, FAILED),
}
"""Verb -> the states of a transfer that it is for."""


class UserTransferRoutes:
    """keeper: who prefetches, if there is a cache."""

    def __init__(self, transfers: Transfers, keeper: PinManager | None) -> None:
        self._transfers, self._keeper = transfers, keeper

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/transfers", self.start),
            Route("POST", "/v1/transfers:clear", self.clear),
        ]

    async def start(self, call: Call) -> web.Response:
        started = await self._transfers.start(await call.body(TransferRequest))
        return answer(TransferList([job.transfer() for job in started]), 202)

    async def clear(self, call: Call) -> web.Response:
        """Those that have ended are listed no more."""
        return answer(Count(await self._transfers.clear()))

    def listed(self, kind: str, state: str) -> list[Transfer]:
        """All that are no pushes, prefetches first."""
        jobs = [] if self._keeper is None else list(self._keeper.jobs.values())
        found = [_of_prefetch(job) for job in jobs]
        found += [job.transfer() for job in self._transfers.all()]
        return [each for each in found if kind in ("", each.kind) and state in ("", each.state)]

    def find(self, id: str) -> Job | Prefetch | None:
        """By the id of a transfer; a push has a number and is not found here."""
        if id.startswith("f") and self._keeper is not None:
            return self._keeper.jobs.get(id[1:])
        return self._transfers.get(id)

    async def apply_action(self, job: Job | Prefetch, verb: str) -> web.Response:
        """Raises ControlError for what does not fit its state."""
        if isinstance(job, Prefetch):
            if verb != "cancel" or job.ended.is_set():
                raise _unfit(verb, PREFETCH, job.status.state)
            job.cancel()
            await job.ended.wait()
            return answer(_of_prefetch(job))
        if verb not in _FIT or job.state not in _FIT[verb]:
            raise _unfit(verb, job.request.kind, job.state)
        transfers = self._transfers
        acts: dict[str, Callable[[Job], Awaitable[None]]] = {
            "pause": transfers.pause,
            "resume": transfers.resume,
            "retry": transfers.resume,
            "cancel": transfers.cancel,
        }
        await acts[verb](job)
        return answer(job.transfer())


def show(job: Job | Prefetch) -> Transfer:
    """With each object that failed."""
    if isinstance(job, Prefetch):
        return _of_prefetch(job)
    return job.transfer(with_failures=True)


def _of_prefetch(job: Prefetch) -> Transfer:
    status = job.status
    error = TransferError("Prefetch", status.error) if status.error else None
    return Transfer(
        f"f{job.id}", PREFETCH, PREFETCH, job.bucket, job.prefix, status.listed.size, status.state,
        0.0, error=error, done=status.done.size, files=max(status.listed.files, 1),
        files_done=status.done.files, files_failed=status.failed,
    )  # fmt: skip


def _unfit(verb: str, kind: str, state: str) -> ControlError:
    return ControlError(409, control.WRONG_STATE, f"cannot {verb} a {kind} that is {state}")
