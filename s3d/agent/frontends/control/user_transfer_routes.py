"""Routes of the jobs that people start: transfers, prefetches and the migration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from aiohttp import web

from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.stores.read_cache.cache_status import prefetch_status
from s3d.agent.transfers.transfer_status import ACTIONS, STATES, TransferJob, transfer_of
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.shared import control
from s3d.shared.caching import PrefetchRequest
from s3d.shared.transfer_options import PlannedTransfer
from s3d.shared.transfers import (
    Count,
    MigrateRequest,
    Transfer,
    TransferError,
    TransferList,
    TransferRequest,
)

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.prefetch import PinManager, PrefetchJob
    from s3d.agent.transfers.store_migration import Migration

    UserJob = TransferJob | PrefetchJob

PREFETCH = "prefetch"
_BATCH = 16 << 10
"""Bytes of a plan that are sent together."""


class UserTransferRoutes:
    """pin_manager: runs prefetches; None without a cache."""

    def __init__(self, transfers: UserTransfers, pin_manager: PinManager | None) -> None:
        self._transfers, self._pin_manager = transfers, pin_manager

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/transfers", self.start),
            Route("POST", "/v1/transfers:plan", self.plan),
            Route("POST", "/v1/transfers:clear", self.clear),
        ]

    async def start(self, call: Call) -> web.Response:
        started = await self._transfers.start(await call.body(TransferRequest))
        return answer(TransferList([transfer_of(job) for job in started]), 202)

    async def plan(self, call: Call) -> web.StreamResponse:
        """What the transfers would do, as one JSON object a line."""
        rows = self._transfers.plan(await call.body(TransferRequest))
        async with aclosing(rows):
            first = await anext(rows)
            response = web.StreamResponse(headers={"Content-Type": control.NDJSON})
            await response.prepare(call.request)
            batch = bytearray(_line(first))
            async for row in rows:
                batch += _line(row)
                if len(batch) > _BATCH:
                    await response.write(bytes(batch))
                    batch.clear()
            await response.write(bytes(batch))
            await response.write_eof()
        return response

    async def clear(self, call: Call) -> web.Response:
        """Forget the transfers that have ended."""
        return answer(Count(await self._transfers.engine.clear()))

    def matching(self, kind: str, state: str) -> list[Transfer]:
        """All jobs of a kind and in a state ("": any), prefetches first."""
        jobs = [] if self._pin_manager is None else list(self._pin_manager.prefetches.jobs.values())
        transfers = [_of_prefetch(job) for job in jobs]
        transfers += [transfer_of(job) for job in self._transfers.all()]
        return [each for each in transfers if kind in ("", each.kind) and state in ("", each.state)]

    def find(self, id: str) -> UserJob | None:
        """The job with this transfer id; None for any other id, such as that of a push."""
        if id.startswith("f") and self._pin_manager is not None:
            return self._pin_manager.prefetches.jobs.get(id[1:])
        return self._transfers.get(id)

    async def apply_action(self, job: UserJob, action: str) -> web.Response:
        """Raises ControlError for an action that does not fit the job's state."""
        if isinstance(job.request, PrefetchRequest):
            return await self._cancel_prefetch(job, action)
        engine = self._transfers.engine
        if action not in ACTIONS[job.state]:
            raise _wrong_state(action, job.request.kind, STATES[job.state])
        actions: dict[str, Callable[[TransferJob], Awaitable[None]]] = {
            "pause": engine.pause,
            "resume": engine.resume,
            "retry": engine.resume,
            "cancel": engine.cancel,
        }
        await actions[action](job)
        return answer(transfer_of(job))

    async def _cancel_prefetch(self, job: PrefetchJob, action: str) -> web.Response:
        """A prefetch can only be cancelled."""
        if action != "cancel" or job.ended.is_set() or self._pin_manager is None:
            raise _wrong_state(action, PREFETCH, prefetch_status(job).state)
        await self._pin_manager.prefetches.cancel(job)
        return answer(_of_prefetch(job))


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
            hint = "set S3D_REMOTE and restart the agent"
            raise ControlError(409, control.NO_REMOTE, "no remote is set to migrate to", hint)
        return self._maybe

    async def show(self, call: Call) -> web.Response:
        """The status; wait: respond when the migration has ended."""
        migration = self._migration
        await call.wait_for(migration.ended)
        return answer(migration.status)

    async def start(self, call: Call) -> web.Response:
        request, migration = await call.body(MigrateRequest), self._migration
        if not migration.start(request.buckets, delete_source=request.delete_source):
            raise ControlError(409, control.WRONG_STATE, "a migration is already running")
        return answer(migration.status, 202)

    async def cancel(self, call: Call) -> web.Response:
        await self._migration.cancel()
        return answer(self._migration.status)


def describe_job(job: UserJob) -> Transfer:
    """A job with each object that failed."""
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
        actions=[] if job.ended.is_set() else ["cancel"],
    )  # fmt: skip


def _line(row: PlannedTransfer) -> bytes:
    return control.encode(row) + b"\n"


def _wrong_state(action: str, kind: str, state: str) -> ControlError:
    article = "an" if kind[0] in "aeiou" else "a"
    title = f"cannot {action} {article} {kind} in state {state}"
    return ControlError(409, control.WRONG_STATE, title)
