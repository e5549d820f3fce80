"""The push of an object in parts: begun, continued after a restart, completed, never left behind.

Before an upload is begun, the journal records that one is about to be; then it records its id. So
after a crash the push continues, and an upload whose id was lost, in a crash or with an answer, is
looked for and aborted, now and later (orphaned_uploads.py).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html

Large single puts are pushed in parts, too, so that an interrupted push does not start over. The
object then has another ETag at the remote than its client was given: an alias of it is stored, as
for all such objects (journal_history.py). The staged bytes are verified before they are cut. A
checksum of the whole object is kept if it is a CRC, the only kind that S3 has for parts, too.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing

from msgspec.structs import replace

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.s3.checksums import ALGORITHMS, FULL_OBJECT, Hasher, hasher, multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import PartPlan, plan_parts
from s3d.agent.storage.record_cache import LRUCache
from s3d.agent.storage.records import Checksum, PartSize, Stored
from s3d.agent.stores.write_queue.journal.pending_write import RemoteUpload
from s3d.agent.stores.write_queue.journal.push_stops import StopRequest
from s3d.agent.stores.write_queue.push.orphaned_uploads import abort, lost_uploads
from s3d.agent.stores.write_queue.push.push_plan import Multipart, Part
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle
from s3d.agent.stores.write_queue.push.retry_policy import has_unknown_outcome
from s3d.agent.stores.write_queue.push.verify_push import (
    BodyOf,
    OnSent,
    StagedDataCorrupt,
    count_small,
    md5_of,
    open_staged,
    read,
    verified_payload,
)

CONCURRENT_PARTS = 4
"""Parts of one object that are sent at the same time."""
SAVE_INTERVAL = 5.0
"""Seconds between two saves of which parts the remote has; it can also list them."""

SaveProgress = Callable[[RemoteUpload | None], Awaitable[None]]
"""Saves the progress of a push in the journal. None: the upload no longer exists."""


class MultipartPush:
    """The push of one object in parts."""

    def __init__(
        self,
        plan: Multipart,
        *,
        remote: S3Client,
        body_of: BodyOf,
        throttle: PushThrottle,
        clock: Clock,
        save: SaveProgress,
        on_sent: OnSent,
        stop: StopRequest,
    ) -> None:
        self._plan = plan
        self._remote = remote
        self._body_of = body_of
        self._throttle = throttle
        self._clock = clock
        self._save = save
        self._on_sent = on_sent
        self._stop = stop
        self._upload = RemoteUpload("")
        self._existing: dict[int, Members] = {}
        """Parts that the remote had at the start, by number."""
        self._sent: dict[int, tuple[bytes, Members]] = {}
        """By number: the MD5 of a part, and its member of CompleteMultipartUpload."""
        self._saved_at = clock.steady()

    async def push(self, upload: RemoteUpload | None) -> Members:
        """The answer of CompleteMultipartUpload. upload: the progress of an earlier push.

        Raises S3Error; StagedDataCorrupt before the object exists at the remote; PushStopped after
        the parts that are being sent.
        """
        if upload is not None and upload.upload_id and upload.fingerprint == self._plan.fingerprint:
            self._upload = upload
            self._existing = await self._list()
        else:
            if upload is not None:
                await self._abort_earlier(upload)
            await self._begin()
        waiting = iter(self._plan.parts)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(min(CONCURRENT_PARTS, len(self._plan.parts))):
                    tasks.create_task(self._work(waiting), name=f"queue parts {number}")
        except ExceptionGroup as group:
            error = group.exceptions[0]
            raise error from error.__cause__  # the cause says which kind of failure it is
        if self._stop.requested is not None:
            await self._save(self._upload)
        self._stop.raise_if_requested()
        self._stop.is_completing = True
        return await self._complete()

    @property
    def _place(self) -> Members:
        return {name: self._plan.create[name] for name in ("Bucket", "Key")}

    async def _begin(self) -> None:
        begun = self._clock.now()
        await self._save(RemoteUpload("", begun=begun))
        failpoint.hit("queue.before_create")
        try:
            answer = await self._remote.output("CreateMultipartUpload", self._plan.create)
        except S3Error as error:
            if not has_unknown_outcome(error):
                await self._save(None)
            raise
        failpoint.hit("queue.after_create")
        self._upload = RemoteUpload(
            _required(answer, "UploadId"), begun=begun, fingerprint=self._plan.fingerprint
        )
        await self._save(self._upload)
        failpoint.hit("queue.created")

    async def _list(self) -> dict[int, Members]:
        """The parts that the remote has, by number."""
        found: dict[int, Members] = {}
        request = self._place | {"UploadId": self._upload.upload_id}
        while True:
            page = await self._remote.output("ListParts", request)
            found |= {part["PartNumber"]: part for part in page.get("Parts") or ()}
            last, marker = request.get("PartNumberMarker", 0), page.get("NextPartNumberMarker", 0)
            if not page.get("IsTruncated") or marker <= last:
                return found
            request["PartNumberMarker"] = marker

    async def _work(self, waiting: Iterator[Part]) -> None:
        for part in waiting:
            if self._stop.requested is not None:
                return
            await self._push(part)

    async def _push(self, part: Part) -> None:
        """Send a part, unless the remote has it already."""
        md5 = await md5_of(open_staged(self._body_of, part.layout))
        etag = self._existing_etag(part, md5)
        if etag:
            self._on_sent(part.size, is_there=True)
        else:
            etag = await self._send(part, md5)
        self._upload.parts[part.number] = etag
        member = {"PartNumber": part.number, "ETag": etag, **part.checksum}
        self._sent[part.number] = md5, member
        await self._save_now_and_then()

    def _existing_etag(self, part: Part, md5: bytes) -> str:
        """The ETag of a part that the remote has already; "" when it must be sent.

        An ETag of the remote's own counts if the journal has recorded it.
        """
        known = self._existing.get(part.number, {})
        etag = str(known.get("ETag", ""))
        ours = same_etag(etag, md5.hex()) or same_etag(
            etag, self._upload.parts.get(part.number, "")
        )
        return etag if ours and known.get("Size") == part.size else ""

    async def _send(self, part: Part, md5: bytes) -> str:
        members = self._place | {
            "UploadId": self._upload.upload_id,
            "PartNumber": part.number,
            "ContentLength": part.size,
            "ContentMD5": base64.b64encode(md5).decode(),
            **part.checksum,
        }
        staged = open_staged(self._body_of, part.layout)
        body = await verified_payload(staged, md5, throttle=self._throttle, on_sent=self._on_sent)
        failpoint.hit("queue.before_part")
        with count_small(body, self._on_sent):
            answer = await self._remote.output("UploadPart", members, body)
        failpoint.hit("queue.after_part")
        return _required(answer, "ETag")

    async def _save_now_and_then(self) -> None:
        now = self._clock.steady()
        if now - self._saved_at >= SAVE_INTERVAL:
            self._saved_at = now
            await self._save(self._upload)

    async def _complete(self) -> Members:
        sent = [self._sent[part.number] for part in self._plan.parts]
        if not same_etag(multipart_etag([md5 for md5, _ in sent]), self._plan.etag):
            raise StagedDataCorrupt("the staged parts differ from those that were accepted")
        members = self._plan.complete | {
            "UploadId": self._upload.upload_id,
            "MultipartUpload": {"Parts": [member for _, member in sent]},
        }
        failpoint.hit("queue.before_complete")
        answer = await self._remote.output("CompleteMultipartUpload", members)
        failpoint.hit("queue.after_complete")
        return answer

    async def _abort_earlier(self, upload: RemoteUpload) -> None:
        """Abort an upload that cannot be continued."""
        remote, place = self._remote, self._place
        ids = [upload.upload_id]
        if not upload.upload_id:
            ids = await lost_uploads(remote, place, upload.begun, self._clock.now())
        for upload_id in ids:
            await abort(remote, place | {"UploadId": upload_id})


def _required(answer: Members, name: str) -> str:
    """A member that every such answer has. Raises InternalError when it is missing."""
    if not answer.get(name):
        raise S3Error("InternalError", f"The remote's response is invalid: {name} is missing.")
    return str(answer[name])


_REMEMBERED = 64
"""Objects whose parts are remembered for the next attempt."""


class PushSplitter:
    """Cuts large single puts: push_plan.is_pushed_in_parts. Belongs to the loop."""

    def __init__(self, body_of: BodyOf) -> None:
        self._body_of = body_of
        self._known: LRUCache[int, Stored] = LRUCache(_REMEMBERED, lambda _: 1)

    async def split(self, seq: int, stored: Stored) -> Stored:
        """The object as the remote will have it: in parts, with their ETag.

        seq: of the write. Raises StagedDataCorrupt.
        """
        known = self._known.get(seq)
        if known is None:
            known = await self._cut(stored)
            self._known.put(seq, known)
        return known

    async def _cut(self, stored: Stored) -> Stored:
        record = stored.record
        checksum = record.checksum
        if checksum is not None and not _is_combined(checksum):
            checksum = None
        plan = plan_parts(record.size)
        hashes = _PartHasher(plan, checksum)
        whole = hashlib.md5(usedforsecurity=False)
        async with aclosing(open_staged(self._body_of, stored.layout)) as body:
            async for chunk in read(body):
                await asyncio.to_thread(whole.update, chunk)
                await asyncio.to_thread(hashes.update, chunk)
        if not same_etag(record.etag, whole.hexdigest()):
            raise StagedDataCorrupt("the staged bytes differ from those that were accepted")
        etag = multipart_etag(hashes.md5s)
        layout = replace(stored.layout, parts=tuple(hashes.parts))
        return Stored(replace(record, etag=etag, checksum=checksum), layout)


class _PartHasher:
    """The MD5 and the checksum of each part of a stream."""

    def __init__(self, plan: PartPlan, checksum: Checksum | None) -> None:
        self.md5s: list[bytes] = []
        self.parts: list[PartSize] = []
        self._plan, self._algorithm = plan, "" if checksum is None else checksum.algorithm
        self._begin()

    def _begin(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksum: Hasher | None = hasher(self._algorithm) if self._algorithm else None
        done = len(self.parts)
        self._left = self._plan[done].size if done < len(self._plan) else 0

    def update(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view and self._left:
            piece, view = view[: self._left], view[self._left :]
            self._md5.update(piece)
            if self._checksum is not None:
                self._checksum.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._end()

    def _end(self) -> None:
        number = len(self.parts) + 1
        value = self._checksum.b64() if self._checksum is not None else ""
        self.parts.append(PartSize(number, self._plan[number - 1].size, value))
        self.md5s.append(self._md5.digest())
        self._begin()


def _is_combined(checksum: Checksum) -> bool:
    """Whether an object in parts can have this checksum of all its bytes."""
    return checksum.kind == FULL_OBJECT and FULL_OBJECT in ALGORITHMS[checksum.algorithm].kinds
