"""Routes of the pending writes of remotes that are not in use, of the account in use, and of the
devices that share their settings through the remote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from s3d.agent.frontends.control.control_call import (
    Call,
    Handler,
    Route,
    answer,
    page_of,
    sequence_of,
)
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.queue_routes import require_queue
from s3d.agent.frontends.control.transfer_routes import export_staged
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.identity import is_name_of
from s3d.agent.stores.write_queue.journal.pending_write import PendingWrite
from s3d.agent.stores.write_queue.queue_status import (
    QueueParts,
    queue_status,
    transfer_of,
    transfer_of_conflict,
)
from s3d.shared import control
from s3d.shared.errors import NotFoundError
from s3d.shared.fleet import FleetList
from s3d.shared.transfers import (
    AdoptRequest,
    MoveFailure,
    MoveRequest,
    MoveResult,
    RemoteList,
    Transfer,
    TransferList,
    WaitingRemote,
)

if TYPE_CHECKING:
    from s3d.agent.stores.write_queue.move_writes import OpenQueue, Unmoved

PUSH_TIMEOUT = 4.0
"""Seconds for which adopt waits for a push to succeed or fail."""


class Waiting(Protocol):
    """The queues of remotes that are not in use. Raises NotFoundError for an unknown name."""

    def status(self, name: str = "") -> list[WaitingRemote]: ...

    def opened(self, name: str) -> AbstractAsyncContextManager[OpenQueue]: ...

    async def move(self, name: str, seqs: Sequence[int] = ()) -> tuple[int, list[Unmoved]]: ...


class Account(Protocol):
    """The account of the access key in use."""

    is_confirmed: bool

    async def adopt(self) -> None: ...

    async def separate(self) -> None: ...


class InUse(Protocol):
    """The remote in use."""

    @property
    def names(self) -> Sequence[str]:
        """Its id, followed by the spellings of its URL."""

    @property
    def account(self) -> Account: ...


Verb = Callable[[Call, "OpenQueue", PendingWrite], Awaitable[web.StreamResponse]]


class RemoteRoutes:
    """waiting None: another agent may use the queues' folder. in_use None: no remote is set."""

    def __init__(
        self, waiting: Waiting | None, in_use: InUse | None, queue: QueueParts | None
    ) -> None:
        self._maybe, self._in_use, self._queue = waiting, in_use, queue

    def routes(self) -> list[Route]:
        one = "/v1/remotes/{remote}/writes/{id}"
        return [
            Route("GET", "/v1/remotes", self.list, frozenset({"name"})),
            Route(
                "GET", "/v1/remotes/{remote}/writes", self.writes, frozenset({"cursor", "limit"})
            ),
            Route("POST", f"{one}:export", self._on_one(self.export)),
            Route("POST", f"{one}:discard", self._on_one(self.discard)),
            Route("POST", "/v1/remotes/{remote}:move", self.move),
            Route("POST", "/v1/queue:adopt", self.adopt),
        ]

    @property
    def _waiting(self) -> Waiting:
        if self._maybe is None:
            raise ControlError(409, control.NO_REMOTE, "no other remote has a write queue")
        return self._maybe

    async def list(self, call: Call) -> web.Response:
        name = call.query.get("name", "")
        return answer(RemoteList([] if self._maybe is None else self._maybe.status(name)))

    async def writes(self, call: Call) -> web.Response:
        """One page, the oldest first."""
        after, limit = call.cursor, call.page_limit
        async with self._opened(call) as queue:
            writes = (write for write in queue.writes() if write.seq > after)
            page, cursor = page_of(writes, limit, lambda write: write.seq)
        return answer(TransferList([_shown(queue, write) for write in page], cursor))

    async def export(self, call: Call, queue: OpenQueue, write: PendingWrite) -> web.StreamResponse:
        """The bytes, as they were accepted."""
        stored = await queue.load(write)
        if stored is None:
            raise ControlError(409, control.WRONG_STATE, f"a {write.kind} has no bytes")
        return await export_staged(call, stored, queue.body_of)

    async def discard(self, call: Call, queue: OpenQueue, write: PendingWrite) -> web.Response:
        await queue.discard(write)
        return web.Response(status=204)

    async def move(self, call: Call) -> web.Response:
        """Write them to the remote in use, which the request has to name."""
        move = await call.body(MoveRequest)
        if self._in_use is None or not _names(self._in_use, move.to):
            hint = "first start the agent with that remote (S3D_REMOTE)"
            title = f"{move.to} is not the remote in use"
            raise ControlError(409, control.WRONG_STATE, title, hint)
        seqs = [_seq(text) for text in move.writes]
        try:
            moved, left = await self._waiting.move(call.segment("remote"), seqs)
        except NotFoundError as error:
            raise _no_remote(error) from error
        return answer(MoveResult(moved, [_failure(unmoved) for unmoved in left]))

    async def adopt(self, call: Call) -> web.Response:
        """Push pending writes with the access key in use, whose account could not be determined."""
        adopt, queue = await call.body(AdoptRequest), require_queue(self._queue)
        account = None if self._in_use is None else self._in_use.account
        if account is None or account.is_confirmed:
            hint = "to move writes that wait for another remote: s3d queue move"
            title = "the access key is of the account that pending writes are for"
            raise ControlError(409, control.WRONG_STATE, title, hint)
        if adopt.separate:
            await account.separate()
        else:
            await account.adopt()
            await _push(queue)
        return answer(queue_status(queue))

    def _opened(self, call: Call) -> AbstractAsyncContextManager[OpenQueue]:
        return _open_waiting(self._waiting, call.segment("remote"))

    def _on_one(self, act: Verb) -> Handler:
        async def handler(call: Call) -> web.StreamResponse:
            seq = _seq(call.segment("id"))
            async with self._opened(call) as queue:
                write = queue.get(seq)
                if write is None:
                    hint = "s3d queue ls --remote lists the pending writes"
                    raise ControlError(404, control.NO_SUCH_TRANSFER, "no such write", hint)
                return await act(call, queue, write)

        return handler


