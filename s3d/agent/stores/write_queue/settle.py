"""The settle rule: what the queue does not answer itself goes to the remote, after pending writes.

So every operation is correct; the operations that the queue handles are faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.core.supervise import consume_exception
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.named_objects import parse_copy_source, parse_rename_source, written_objects
from s3d.agent.storage.records import NULL_VERSION
from s3d.agent.stores.answerer import is_conditional_write
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.journal_history import EtagAlias
from s3d.agent.stores.write_queue.journal.pending_write import ObjectName, PendingState
from s3d.agent.stores.write_queue.journal.push_order import Turn, TurnKind
from s3d.agent.stores.write_queue.journal.remote_states import SAME_BYTES
from s3d.agent.stores.write_queue.push.pusher import Pusher

MAX_WAIT = 20.0
"""Seconds that a request waits for pending writes to reach the remote."""
_WITHOUT_CLIENT = 5.0
"""Seconds that a forwarded write keeps its turn after its client has gone away."""

_OBJECT_LISTINGS = frozenset({"ListObjectVersions", "ListObjects", "ListObjectsV2"})
"""Reads of a bucket whose answers depend on its objects."""
_KEY_CONDITIONS = ("IfMatch", "IfNoneMatch")
_SOURCE_CONDITIONS = ("CopySourceIfMatch", "CopySourceIfNoneMatch")
_ETAG_CONDITIONS = frozenset((*_KEY_CONDITIONS, *_SOURCE_CONDITIONS))

AliasOf = Callable[[str, str], EtagAlias | None]
"""Bucket and key -> the alias of the object."""


class Settler:
    """Forwards requests to the remote after the pending writes they depend on."""

    def __init__(
        self,
        inner: ObjectStore,
        journal: Journal,
        pusher: Pusher,
        *,
        max_wait: float = MAX_WAIT,
    ) -> None:
        self.inner = inner
        self._journal = journal
        self._pusher = pusher
        self._max_wait = max_wait

    def forward(self, request: S3Request[Any]) -> Answer:
        """The remote's answer, after what is pending where the request reads or writes.

        What is accepted meanwhile of a key that the request writes is pushed after the answer.
        """
        changed = changed_objects(request)
        if changed:
            return self._forward_write(request, changed)
        pending = self._journal.pending
        places = [place for place in places_of(request) if pending.writes(*place)]
        if places:
            return self._forward_settled(places, request)
        return self.inner.call(with_remote_etags(request, self._journal.alias))

    @asynccontextmanager
    async def turn(
        self, places: Iterable[ObjectName], kind: TurnKind, *, after: Collection[ObjectName] = ()
    ) -> AsyncIterator[Turn]:
        """A turn at these keys, for a request to the remote in the context.

        after: what is pending of these is at the remote before the turn comes; see settle().
        """
        with self._journal.order.enter(places, kind) as turn:
            try:
                async with asyncio.timeout(self._max_wait):
                    await self._journal.order.begin(turn)
            except TimeoutError:
                message = "Another write of the same key is not answered yet."
                raise S3Error("ServiceUnavailable", message) from None
            await self._settle_all(after, turn)
            began = self._journal.remote_states.now()
            try:
                yield turn
            finally:
                await self._journal.follow_forwarded(turn.places, began)

    async def _settle_all(self, places: Collection[ObjectName], turn: Turn) -> None:
        """Settle what comes before a turn. The tags of an object that is being pushed may join."""
        left = [place for place in places if not place[1] or self._comes_before(place, turn)]
        while left:
            for place in left:
                await self.settle(*place, before_write=place in turn.places, turn=turn)
            # Of a whole bucket, what cannot be pushed is skipped.
            left = [place for place in places if place[1] and self._comes_before(place, turn)]

    def _comes_before(self, place: ObjectName, turn: Turn) -> bool:
        """Whether a write of this key is still to be pushed before the turn."""
        pending, is_written = self._journal.pending, place in turn.places
        return any(
            turn.follows(write)
            and (
                write.state is not PendingState.VERIFYING or (is_written and write.key == place[1])
            )
            for write in (*pending.copies.of(*place), *pending.of_key(*place))
        )

    async def settle(
        self,
        bucket: str,
        key: str = "",
        *,
        before_write: bool = False,
        turn: Turn | None = None,
    ) -> None:
        """Return when the remote has what is pending now: of a key, or (key "") of a bucket.

        turn: of the caller, who waits only for what comes before it. before_write: the remote is to
        carry out a write of this key next. Otherwise writes that are verified stay so, since an
        older request may still arrive. Raises ServiceUnavailable when that takes too long, and for
        a key the error with which the remote refuses it.
        """
        if self._journal.paused and self._journal.pending.writes(bucket, key):
            message = "This request has to wait for pending writes, and the queue is paused."
            raise S3Error("ServiceUnavailable", message)
        await self._pusher.push_now(bucket, key, timeout=self._max_wait, turn=turn)
        if before_write and key:
            await self._journal.end_verifications(bucket, key)

    async def _forward_write(
        self, request: S3Request[Any], changed: list[ObjectName]
    ) -> S3Response[Any]:
        kind = TurnKind.CONDITIONAL if is_conditional(request) else TurnKind.SHARED
        async with self.turn(changed, kind, after=places_of(request)):
            return await self.write(with_remote_etags(request, self._journal.alias))

    async def write(self, request: S3Request[Any]) -> S3Response[Any]:
        """Let the remote carry out a write whose turn it is, to its end.

        The remote does that even if the client goes away meanwhile; a push that did not wait for it
        could be undone by it. A body ends with its client.
        """
        if request.body is not None:
            return await self.inner.call(request)
        call = asyncio.get_running_loop().create_task(self._call(request), name="forwarded write")
        call.add_done_callback(consume_exception)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            _, unanswered = await asyncio.wait([call], timeout=_WITHOUT_CLIENT)
            if unanswered:
                call.cancel()
            raise

    async def _call(self, request: S3Request[Any]) -> S3Response[Any]:
        return await self.inner.call(request)

    async def _forward_settled(
        self, places: list[ObjectName], request: S3Request[Any]
    ) -> S3Response[Any]:
        written = places_written(request)
        for place in places:
            await self.settle(*place, before_write=place in written)
        return await self.inner.call(with_remote_etags(request, self._journal.alias))


def is_conditional(request: S3Request[Any]) -> bool:
    """Whether this is a write that depends on what the key holds."""
    if request.op.access in ("read", "list"):
        return False
    return is_conditional_write(request.input)


def places_of(request: S3Request[Any]) -> list[ObjectName]:
    """Keys whose pending writes the answer depends on; key "": the whole bucket.

    The settings of a bucket do not depend on its objects. A version has an id of the remote, so it
    is there already, except for the version named null.
    """
    op, input = request.op, request.input
    is_version = input.get("VersionId") not in (None, "", NULL_VERSION)
    is_object_missing = not request.key and op.name not in _OBJECT_LISTINGS
    if _is_read(request) and (is_version or is_object_missing):
        return []
    places = [(request.bucket, request.key)] if request.bucket else []
    if input.get("CopySource"):
        source = str(input["CopySource"])
        places.append(parse_copy_source(source)[:2])
        if "+" in source:  # a space for AWS, and itself for some other remotes
            places.append(parse_copy_source(source.replace("+", "%2B"))[:2])
    if input.get("RenameSource"):
        sources = parse_rename_source(str(input["RenameSource"]), request.bucket)
        places += [(request.bucket, key) for key in sources]
    return places


def changed_objects(request: S3Request[Any]) -> list[ObjectName]:
    """The objects whose state at the remote the request may change."""
    if _is_read(request) or request.op.name in SAME_BYTES:
        return []
    return [place for place in written_objects(request) if place[1]]


def places_written(request: S3Request[Any]) -> list[ObjectName]:
    """Keys that the request may change."""
    if _is_read(request):
        return []
    return places_of(request.replace(input={**request.input, "CopySource": ""}))


def _is_read(request: S3Request[Any]) -> bool:
    """Whether it is known to change nothing."""
    return request.op.name != "" and request.op.access in ("read", "list")


def with_remote_etags(request: S3Request[Any], alias_of: AliasOf) -> S3Request[Any]:
    """The request with the remote's ETags in its conditions; itself when there is no alias.

    A client that was given another ETag than the remote's may name it in a condition for a while.
    """
    if _ETAG_CONDITIONS.isdisjoint(request.input):
        return request
    edited = _edited(request, _KEY_CONDITIONS, alias_of(request.bucket, request.key))
    if request.input.get("CopySource"):
        bucket, key, _ = parse_copy_source(request.input["CopySource"])
        edited |= _edited(request, _SOURCE_CONDITIONS, alias_of(bucket, key))
    return request.replace(input={**request.input, **edited}) if edited else request


def _edited(
    request: S3Request[Any], names: tuple[str, ...], alias: EtagAlias | None
) -> dict[str, str]:
    if alias is None:
        return {}
    ours, theirs = alias
    conditions = {name: str(request.input[name]) for name in names if request.input.get(name)}
    return {name: text.replace(ours, theirs) for name, text in conditions.items() if ours in text}
