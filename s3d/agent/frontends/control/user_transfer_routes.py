"""Routes of the jobs that people start: transfers, prefetches and the migration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.stores.read_cache.prefetch import Job as Prefetch
from s3d.agent.stores.read_cache.prefetch import Keeper
from s3d.agent.transfers.engine import Transfers
from s3d.agent.transfers.job import FAILED, HELD, RUNNING, WAITING, Job
from s3d.agent.transfers.store_migration import Migration
from s3d.shared import control
from s3d.shared.transfers import (
    Count,
    MigrateRequest,
    Transfer,
    TransferError,
    TransferList,
    TransferRequest,
)

PREFETCH = "prefetch"
_ALLOWED_STATES = {
    "pause": (WAITING, RUNNING),
    "resume": (HELD,),
    "retry": (FAILED, WAITING),
    "cancel": (WAITING, RUNNING, HELD, FAILED),
}
"""Action -> the states in which a transfer allows it."""


class UserTransferRoutes:
    """keeper: runs prefetches; None without a cache."""

    def __init__(self, transfers: Transfers, keeper: Keeper | None) -> None:
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
        """Forget the transfers that have ended."""
        return answer(Count(await self._transfers.clear()))

    def matching(self, kind: str, state: str) -> list[Transfer]:
        """All jobs of a kind and in a state ("": any), prefetches first."""
        jobs = [] if self._keeper is None else list(self._keeper.jobs.values())
        transfers = [_of_prefetch(job) for job in jobs]
        transfers += [job.transfer() for job in self._transfers.all()]
        return [each for each in transfers if kind in ("", each.kind) and state in ("", each.state)]

    def find(self, id: str) -> Job | Prefetch | None:
        """The job with this transfer id; None for any other id, such as that of a push."""
        if id.startswith("f") and self._keeper is not None:
            return self._keeper.jobs.get(id[1:])
        return self._transfers.get(id)

    async def apply_action(self, job: Job | Prefetch, action: str) -> web.Response:
        """Pause, resume, retry or cancel. Raises ControlError when the state forbids it."""
        if isinstance(job, Prefetch):
            if action != "cancel" or job.ended.is_set():
                raise _wrong_state(action, PREFETCH, job.status.state)
            job.cancel()
            await job.ended.wait()
            return answer(_of_prefetch(job))
        if action not in _ALLOWED_STATES or job.state not in _ALLOWED_STATES[action]:
            raise _wrong_state(action, job.request.kind, job.state)
        transfers = self._transfers
        actions: dict[str, Callable[[Job], Awaitable[None]]] = {
            "pause": transfers.pause,
            "resume": transfers.resume,
            "retry": transfers.resume,
            "cancel": transfers.cancel,
        }
        await actions[action](job)
        return answer(job.transfer())


class MigrationRoutes:
    """Without a remote each call is refused."""

    def __init__(self, migration: Migration | None) -> None:
        self._maybe = migration

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/migration", self.show, frozenset({"wait"})),
            Route("POST", "/v1/migration:start", self.start),
            Route("POST", "/v1/migration:cancel", self.cancel),
        ]

    @property
    def _migration(self) -> Migration:
        if self._maybe is None:
            hint = "set S3D_REMOTE and start the agent again"
            raise ControlError(409, control.NO_REMOTE, "there is no remote to migrate to", hint)
        return self._maybe

    async def show(self, call: Call) -> web.Response:
        """The status; wait: respond when the migration has ended."""
        migration = self._migration
        await call.wait_for(migration.ended)
        return answer(migration.status)

    async def start(self, call: Call) -> web.Response:
        request, migration = await call.body(MigrateRequest), self._migration
        if not migration.start(request.buckets, delete_source=request.delete_source):
            raise ControlError(409, control.WRONG_STATE, "a migration is running already")
        return answer(migration.status, 202)

    async def cancel(self, call: Call) -> web.Response:
        self._migration.cancel()
        await self._migration.ended()
        return answer(self._migration.status)


def describe_job(job: Job | Prefetch) -> Transfer:
    """A job with each object that failed."""
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


def _wrong_state(action: str, kind: str, state: str) -> ControlError:
    return ControlError(409, control.WRONG_STATE, f"cannot {action} a {kind} that is {state}")
