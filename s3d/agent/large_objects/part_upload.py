"""One upload in parts, which continues after a crash where it was.

1. The part map is begun, then CreateMultipartUpload; the upload id becomes its part 0.
2. Parts are sent, some at a time. Each that the store acknowledges enters the map with its ETag.
3. The source is checked: an object never has bytes of two versions of a file.
4. CompleteMultipartUpload, with the condition of the write. The map is removed.

After a crash ListParts says what the store has. A part counts as sent when its ETag is that of the
map, or of the bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.jobs import first_error
from s3d.agent.large_objects.begun_uploads import discard, list_parts
from s3d.agent.large_objects.part_map import MapName, PartMap
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import PartSpan

CONCURRENT_PARTS = 4
"""Parts that an owner moves at the same time, of all its objects."""
_UPLOAD = 0
"""The number in the map that has the upload id."""
_PASSING = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)

Moved = Callable[[int], None]
"""Called with the number of further bytes that were moved."""


class SourceChanged(Exception):
    """The bytes have changed since the upload was begun."""


class UploadSource(Protocol):
    """Where the parts of an upload come from."""

    async def has_sent(self, part: PartSpan, etag: str) -> bool:
        """Whether this is the ETag of the bytes of a part. Raises SourceChanged."""

    async def send(self, client: S3Client, members: Members, part: PartSpan, moved: Moved) -> str:
        """Send a part; its ETag. members: place, upload id and number. Raises SourceChanged;
        S3Error."""

    async def check(self) -> None:
        """Raises SourceChanged when the bytes are not those that were sent."""


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """What becomes of the parts."""

    place: Members
    """Bucket and Key."""
    attributes: Members
    """Further members of CreateMultipartUpload."""
    condition: Members
    """Further members of CompleteMultipartUpload."""
    parts: Sequence[PartSpan]
    version: str
    """Identifies the bytes: of another version no part is used."""

    @property
    def fingerprint(self) -> str:
        size = self.parts[0].size if self.parts else 0
        text = repr((sorted(self.attributes.items()), self.version, len(self.parts), size))
        return hashlib.sha256(text.encode()).hexdigest()


class PartUpload:
    """One upload, to be run once. slots: how many parts of all uploads are sent at a time."""

    def __init__(
        self,
        plan: UploadPlan,
        source: UploadSource,
        *,
        client: S3Client,
        map_name: MapName,
        slots: asyncio.Semaphore,
        moved: Moved,
    ) -> None:
        self._plan, self._source, self._client = plan, source, client
        self._map_name, self._slots, self._moved = map_name, slots, moved
        self._existing: dict[int, Members] = {}
        """Parts that the store had at the start, by number."""
        self._etags: dict[int, str] = {}

    async def run(self) -> Members:
        """The answer of CompleteMultipartUpload.

        After a temporary failure, or when it is cancelled, the next run() with the same map
        continues. Raises SourceChanged and other failures of S3 after the upload was aborted.
        """
        part_map = await self._resume() or await self._begin()
        try:
            try:
                await self._send_all(part_map)
                await self._source.check()
                answer = await self._complete(part_map)
            except (S3Error, SourceChanged) as error:
                if isinstance(error, SourceChanged) or classify(error) not in _PASSING:
                    await discard(self._client, part_map)
                raise
            part_map.remove()
            return answer
        finally:
            part_map.close()

    async def _resume(self) -> PartMap | None:
        """The map of an earlier run that can be continued; any other upload is aborted."""
        found = await asyncio.to_thread(PartMap.read, self._map_name)
        if found is None:
            return None
        upload_id = found.parts.get(_UPLOAD)
        try:
            if upload_id and found.header.get("fingerprint") == self._plan.fingerprint:
                self._existing = await list_parts(self._client, self._named(found))
                return found
        except S3Error as error:
            if error.status != 404:
                raise
        try:
            await discard(self._client, found)
        finally:
            found.close()
        return None

    async def _begin(self) -> PartMap:
        header = {"fingerprint": self._plan.fingerprint, "begun": time.time(), **self._plan.place}
        part_map = await asyncio.to_thread(PartMap.begin, self._map_name, header)
        try:
            members = self._plan.place | self._plan.attributes
            answer = await self._client.output("CreateMultipartUpload", members)
            failpoint.hit("upload.created")
            part_map.add(_UPLOAD, str(answer["UploadId"]))
        except BaseException:
            part_map.close()
            raise
        return part_map

    def _named(self, part_map: PartMap) -> Members:
        return self._plan.place | {"UploadId": part_map.parts[_UPLOAD]}

    async def _send_all(self, part_map: PartMap) -> None:
        waiting = iter(self._plan.parts)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(min(CONCURRENT_PARTS, len(self._plan.parts))):
                    work = self._work(waiting, part_map)
                    tasks.create_task(work, name=f"upload parts {number}")
        except ExceptionGroup as group:
            error = first_error(group)
            raise error from error.__cause__

    async def _work(self, waiting: Iterator[PartSpan], part_map: PartMap) -> None:
        for part in waiting:
            async with self._slots:
                self._etags[part.number] = await self._existing_etag(
                    part, part_map
                ) or await self._send(part, part_map)

    async def _existing_etag(self, part: PartSpan, part_map: PartMap) -> str:
        """The ETag of a part that the store has already; "" when it must be sent."""
        known = self._existing.get(part.number, {})
        etag = str(known.get("ETag", ""))
        if not etag or known.get("Size") != part.size:
            return ""
        is_noted = same_etag(part_map.parts.get(part.number, ""), etag)
        if not is_noted and not await self._source.has_sent(part, etag):
            return ""
        self._moved(part.size)
        return etag

    async def _send(self, part: PartSpan, part_map: PartMap) -> str:
        members = self._named(part_map) | {"PartNumber": part.number}
        etag = await self._source.send(self._client, members, part, self._moved)
        failpoint.hit("upload.after_part")
        part_map.add(part.number, etag)
        return etag

    async def _complete(self, part_map: PartMap) -> Members:
        numbers = (part.number for part in self._plan.parts)
        parts = [{"PartNumber": number, "ETag": self._etags[number]} for number in numbers]
        members = self._named(part_map) | self._plan.condition
        members["MultipartUpload"] = {"Parts": parts}
        failpoint.hit("upload.before_complete")
        answer = await self._client.output("CompleteMultipartUpload", members)
        failpoint.hit("upload.after_complete")
        return answer
