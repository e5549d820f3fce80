"""Routes of single transfers: list, retry, export, discard, pause, and priority.

A transfer is either a pending write of the queue (kind push, its id a sequence number) or a job
(user_transfer_routes.py): the path is the same, so each action first looks for a job.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing

import msgspec
from aiohttp import web

from s3d.agent.frontends.control.control_call import Call, Route, answer, page_of, sequence_of
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.queue_routes import require_queue
from s3d.agent.frontends.control.user_transfer_routes import UserTransferRoutes, describe_job
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.records import Layout, Stored
from s3d.agent.stores.write_queue.journal.pending_write import (
    PendingState,
    PendingWrite,
)
from s3d.agent.stores.write_queue.queue_status import (
    PUSH,
    STATES,
    QueueParts,
    actions_of,
    pending_below,
    transfer_of,
    transfer_of_conflict,
)
from s3d.shared import control
from s3d.shared.config.priorities import MAX_PRIORITY
from s3d.shared.transfers import PriorityRequest, RetryRequest, Transfer, TransferList

PLACE = frozenset({"bucket", "prefix", "key"})

CONFLICT = PendingState.CONFLICT

ENDINGS = ("done", "cancelled")
"""States of jobs only: a push that ends is not pending any more."""

Verb = Callable[[Call, PendingWrite], Awaitable[web.StreamResponse]]


class TransferRoutes:
    """queue None: there are only jobs."""

    def __init__(self, queue: QueueParts | None, user_transfers: UserTransferRoutes) -> None:
        self._maybe, self._user_transfers = queue, user_transfers

    def routes(self) -> list[Route]:
        one = "/v1/transfers/{id}"
        verbs: dict[str, Verb] = {
            "retry": self.retry,
            "discard": self.discard,
            "export": self.export,
            "priority": self.priority,
            "pause": self.pause,
            "resume": self.resume,
            "cancel": self.cancel,
        }
        return [
            *self._user_transfers.routes(),
            Route("GET", "/v1/transfers", self.list, PLACE | {"kind", "state", "cursor", "limit"}),
            *(
                Route("POST", f"{one}:{verb}", self._on_one(verb, act))
                for verb, act in verbs.items()
            ),
            Route("GET", one, self.show, frozenset({"wait"})),
        ]

    @property
    def _queue(self) -> QueueParts:
        return require_queue(self._maybe)

    async def list(self, call: Call) -> web.Response:
        """One page: all jobs first, on the first page; then pushes, the oldest first."""
        query, after = call.query, call.cursor
        kind = query.get("kind", "")
        first: list[Transfer] = []
        if kind != PUSH and not after and "bucket" not in query:
            first = self._user_transfers.matching(kind, query.get("state", ""))
            first = [self._with_pending(each) for each in first]
        no_push = kind not in ("", PUSH) or query.get("state", "") in ENDINGS
        if no_push or (self._maybe is None and not kind):
            return answer(TransferList(first))
        state, prefix = _state(query), query.get("prefix", "")
        writes = (
            write
            for write in self._writes(call)
            if write.seq > after and state in (None, write.state) and write.key.startswith(prefix)
        )
        page, cursor = page_of(writes, call.page_limit, lambda write: write.seq)
        pushes = [self._shown(write) for write in page]
        return answer(TransferList([*first, *pushes], cursor))

    async def show(self, call: Call) -> web.Response:
        """With wait: respond when a job has ended. A push is shown at once."""
        job = self._user_transfers.find(call.segment("id"))
        if job is not None:
            await call.wait_for(job.ended.wait)
            return answer(self._with_pending(describe_job(job)))
        return answer(self._shown(self._find(call)))

    async def retry(self, call: Call, write: PendingWrite) -> web.Response:
        """Make a write due now; as_key: push it to another key, under which it has another id."""
        retry = await call.body(RetryRequest)
        journal = self._queue.journal
        if write.state is CONFLICT:
            return await self._retry_conflict(write, retry)
        if not retry.as_key:
            await journal.control.retry(seq=write.seq)
            return answer(transfer_of(write))
        check_key(retry.as_key)
        if write.kind != "put":
            raise _wrong_state(f"a {write.kind} cannot be pushed to another key")
        await journal.control.retry(seq=write.seq, as_key=retry.as_key)
        renamed = journal.pending.newest(write.bucket, retry.as_key)
        return answer(transfer_of(renamed or write))

    async def _retry_conflict(self, write: PendingWrite, retry: RetryRequest) -> web.Response:
        """force: push it over the remote's version; as_key: to another key. Its id changes."""
        if not (retry.force or retry.as_key):
            hint = "force replaces the remote's version; as_key pushes to another key"
            raise ControlError(409, control.WRONG_STATE, "the remote has a newer version", hint)
        if retry.as_key:
            check_key(retry.as_key)
            if write.kind != "put":
                raise _wrong_state(f"a {write.kind} cannot be pushed to another key")
        journal = self._queue.journal
        await journal.conflicts.force(write.seq, retry.as_key or None)
        entered = journal.pending.newest(write.bucket, retry.as_key or write.key)
        return answer(transfer_of(entered or write))

    async def discard(self, call: Call, write: PendingWrite) -> web.Response:
        """Drop the write: clients read what the key was before it."""
        journal = self._queue.journal
        if write.state is CONFLICT:
            await journal.conflicts.discard(write.seq)
        elif not await journal.control.discard(write.seq):
            raise _not_allowed("discard", write)
        return web.Response(status=204)

    async def export(self, call: Call, write: PendingWrite) -> web.StreamResponse:
        """The bytes, as they were accepted."""
        stored = await self._stored(write)
        if stored is None or write.kind == "copy":
            raise _wrong_state(f"a {write.kind} has no bytes")
        return await export_staged(call, stored, self._queue.body_of)

    async def _stored(self, write: PendingWrite) -> Stored | None:
        journal = self._queue.journal
        if write.state is CONFLICT:
            return journal.conflicts.find(write.seq)
        row = await journal.load(write)
        if row is None:
            raise _gone(str(write.seq))
        return row.stored

    async def priority(self, call: Call, write: PendingWrite) -> web.Response:
        priority = (await call.body(PriorityRequest)).priority
        if abs(priority) > MAX_PRIORITY:
            raise S3Error(
                "InvalidArgument", f"priority must be from -{MAX_PRIORITY} to {MAX_PRIORITY}."
            )
        await self._queue.journal.control.set_priority(write.seq, priority)
        return answer(transfer_of(write))

    async def pause(self, call: Call, write: PendingWrite) -> web.Response:
        """Hold a write, and with it the later ones of its key."""
        if not await self._queue.journal.control.hold(write.seq):
            raise _not_allowed("pause", write)
        return answer(transfer_of(write, self._queue))

    async def cancel(self, call: Call, write: PendingWrite) -> web.Response:
        raise _wrong_state("a pending write cannot be cancelled, only discarded")

    async def resume(self, call: Call, write: PendingWrite) -> web.Response:
        await self._queue.journal.control.release(write.seq)
        return answer(transfer_of(write, self._queue))

    def _on_one(self, verb: str, act: Verb) -> Callable[[Call], Awaitable[web.StreamResponse]]:
        async def handler(call: Call) -> web.StreamResponse:
            job = self._user_transfers.find(call.segment("id"))
            if job is not None:
                return await self._user_transfers.apply_action(job, verb)
            write = self._find(call)
            allowed = actions_of(write, self._queue.journal.control.stops)
            if verb not in allowed and verb != "cancel":
                raise _not_allowed(verb, write)
            return await act(call, write)

        return handler

    def _find(self, call: Call) -> PendingWrite:
        id = call.segment("id")
        seq = sequence_of(id)
        if seq is None:  # the id of a job, which may be given where there is no queue
            raise _gone(id, "s3d transfers lists them; the oldest that have ended are forgotten")
        journal = self._queue.journal
        write = journal.pending.get(seq)
        conflict = journal.conflicts.get(seq)
        if conflict is not None:
            return conflict.write
        if write is None:
            raise _gone(id)
        return write

    def _shown(self, write: PendingWrite) -> Transfer:
        queue = self._queue
        conflict = queue.journal.conflicts.get(write.seq)
        if conflict is not None:
            return transfer_of_conflict(conflict)
        return transfer_of(write, queue)

    def _with_pending(self, transfer: Transfer) -> Transfer:
        """An upload with what the remote does not have yet."""
        if self._maybe is None or transfer.kind != "upload":
            return transfer
        place, until = (transfer.bucket, transfer.key), transfer.ended or math.inf
        pending = pending_below(self._maybe, *place, since=transfer.accepted, until=until)
        return msgspec.structs.replace(transfer, pending=pending)

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
            raise S3Error("InvalidArgument", "The query parameter bucket is missing.")
        else:
            writes = journal.pending
            conflicts = [each.write for each in journal.conflicts]
        return heapq.merge(writes, conflicts, key=lambda write: write.seq)


