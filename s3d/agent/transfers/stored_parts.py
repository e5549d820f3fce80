"""An object in parts as the source of an upload with the same parts, so that the ETag stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.store import ObjectStore
from s3d.agent.large_objects.part_upload import Moved
from s3d.agent.s3.messages import Body, Members
from s3d.agent.s3.part_sizes import PartSpan


class StoredParts:
    """The parts of one version of an object. Raises PreconditionFailed when it is replaced."""

    def __init__(self, store: ObjectStore, place: Members, etag: str) -> None:
        self._client = S3Client(store)
        self._version = place | {"IfMatch": etag}

    async def spans(self, count: int) -> list[PartSpan]:
        """Their sizes, each of which may be another one."""
        spans, start = [], 0
        for number in range(1, count + 1):
            members = self._version | {"PartNumber": number}
            size = int((await self._client.output("HeadObject", members))["ContentLength"])
            spans.append(PartSpan(number, start, size))
            start += size
        return spans

    async def has_sent(self, part: PartSpan, etag: str) -> bool:
        """Only the part map knows: the store does not tell the MD5 of a part."""
        return False

    async def send(self, client: S3Client, members: Members, part: PartSpan, moved: Moved) -> str:
        """Read a part, and send it while it is read."""
        read = self._version | {"PartNumber": part.number}
        body = payload(await self._client.call("GetObject", read))
        sent = members | {"ContentLength": part.size}
        answer = await client.output("UploadPart", sent, _Counted(body, moved))
        return str(answer["ETag"])

    async def check(self) -> None:
        """Each part was read on the condition that the object is the same."""


class _Counted:
    """A body that reports what was read of it."""

    def __init__(self, body: Body, moved: Moved) -> None:
        self.size = body.size
        self._body, self._moved = body, moved

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk
            self._moved(len(chunk))

    async def aclose(self) -> None:
        await self._body.aclose()
