"""A multipart object on its way: begun, gone on with, finished, and never left lying about.

Before an upload is begun, the journal says that one is about to be, and then which one it is. So
after a crash it goes on; and one whose id was lost, in a crash or with an answer, is looked for and
aborted. https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.pending import RemoteUpload
from s3d.agent.stores.write_queue.push_plan import Multipart, Part
from s3d.agent.stores.write_queue.remote_calls import BodyOf, staged
from s3d.agent.stores.write_queue.staged_body import StagedDataCorrupt, Throttle, md5_of, ready
from s3d.agent.stores.write_queue.verify_push import same_etag
from s3d.shared.config.values import ConflictPolicy

AT_ONCE = 4
"""Parts of one object that are under way at the same time."""
SAVE = 5.0
"""Seconds between two notes in the journal of which parts the remote has; it lists them itself."""
STRAY = 60.0
"""Seconds around the beginning of an upload of ours in which its like is taken for it."""

Save = Callable[[RemoteUpload | None], Awaitable[None]]
"""Notes in the journal how far a push has come."""


Adopt = Callable[[str, str, str, Stored], Awaitable[None]]
"""Bucket, key, the remote's ETag, and what was pushed. Never fails."""


Rules = Callable[[str, str, Stored], Awaitable[str]]
"""Bucket, key and what is to be pushed: why it is held, "" when it may go. Raises S3Error."""


class ConditionSupport(NamedTuple):
    """Whose conditions a bucket of the remote judges."""

    put: bool = True
    complete: bool = True
    delete: bool = True


@dataclass(frozen=True, slots=True)
class Means:
    """What pushes work with."""

    inner: ObjectStore
    body_of: BodyOf
    throttle: Throttle
    clock: Clock
    adopt: Adopt | None = None
    """Told of a write that the remote has now, while its bytes are still here."""
    rules: Rules | None = None
    """Asked before an object is pushed; None: all are."""
    judged: Callable[[str], ConditionSupport | None] = lambda bucket: ConditionSupport()
    """What the remote judges in a bucket; None: it is not known, which counts as nothing."""
    learn: Callable[[str], Awaitable[None]] | None = None
    """Has it found out, if that is possible just now."""
    policy: Callable[[str, str], ConflictPolicy] = lambda bucket, key: ConflictPolicy.PARK
    """What happens to a write of a key that the remote has overtaken."""
    clock_offset: Callable[[], float] = lambda: 0.0
    """Seconds that the remote's clock is ahead of ours."""


