"""Renames, and changes of metadata, of objects that may be at the remote: accepted without it.

A pending object gets its new key here. Of an object at the remote a COPY becomes pending: the
remote copies it, the copy is compared, and only then the old key is deleted, since no write of the
source of a COPY is pushed before it. Reads of the new key are answered by the source meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import BytesBody, Members, RequestContext, S3Request, S3Response
from s3d.agent.s3.named_objects import parse_copy_source, parse_rename_source
from s3d.agent.storage.records import ELSEWHERE, EMPTY, ObjectRecord, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.admission import Stage
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.journal_entry import JournalChange, stage
from s3d.agent.stores.write_queue.journal.pending_write import (
    CopySource,
    Kind,
    ObjectName,
    PendingState,
    PendingWrite,
)
from s3d.agent.stores.write_queue.journal.push_order import Turn, TurnKind
from s3d.agent.stores.write_queue.journal.queue_control import is_taken_back
from s3d.agent.stores.write_queue.push.copy_description import (
    EMPTY_ETAG,
    HEADERS,
    check_size,
    describe_source,
)
from s3d.agent.stores.write_queue.settle import Settler

_RENAME_MEMBERS = frozenset({"Bucket", "Key", "RenameSource", "ClientToken"})
"""Members of a RenameObject without conditions."""
_PATIENCE = 2.0
"""Seconds that a rename waits for the remote when it can be accepted without it."""
_REST = 5.0
"""Seconds after a failure in which such a rename does not ask the remote: a folder has many."""
_ATTEMPTS = 10
"""Attempts while pushes change what is pending."""
_AT_REMOTE = (PendingState.PUSHING, PendingState.VERIFYING)
_PENDING_MEMBERS = (*HEADERS, "Metadata", "LastModified", "StorageClass", "Expiration")
"""Members of GetObject that the pending copy decides."""


class _Source(NamedTuple):
    """The object of a rename that is at the remote."""

    stored: Stored
    etag: str
    """The remote's."""
    is_listed: bool = False
    """See CopySource."""


class _ChangedMeanwhile(Exception):
    """What is pending of the source is not what it was when the request was planned."""


