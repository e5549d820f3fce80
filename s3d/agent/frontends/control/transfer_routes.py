"""Pending writes one by one: list them, try again, export, discard, and which goes first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from itertools import islice

from aiohttp import web

from s3d.agent.frontends.control.object_routes import send
from s3d.agent.frontends.control.pending import (
    PUSH,
    STATES,
    Queue,
    transfer_of,
    transfer_of_conflict,
)
from s3d.agent.frontends.control.queue_routes import require_queue, wait_of
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.frontends.control.user_transfer_routes import UserTransferRoutes, show
from s3d.agent.s3.address import check_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.pending_write import (
    NewerWritePending,
    PendingState,
    PendingWrite,
)
from s3d.shared import control
from s3d.shared.transfers import PriorityRequest, RetryRequest, Transfer, TransferList

PLACE = frozenset({"bucket", "prefix", "key"})
MOST = 1_000
"""Greatest priority, either way."""

WAITING, PUSHING = PendingState.WAITING, PendingState.PUSHING
HELD, FAILED = PendingState.HELD, PendingState.FAILED
VERIFYING, CONFLICT = PendingState.VERIFYING, PendingState.CONFLICT

ENDINGS = ("done", "cancelled")
"""States that no push has: it is gone then."""

Verb = Callable[[Call, PendingWrite], Awaitable[web.StreamResponse]]


class TransferRoutes:
    """Routes of the single writes, and of what moves bytes besides."""

    def __init__(self, queue: Queue | None, user_transfers: UserTransferRoutes) -> None:
        self._maybe, self._user_transfers = queue, user_transfers

    def routes(self) -> list[Route]:
        one = "/v1/transfers/{id}"
        verbs: dict[str, tuple[Verb, set[PendingState]]] = {
            "retry": (self.retry, {WAITING, FAILED, CONFLICT}),
            "discard": (self.discard, {WAITING, HELD, FAILED, CONFLICT}),
            "export": (self.export, {WAITING, PUSHING, HELD, FAILED, VERIFYING, CONFLICT}),
            "priority": (self.priority, {WAITING, HELD, FAILED}),
            "pause": (self.pause, {WAITING}),
            "resume": (self.resume, {HELD}),
            "cancel": (self.cancel, set()),
        }
        return [
            *self._user_transfers.routes(),
            Route("GET", "/v1/transfers", self.list, PLACE | {"kind", "state", "cursor", "limit"}),
            *(
                Route("POST", f"{one}:{verb}", self._on_one(verb, *what))
                for verb, what in verbs.items()
            ),
            Route("GET", one, self.show, frozenset({"wait"})),
        ]

    @property
    def _queue(self) -> Queue:
        return require_queue(self._maybe)

    async def list(self, call: Call) -> web.Response:
        """One page: first all that is no push; then pushes, oldest first."""
        query, after = call.query, _seq(call.query.get("cursor") or "0")
        if after is None:
            raise S3Error("InvalidArgument", "cursor is not one that was given out.")
        kind = query.get("kind", "")
        first: list[Transfer] = []
        if kind != PUSH and not after and "bucket" not in query:
            first = self._user_transfers.listed(kind, query.get("state", ""))
        no_push = kind not in ("", PUSH) or query.get("state", "") in ENDINGS
        if no_push or (self._maybe is None and not kind):
            return answer(TransferList(first))
        limit = call.number("limit", control.MAX_PAGE, control.MAX_PAGE)
        state, prefix = _state(query), query.get("prefix", "")
        found = (
            write
            for write in self._writes(call)
            if write.seq > after and state in (None, write.state) and write.key.startswith(prefix)
        )
        page = list(islice(found, limit + 1))
        cursor = str(page[limit - 1].seq) if len(page) > limit else ""
        pushes = [self._shown(write) for write in page[:limit]]
        return answer(TransferList([*first, *pushes], cursor))

    async def show(self, call: Call) -> web.Response:
        """At once; or, with wait, when it has ended (which a push does not do here)."""
        job = self._user_transfers.find(call.request.match_info["id"])
        if job is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_of(call)):
                    await job.ended.wait()
            return answer(show(job))
        return answer(self._shown(self._find(call)))

    async def retry(self, call: Call, write: PendingWrite) -> web.Response:
        """At once; with as_key to another key, where it has another id."""
        wanted = await call.body(RetryRequest)
        journal = self._queue.journal
        if write.state is CONFLICT:
            return await self._retry_conflict(write, wanted)
        if not wanted.as_key:
            await journal.control.retry(seq=write.seq)
            return answer(transfer_of(write))
        check_key(wanted.as_key)
        if write.kind != "put":
            raise _unfit(f"a {write.kind} cannot go to another key")
        with _refused_if_replacing():
            await journal.control.retry(seq=write.seq, as_key=wanted.as_key)
        renamed = journal.pending.newest(write.bucket, wanted.as_key)
        return answer(transfer_of(renamed or write))

    async def _retry_conflict(self, write: PendingWrite, wanted: RetryRequest) -> web.Response:
        """Over the version that it was parked for, or to another key; it has another id there."""
        if not (wanted.force or wanted.as_key):
            hint = "force pushes it over the remote's version; as_key pushes it to another key"
            raise ControlError(409, control.WRONG_STATE, "the remote has a newer version", hint)
        if wanted.as_key:
            check_key(wanted.as_key)
            if write.kind != "put":
                raise _unfit(f"a {write.kind} cannot go to another key")
        journal = self._queue.journal
        with _refused_if_replacing():
            await journal.conflicts.force(write.seq, wanted.as_key or None)
        entered = journal.pending.newest(write.bucket, wanted.as_key or write.key)
        return answer(transfer_of(entered or write))

    async def discard(self, call: Call, write: PendingWrite) -> web.Response:
        """The key is again what it was before this write."""
        journal = self._queue.journal
        if write.state is CONFLICT:
            await journal.conflicts.discard(write.seq)
        else:
            await journal.control.discard(write.seq)
        return web.Response(status=204)

    async def export(self, call: Call, write: PendingWrite) -> web.StreamResponse:
        """The bytes, as they were accepted."""
        stored = await self._stored(write)
        if stored is None:
            raise _unfit("a delete has no bytes")
        about = stored.record.description
        kind = str(about.headers.get("ContentType", "binary/octet-stream"))
        async with aclosing(self._queue.body_of(stored.layout)) as body:
            response = web.StreamResponse(headers={"Content-Type": kind})
            response.content_length = write.size
            await response.prepare(call.request)
            await send(body, response, call.request)
        return response

    async def _stored(self, write: PendingWrite) -> Stored | None:
        journal = self._queue.journal
        if write.state is CONFLICT:
            return journal.conflicts.find(write.seq)
        row = await journal.load(write)
        if row is None:
            raise _gone()
        return row.stored

    async def priority(self, call: Call, write: PendingWrite) -> web.Response:
        wanted = (await call.body(PriorityRequest)).priority
        if abs(wanted) > MOST:
            raise S3Error("InvalidArgument", f"priority must be from -{MOST} to {MOST}.")
        await self._queue.journal.control.set_priority(write.seq, wanted)
        return answer(transfer_of(write))

    async def pause(self, call: Call, write: PendingWrite) -> web.Response:
        """Hold this write back; it holds back the later ones of its key."""
        await self._queue.journal.control.hold(write.seq)
        return answer(transfer_of(write))

    async def cancel(self, call: Call, write: PendingWrite) -> web.Response:
        raise _unfit("a write is discarded, and not cancelled")

    async def resume(self, call: Call, write: PendingWrite) -> web.Response:
        await self._queue.journal.control.release(write.seq)
        return answer(transfer_of(write))

    def _on_one(
        self, verb: str, act: Verb, states: set[PendingState]
    ) -> Callable[[Call], Awaitable[web.StreamResponse]]:
        async def handler(call: Call) -> web.StreamResponse:
            job = self._user_transfers.find(call.request.match_info["id"])
            if job is not None:
                return await self._user_transfers.apply_action(job, verb)
            write = self._find(call)
            if write.state not in states and verb != "cancel":
                raise _unfit(f"cannot {verb} a write that is {transfer_of(write).state}")
            return await act(call, write)

        return handler

    def _find(self, call: Call) -> PendingWrite:
        seq = _seq(call.request.match_info["id"])
        if seq is None:  # the id of something else than a write, also where there is no queue
            raise _gone()
        journal = self._queue.journal
        write = journal.pending.get(seq)
        conflict = journal.conflicts.get(seq)
        if conflict is not None:
            return conflict.write
        if write is None:
            raise _gone()
        return write

    def _shown(self, write: PendingWrite) -> Transfer:
        queue = self._queue
        conflict = queue.journal.conflicts.get(write.seq)
        if conflict is not None:
            return transfer_of_conflict(conflict)
        return transfer_of(write, queue.pusher)

    def _writes(self, call: Call) -> Iterable[PendingWrite]:
        journal, query = self._queue.journal, call.query
        if "bucket" in query:
            bucket, key = query["bucket"], query.get("key", "")
            writes: Iterable[PendingWrite] = journal.pending.writes(bucket, key)
            conflicts = [
                each.write
                for each in journal.conflicts
                if each.write.bucket == bucket and key in ("", each.write.key)
            ]
        elif "prefix" in query or "key" in query:
            raise S3Error("InvalidArgument", "The query word bucket is missing.")
        else:
            writes = journal.pending
            conflicts = [each.write for each in journal.conflicts]
        return heapq.merge(writes, conflicts, key=lambda write: write.seq)


@contextmanager
def _refused_if_replacing() -> Iterator[None]:
    try:
        yield
    except NewerWritePending as error:
        hint = "let it be pushed, or discard it, first; s3d queue ls lists it"
        raise ControlError(409, control.WRONG_STATE, str(error), hint) from error


def _state(query: Mapping[str, str]) -> PendingState | None:
    word = query.get("state", "")
    if word and word not in STATES:
        words = ", ".join((*STATES, *ENDINGS))
        raise S3Error("InvalidArgument", f"state must be one of {words}.")
    return STATES[word] if word else None


def _seq(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _gone() -> ControlError:
    hint = "it may have been pushed meanwhile; s3d queue ls lists what is pending"
    return ControlError(404, control.NO_SUCH_TRANSFER, "no such transfer", hint)


def _unfit(why: str) -> ControlError:
    return ControlError(409, control.WRONG_STATE, why)