class Parts:
    """One object in parts."""

    def __init__(
        self, means: Means, plan: Multipart, save: Save, moved: Callable[[int], None]
    ) -> None:
        self._means = means
        self._plan = plan
        self._save = save
        self._moved = moved
        self._upload = RemoteUpload("")
        self._there: dict[int, Members] = {}
        self._md5s: dict[int, bytes] = {}
        self._done: list[Members] = []
        self._saved = means.clock.steady()

    async def push(self, upload: RemoteUpload | None) -> Members:
        """The answer of CompleteMultipartUpload. upload: how far an earlier push has come.

        Raises S3Error, and StagedDataCorrupt before the object exists at the remote.
        """
        if upload is not None and upload.upload_id and upload.made_as == self._plan.made_as:
            self._upload = upload
            self._there = await self._list()
        else:
            if upload is not None:
                await self._give_up(upload)
            await self._begin()
        waiting = iter(self._plan.parts)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(min(AT_ONCE, len(self._plan.parts))):
                    tasks.create_task(self._work(waiting), name=f"queue parts {number}")
        except ExceptionGroup as group:
            error = group.exceptions[0]
            raise error from error.__cause__  # which tells what kind of failure it is
        return await self._complete()

    @property
    def _place(self) -> Members:
        return {name: self._plan.create[name] for name in ("Bucket", "Key")}

    async def _begin(self) -> None:
        begun = self._means.clock.now()
        await self._save(RemoteUpload("", begun=begun))
        failpoint.hit("queue.before_create")
        answer = await S3Client(self._means.inner).output(
            "CreateMultipartUpload", self._plan.create
        )
        failpoint.hit("queue.after_create")
        self._upload = RemoteUpload(
            _said(answer, "UploadId"), begun=begun, made_as=self._plan.made_as
        )
        await self._save(self._upload)
        failpoint.hit("queue.created")

    async def _list(self) -> dict[int, Members]:
        """The parts that the remote has, by number."""
        found: dict[int, Members] = {}
        request = self._place | {"UploadId": self._upload.upload_id}
        while True:
            page = await S3Client(self._means.inner).output("ListParts", request)
            found |= {part["PartNumber"]: part for part in page.get("Parts") or ()}
            last, marker = request.get("PartNumberMarker", 0), page.get("NextPartNumberMarker", 0)
            if not page.get("IsTruncated") or marker <= last:
                return found
            request["PartNumberMarker"] = marker

    async def _work(self, waiting: Iterator[Part]) -> None:
        for part in waiting:
            await self._push(part)

    async def _push(self, part: Part) -> None:
        """Send a part, unless the remote has it already."""
        md5 = await md5_of(staged(self._means.body_of, part.layout))
        self._md5s[part.number] = md5
        etag = self._kept(part, md5)
        if etag:
            self._moved(part.size)
        else:
            etag = await self._send(part, md5)
        self._upload.parts[part.number] = etag
        self._done.append({"PartNumber": part.number, "ETag": etag, **part.checksum})
        await self._note()

    def _kept(self, part: Part, md5: bytes) -> str:
        """The ETag of a part that the remote has; of its own making if we have noted it."""
        known = self._there.get(part.number, {})
        etag = str(known.get("ETag", ""))
        ours = same_etag(etag, md5.hex()) or same_etag(
            etag, self._upload.parts.get(part.number, "")
        )
        return etag if ours and known.get("Size") == part.size else ""

    async def _send(self, part: Part, md5: bytes) -> str:
        means = self._means
        members = self._place | {
            "UploadId": self._upload.upload_id,
            "PartNumber": part.number,
            "ContentLength": part.size,
            "ContentMD5": base64.b64encode(md5).decode(),
            **part.checksum,
        }
        body = await ready(staged(means.body_of, part.layout), md5, means.throttle, self._moved)
        failpoint.hit("queue.before_part")
        answer = await S3Client(means.inner).output("UploadPart", members, body)
        failpoint.hit("queue.after_part")
        return _said(answer, "ETag")

    async def _note(self) -> None:
        now = self._means.clock.steady()
        if now - self._saved >= SAVE:
            self._saved = now
            await self._save(self._upload)

    async def _complete(self) -> Members:
        md5s = [self._md5s[part.number] for part in self._plan.parts]
        if not same_etag(multipart_etag(md5s), self._plan.etag):
            raise StagedDataCorrupt("the staged parts are not those that were accepted")
        parts = sorted(self._done, key=lambda part: int(part["PartNumber"]))
        members = self._plan.complete | {
            "UploadId": self._upload.upload_id,
            "MultipartUpload": {"Parts": parts},
        }
        failpoint.hit("queue.before_complete")
        answer = await S3Client(self._means.inner).output("CompleteMultipartUpload", members)
        failpoint.hit("queue.after_complete")
        return answer

    async def _give_up(self, upload: RemoteUpload) -> None:
        """Abort an upload that cannot be gone on with."""
        inner, place = self._means.inner, self._place
        known = [upload.upload_id] if upload.upload_id else await strays(inner, place, upload.begun)
        for upload_id in known:
            await abort(inner, place | {"UploadId": upload_id})


async def strays(inner: ObjectStore, place: Members, begun: float) -> list[str]:
    """Ids of what we may have begun without ever hearing which: of this key and time, and empty.

    place: Bucket and Key. Raises S3Error.
    """
    found = []
    wanted = {"Bucket": place["Bucket"], "Prefix": place["Key"]}
    page = await S3Client(inner).output("ListMultipartUploads", wanted)
    for upload in page.get("Uploads") or ():
        if upload["Key"] == place["Key"] and _at(upload, begun):
            about = place | {"UploadId": upload["UploadId"], "MaxParts": 1}
            if not (await S3Client(inner).output("ListParts", about)).get("Parts"):
                found.append(str(upload["UploadId"]))
    return found


async def abort(inner: ObjectStore, members: Members) -> None:
    """Abort an upload that may be gone already. Raises S3Error."""
    try:
        await S3Client(inner).output("AbortMultipartUpload", members)
    except S3Error as error:
        if error.code not in ("NoSuchUpload", "NoSuchBucket", "NoSuchKey"):
            raise


def _said(answer: Members, name: str) -> str:
    """A member that every such answer has. Raises S3Error for an answer that is none."""
    if not answer.get(name):
        raise S3Error("InternalError", f"The remote's answer makes no sense: it has no {name}.")
    return str(answer[name])


def _at(upload: dict[str, Any], begun: float) -> bool:
    return bool(abs(upload["Initiated"].timestamp() - begun) <= STRAY)