class RemoteCopies:
    """Handler of RenameObject; CopyObject and reads come from the handlers of objects."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler
        self._away_until = 0.0
        """Of the loop's clock."""

    def pending(self, bucket: str, key: str) -> PendingWrite | None:
        """The pending copy that decides what a key has; None: there is none."""
        for write in reversed(self._journal.pending.of_key(bucket, key)):
            if write.kind is not Kind.TAGS:
                return write if write.kind is Kind.COPY else None
        return None

    @operation("RenameObject")
    async def rename_object(self, request: S3Request[Members]) -> S3Response[Members]:
        """Without conditions; others are the remote's."""
        given = {name for name, value in request.input.items() if value not in (None, "")}
        bucket, new = request.bucket, request.key
        sources = parse_rename_source(str(request.input["RenameSource"]), bucket)
        if given - _RENAME_MEMBERS or len(sources) != 1 or sources[0] == new:
            return await self._settler.forward(request)
        (old,) = sources
        await self._stage.keys.check(bucket, new, request.context)
        await self._stage.prepare(request)
        for _ in range(_ATTEMPTS):
            try:
                async with self._accepting((bucket, old), (bucket, new)) as turn:
                    if await self._take_back(bucket, old, new, request.context):
                        return S3Response({})
                    try:
                        found = await self._of_remote(bucket, old, new, request.context, turn)
                    except S3Error:  # also when the push that was under way has failed
                        if not await self._take_back(bucket, old, new, request.context):
                            raise
                        return S3Response({})
                    rename = partial(self._rename, bucket, old, new, found, request.context)
                    await self._journal.change(rename)
            except _ChangedMeanwhile:
                continue
            failpoint.hit("queue.accepted")
            return S3Response({})
        raise S3Error("OperationAborted", "The object keeps changing.")

    async def change_metadata(self, request: S3Request[Members]) -> S3Response[Members] | None:
        """CopyObject of the mount, of an object onto itself, with other metadata.

        None: the object is pending, so that the stage can carry it out.
        """
        async with self._accepting((request.bucket, request.key)):
            return await self._change_metadata(request)

    async def _change_metadata(self, request: S3Request[Members]) -> S3Response[Members] | None:
        bucket, key = request.bucket, request.key
        if self._journal.pending.of_key(bucket, key):
            return None
        stored, etag = await self._head(bucket, key, request.context)
        if not same_etag(etag, str(request.input.get("CopySourceIfMatch") or etag)):
            raise S3Error("PreconditionFailed")
        await self._stage.prepare(request)
        headers = {name: request.input[name] for name in HEADERS if name in request.input}
        description = replace(
            stored.record.description, headers=headers, metadata=request.input.get("Metadata") or {}
        )
        record = replace(stored.record, description=description)
        source = CopySource(key, etag, replaces_metadata=True)
        enter = partial(self._enter_copy, bucket, record, source, request.context)
        try:
            await self._journal.change(enter)
        except _ChangedMeanwhile:
            return None
        return S3Response({"CopyObjectResult": {"ETag": etag, "LastModified": self._stage.now()}})

    async def read(
        self, request: S3Request[Members], copy: PendingWrite
    ) -> S3Response[Members] | None:
        """A read of a key whose copy is pending; None: the remote has the copy by now."""
        source = await self._source_of(copy)
        if source is None:
            return None
        if request.op.name != "GetObject" and not is_described_later(source):
            return await self._stage.store.call(request)
        try:
            return await self._read_source(request, source)
        except S3Error as error:
            # The source is deleted, and may be written again, as soon as the remote has the copy.
            if error.code == "NoSuchKey" and await self._source_of(copy) is None:
                return None
            raise

    async def _source_of(self, copy: PendingWrite) -> CopySource | None:
        """What the remote is still to copy; None: nothing."""
        row = await self._journal.load(copy)
        return None if row is None or row.base.pushed_etag is not None else row.source

    async def _read_source(
        self, request: S3Request[Members], copied: CopySource
    ) -> S3Response[Members]:
        named = {"Bucket": request.bucket, "Key": request.key}
        head = await S3Client(self._stage.store, request.context).output("HeadObject", named)
        source = request.replace(input={**request.input, "Key": copied.key})
        response = await self._settler.inner.call(source)
        if not same_etag(str(response.output.get("ETag") or copied.etag), copied.etag):
            async with aclosing(response.body or BytesBody(b"")):
                raise S3Error("NoSuchKey", "The source of the pending copy was replaced.")
        of_write = ("LastModified",) if is_described_later(copied) else _PENDING_MEMBERS
        own = {name: head[name] for name in of_write if name in head}
        others = {name: it for name, it in response.output.items() if name not in of_write}
        response.output = {**others, **own}
        return response

    def _accepting(self, *places: ObjectName) -> AbstractAsyncContextManager[Turn]:
        """A turn in which no forwarded write changes what the remote has at these keys.

        It ends when the copy is pending: forwarded writes of its source wait for it from then on.
        """
        return self._settler.turn(places, TurnKind.ACCEPTING)

    async def _take_back(self, bucket: str, old: str, new: str, context: RequestContext) -> bool:
        """Undo a rename of which nothing was pushed yet; False: the two names are none of one."""
        writes = self._journal.pending.of_key(bucket, old)
        of_source = self._journal.pending.of_key(bucket, new)
        if not is_taken_back(writes, of_source):
            return False
        (deletion,), copy = of_source, writes[-1]
        is_known = list(self._journal.pending.copies.of(bucket, new)) == [copy]
        unresolved = self._journal.outcomes.unresolved
        may_be_there = copy.state in _AT_REMOTE or unresolved.is_unresolved(copy)
        if not is_known or may_be_there:
            return False
        return await self._journal.control.take_back(copy, deletion, context)

    async def _of_remote(
        self, bucket: str, old: str, new: str, context: RequestContext, turn: Turn
    ) -> _Source | None:
        """The object at the remote; None: a pending write decides."""
        pending = self._journal.pending
        copy, newest = self.pending(bucket, old), pending.newest(bucket, old)
        if copy is not None and (copy is not newest or pending.copies.of(bucket, new)):
            # Otherwise two copies would wait for each other, or tags for a copy of another key.
            await self._settler.settle(bucket, old, before_write=True, turn=turn)
            raise _ChangedMeanwhile
        return None if newest is not None else await self._source(bucket, old, context)

    async def _head(self, bucket: str, key: str, context: RequestContext) -> tuple[Stored, str]:
        return await describe_source(S3Client(self._settler.inner, context), bucket, key)

    async def _source(self, bucket: str, key: str, context: RequestContext) -> _Source:
        """The object that is to be renamed. While the remote is away, it is what a listing has
        shown of it to the caller."""
        shown, clock = context.mount.renames, asyncio.get_running_loop().time
        if shown is None:
            return _Source(*await self._head(bucket, key, context))
        if clock() >= self._away_until:
            try:
                async with asyncio.timeout(_PATIENCE):
                    return _Source(*await self._head(bucket, key, context))
            except TimeoutError:
                pass
            except S3Error as error:
                if error.status < 500 or error.status == 501:
                    raise
            self._away_until = clock() + _REST
        check_size(shown.size)
        alias = self._journal.alias(bucket, key)
        is_told = alias is not None and same_etag(alias.client_etag, shown.etag)
        of_remote = f'"{alias.remote_etag}"' if alias is not None and is_told else shown.etag
        etag = shown.etag if shown.size else EMPTY_ETAG
        record = ObjectRecord(key, size=shown.size, etag=etag, modified=shown.modified)
        return _Source(Stored(record, ELSEWHERE), of_remote, is_listed=True)

    # In the writer thread

    def _rename(
        self,
        bucket: str,
        old: str,
        new: str,
        at_remote: _Source | None,
        context: RequestContext,
        tx: Transaction,
    ) -> None:
        rows = journal_rows.of_key(tx, bucket, old)
        if bool(rows) == bool(at_remote):
            raise _ChangedMeanwhile
        recorder = self._journal.recorder
        if at_remote is not None:
            stored, etag, is_listed = at_remote
            removed: str | None = etag or stored.record.etag
            staged = _of(stage(tx, bucket, new, stored), context)
            if stored.layout == EMPTY:  # some remotes do not copy the marker of a folder
                recorder.enter(tx, Kind.PUT, staged)
            else:
                copied = CopySource(old, etag, is_listed=is_listed)
                recorder.enter(tx, Kind.COPY, staged, None, copied)
        else:
            stored, source = _newest(tx, rows[-1])
            removed = None
            staged = stage(tx, bucket, new, stored)
            kind = Kind.PUT if source is None else Kind.COPY
            recorder.enter(tx, kind, _of(staged, context), None, source)
        journal_rows.unstage(tx, bucket, old)
        change = JournalChange(bucket, old, context=context)
        recorder.enter(tx, Kind.DELETE, change, removed)

    def _enter_copy(
        self,
        bucket: str,
        record: ObjectRecord,
        source: CopySource,
        context: RequestContext,
        tx: Transaction,
    ) -> None:
        if journal_rows.of_key(tx, bucket, record.key):
            raise _ChangedMeanwhile
        context, layout = context.derive(replaces=None), ELSEWHERE if record.size else EMPTY
        staged = _of(stage(tx, bucket, record.key, Stored(record, layout)), context)
        recorder = self._journal.recorder
        if layout == EMPTY:
            recorder.enter(tx, Kind.PUT, staged, source.etag)
        else:
            recorder.enter(tx, Kind.COPY, staged, source.etag, source)


def _of(change: JournalChange, context: RequestContext) -> JournalChange:
    return change._replace(context=context)


def _newest(tx: Transaction, write: PendingWrite) -> tuple[Stored, CopySource | None]:
    """The object of the newest row of a key. Raises NoSuchKey for a deletion."""
    row = journal_rows.find(tx, write.seq)
    if row is None or row.stored is None:
        raise S3Error("NoSuchKey", Key=write.key)
    if row.source is None and row.stored.layout == ELSEWHERE:
        raise _ChangedMeanwhile  # of a copy that is being pushed
    return row.stored, row.source


def is_described_later(source: CopySource) -> bool:
    """Whether only the source knows the headers, metadata and tags of its pending copy."""
    return source.is_listed and not source.replaces_metadata


def is_of_mount(request: S3Request[Any]) -> bool:
    """Whether this CopyObject is a change of metadata by the mount."""
    if request.context.replaces is None:
        return False
    return parse_copy_source(request.input["CopySource"])[:2] == (request.bucket, request.key)