def _state(query: Mapping[str, str]) -> PendingState | None:
    word = query.get("state", "")
    if word and word not in STATES:
        words = ", ".join((*STATES, *ENDINGS))
        raise S3Error("InvalidArgument", f"state must be one of {words}.")
    return STATES[word] if word else None


async def export_staged(
    call: Call, stored: Stored, body_of: Callable[[Layout], Body]
) -> web.StreamResponse:
    """The staged bytes of a write, with their Content-Type."""
    content_type = stored.record.description.headers.get("ContentType", "binary/octet-stream")
    async with aclosing(body_of(stored.layout)) as body:
        headers = {"Content-Type": str(content_type)}
        return await call.stream(body, headers, size=stored.record.size)


_PHRASES = {"priority": "change the priority of"}
"""Action of a route -> its words in an error, where they differ."""
_STATES = {"running": "that is being uploaded", "held": "that is paused"}
"""State of a transfer -> its words in an error, where they differ."""
_ONE_REQUEST = "it is a single request to the remote; only multipart uploads can be stopped"


_PUSHED = "it may have been pushed already; s3d queue ls lists the pending writes"


def _gone(name: str, hint: str = _PUSHED) -> ControlError:
    return ControlError(404, control.NO_SUCH_TRANSFER, f"no such transfer: {name}", hint)


def _not_allowed(verb: str, write: PendingWrite) -> ControlError:
    state = transfer_of(write).state
    words = _STATES.get(state, f"in state {state}")
    is_stop = write.state is PendingState.PUSHING and verb in ("pause", "discard")
    hint = _ONE_REQUEST if is_stop else ""
    title = f"cannot {_PHRASES.get(verb, verb)} a write {words}"
    return ControlError(409, control.WRONG_STATE, title, hint)


def _wrong_state(why: str) -> ControlError:
    return ControlError(409, control.WRONG_STATE, why)