async def _push(queue: QueueParts) -> None:
    """Make all writes due, and probe the remote."""
    queue.journal.control.retry_delayed()
    with suppress(S3Error, TimeoutError):
        async with asyncio.timeout(PUSH_TIMEOUT):
            await queue.pusher.probe_now()


@asynccontextmanager
async def _open_waiting(waiting: Waiting, name: str) -> AsyncIterator[OpenQueue]:
    try:
        async with waiting.opened(name) as queue:
            yield queue
    except NotFoundError as error:
        raise _no_remote(error) from error


def _no_remote(error: NotFoundError) -> ControlError:
    return ControlError(404, control.NO_SUCH_REMOTE, f"{error.title}: {error.detail}", error.remedy)


def _names(remote: InUse, name: str) -> bool:
    id, *spellings = remote.names
    return name in spellings or is_name_of(name, id, spellings[-1])


def _shown(queue: OpenQueue, write: PendingWrite) -> Transfer:
    conflict = queue.journal.conflicts.get(write.seq)
    return transfer_of(write) if conflict is None else transfer_of_conflict(conflict)


def _failure(unmoved: Unmoved) -> MoveFailure:
    write, error = unmoved
    return MoveFailure(str(write.seq), write.bucket, write.key, error.code, error.message)


def _seq(text: str) -> int:
    """The id of a write. Raises InvalidArgument."""
    seq = sequence_of(text)
    if seq is None:
        raise S3Error("InvalidArgument", f"{text} is not the id of a write.")
    return seq


class FleetRoutes:
    """Without S3D_CONFIG_URL each call is refused."""

    def __init__(self, devices: Callable[[], Awaitable[FleetList]] | None) -> None:
        """devices: lists them. Raises S3Error."""
        self._devices = devices

    def routes(self) -> list[Route]:
        """The routes of this subject."""
        return [Route("GET", "/v1/fleet", self.show)]

    async def show(self, call: Call) -> web.Response:
        """All devices, by name."""
        if self._devices is None:
            hint = "set S3D_CONFIG_URL=s3://BUCKET/KEY, the object with the settings of the fleet"
            raise ControlError(409, control.WRONG_STATE, "this device is in no fleet", hint)
        return answer(await self._devices())
