"""What waits for remotes that are not in use, and whose the access key is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from itertools import islice
from typing import Protocol

from aiohttp import web

from s3d.agent.frontends.control.object_routes import send
from s3d.agent.frontends.control.pending import (
    Queue,
    queue_status,
    transfer_of,
    transfer_of_conflict,
)
from s3d.agent.frontends.control.queue_routes import require_queue
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.identity import is_name_of
from s3d.agent.stores.write_queue.move_writes import OpenQueue, Unmoved
from s3d.agent.stores.write_queue.pending_write import PendingWrite
from s3d.shared import control
from s3d.shared.errors import NotFoundError
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

PATIENCE = 4.0
"""Seconds that adopt waits to see whether the remote takes what is pending."""


class Waiting(Protocol):
    """The queues of the remotes that are not in use. Raises NotFoundError for a wrong name."""

    def status(self, name: str = "") -> list[WaitingRemote]: ...

    def opened(self, name: str) -> AbstractAsyncContextManager[OpenQueue]: ...

    async def move(self, name: str, seqs: Sequence[int] = ()) -> tuple[int, list[Unmoved]]: ...


class Account(Protocol):
    """Whose the access key is."""

    is_confirmed: bool

    async def adopt(self) -> None: ...

    async def separate(self) -> None: ...


class InUse(Protocol):
    """The remote in use."""

    @property
    def names(self) -> Sequence[str]:
        """Its id, and how its URL may be written."""

    @property
    def account(self) -> Account: ...


Verb = Callable[[Call, OpenQueue, PendingWrite], Awaitable[web.StreamResponse]]


class RemoteRoutes:
    """waiting: None where the queue's folder is not this agent's. in_use: None without a remote."""

    def __init__(self, waiting: Waiting | None, in_use: InUse | None, queue: Queue | None) -> None:
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
            raise ControlError(409, control.NO_REMOTE, "there is no write queue of other remotes")
        return self._maybe

    async def list(self, call: Call) -> web.Response:
        name = call.query.get("name", "")
        return answer(RemoteList([] if self._maybe is None else self._maybe.status(name)))

    async def writes(self, call: Call) -> web.Response:
        """One page, oldest first."""
        after, limit = _seq(call.query.get("cursor") or "0"), control.MAX_PAGE
        limit = call.number("limit", limit, limit)
        async with self._opened(call) as queue:
            found = (write for write in queue.writes() if write.seq > after)
            page = list(islice(found, limit + 1))
        cursor = str(page[limit - 1].seq) if len(page) > limit else ""
        return answer(TransferList([_shown(queue, write) for write in page[:limit]], cursor))

    async def export(self, call: Call, queue: OpenQueue, write: PendingWrite) -> web.StreamResponse:
        """The bytes, as they were accepted."""
        stored = await queue.load(write)
        if stored is None:
            raise ControlError(409, control.WRONG_STATE, f"a {write.kind} has no bytes")
        about = stored.record.description
        kind = str(about.headers.get("ContentType", "binary/octet-stream"))
        async with aclosing(queue.body_of(stored.layout)) as body:
            response = web.StreamResponse(headers={"Content-Type": kind})
            response.content_length = write.size
            await response.prepare(call.request)
            await send(body, response, call.request)
        return response

    async def discard(self, call: Call, queue: OpenQueue, write: PendingWrite) -> web.Response:
        await queue.discard(write)
        return web.Response(status=204)

    async def move(self, call: Call) -> web.Response:
        """Write them to the remote in use, which must be the one that is named."""
        wanted = await call.body(MoveRequest)
        if self._in_use is None or not _names(self._in_use, wanted.to):
            hint = "start the agent with that remote (S3D_REMOTE) first"
            title = f"{wanted.to} is not the remote in use"
            raise ControlError(409, control.WRONG_STATE, title, hint)
        seqs = [_seq(text) for text in wanted.writes]
        try:
            moved, left = await self._waiting.move(call.request.match_info["remote"], seqs)
        except NotFoundError as error:
            raise _no_remote(error) from error
        return answer(MoveResult(moved, [_failure(unmoved) for unmoved in left]))

    async def adopt(self, call: Call) -> web.Response:
        """Push pending writes with the access key in use, whose account is not known."""
        wanted, queue = await call.body(AdoptRequest), require_queue(self._queue)
        account = None if self._in_use is None else self._in_use.account
        if account is None or account.is_confirmed:
            hint = "what waits for another remote: s3d queue move"
            title = "the access key is of the account that pending writes are for"
            raise ControlError(409, control.WRONG_STATE, title, hint)
        if wanted.separate:
            await account.separate()
        else:
            await account.adopt()
            await _push(queue)
        return answer(queue_status(queue))

    def _opened(self, call: Call) -> AbstractAsyncContextManager[OpenQueue]:
        return _translated(self._waiting, call.request.match_info["remote"])

    def _on_one(self, act: Verb) -> Callable[[Call], Awaitable[web.StreamResponse]]:
        async def handler(call: Call) -> web.StreamResponse:
            seq = _seq(call.request.match_info["id"])
            async with self._opened(call) as queue:
                write = queue.get(seq)
                if write is None:
                    hint = "s3d queue ls --remote lists what waits"
                    raise ControlError(404, control.NO_SUCH_TRANSFER, "no such write", hint)
                return await act(call, queue, write)

        return handler


async def _push(queue: Queue) -> None:
    """At once, if the remote is there."""
    queue.journal.control.retry_delayed()
    with suppress(S3Error, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await queue.pusher.probe_now()


@asynccontextmanager
async def _translated(waiting: Waiting, name: str) -> AsyncIterator[OpenQueue]:
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
    """Raises InvalidArgument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise S3Error("InvalidArgument", f"{text} is not the id of a write.")
    return int(text)
