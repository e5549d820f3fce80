"""How a large object that was changed in places becomes a new version without its other bytes.

1. Its parts are planned (patch_plan.py), and those with written bytes are hashed.
2. -> loop: a multipart upload at the remote itself, or of the embedded store. UploadPartCopy takes
   the parts that have not changed from the old version, on the condition that it is still there.
3. CompleteMultipartUpload replaces that version only. After a crash the upload goes on where it
   was; an upload that was completed before the crash is recognised by its ETag.

A store that cannot do this gets the whole object, as of any other file.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify, is_remote_failing
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.hand_over import ObjectName, Written
from s3d.agent.frontends.fuse.patch_plan import PatchPlan, plan_patch
from s3d.agent.frontends.fuse.staged_file import FrozenFile
from s3d.agent.frontends.fuse.staging_journal import UPLOADS
from s3d.agent.large_objects.copied_parts import CopiedParts, CopySource
from s3d.agent.large_objects.file_source import FileSource
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import Moved, UploadPlan
from s3d.agent.large_objects.sparse_file import md5_between
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import PartSpan

_OWNER = "mount"
_TEMPORARY = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)
_MAX_FAILURES = 3
"""Failures of the remote itself that may pass, of a bucket, until it counts as one that cannot."""
_VERSION_STATUSES = frozenset((404, 409, 412))
"""Refusals that are about the version, and not about what the store can do."""

MayPatch = Callable[[ObjectName, Mapping[str, str]], Awaitable[bool]]
"""Name and tags of an object -> whether it may go to the store in this way now."""


async def always_patch(place: ObjectName, tags: Mapping[str, str]) -> bool:
    """A MayPatch: nothing is in the way."""
    return True


class NotPatched(OSError):
    """The store does not make this version from parts of the old one; it may take all of it."""


class ObjectPatcher:
    """Belongs to the loop."""

    def __init__(
        self, store: ObjectStore, folder: Path, may_patch: MayPatch = always_patch
    ) -> None:
        """store: the top of the stack. folder: of the staging files."""
        client = S3Client(store, bypass_queue=True)
        self._transfers = PartTransfers(client, folder / UPLOADS)
        self._client = client
        self._may_patch = may_patch
        self._refused: set[str] = set()
        """Buckets whose store has refused."""
        self._failures: Counter[str] = Counter()

    async def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        """Whether patch() is worth a try."""
        return place.bucket not in self._refused and await self._may_patch(place, tags)

    async def patch(
        self, place: ObjectName, file: FrozenFile, attributes: ObjectAttributes, replaces: str
    ) -> Written:
        """Store a file that has holes. replaces: the ETag of the version that its rest is of.

        The file may be removed afterwards. Raises NotPatched, and S3Error for what may pass: the
        next call continues.
        """
        fd = await asyncio.to_thread(os.open, file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return await self._patch(place, fd, file, attributes, replaces)
        except S3Error as error:
            if self._may_pass(place.bucket, error):
                raise
            if error.status not in _VERSION_STATUSES:
                self._refused.add(place.bucket)
            raise NotPatched(errno.ENOTSUP, str(error)) from error
        finally:
            os.close(fd)

    async def abandon(self, place: ObjectName) -> None:
        """The object was removed: abort its upload."""
        await self._transfers.abandon(_OWNER, _members(place))

    async def sweep(self) -> None:
        """Abort the uploads that nobody has continued for a week."""
        with suppress(S3Error):
            await self._transfers.abort_old_uploads()

    def _may_pass(self, bucket: str, error: S3Error) -> bool:
        self._failures[bucket] += is_remote_failing(error)
        return classify(error) in _TEMPORARY and self._failures[bucket] < _MAX_FAILURES

    async def _patch(
        self,
        place: ObjectName,
        fd: int,
        file: FrozenFile,
        attributes: ObjectAttributes,
        replaces: str,
    ) -> Written:
        parts = plan_patch(file.size, file.missing)
        md5s = await asyncio.to_thread(_hash, fd, parts)
        source = PatchedParts(
            parts,
            FileSource(fd, parts.parts, md5s=md5s),
            CopiedParts(CopySource(*place, file.size, replaces)),
        )
        plan = UploadPlan(
            _members(place),
            attributes.members(),
            {"IfMatch": replaces},
            parts.parts,
            _version(replaces, md5s),
        )
        etag = await self._completed(place, plan)
        if not etag:
            answer = await self._transfers.upload(_OWNER, plan, source, _ignore)
            etag = str(answer["ETag"])
        return Written(place.key, etag)

    async def _completed(self, place: ObjectName, plan: UploadPlan) -> str:
        """The ETag, if an earlier run has completed this upload; otherwise ""."""
        expected = await self._transfers.expected_etag(_OWNER, plan)
        if expected:
            current = await self._client.head(*place)
            if current is not None and current.etag == expected:
                await self.abandon(place)
                return expected
        return ""


class PatchedParts:
    """An UploadSource: parts of a file, and of the object that it was made from."""

    def __init__(self, plan: PatchPlan, sent: FileSource, copied: CopiedParts) -> None:
        self._plan, self._sent, self._copied = plan, sent, copied

    async def has_sent(self, part: PartSpan, etag: str) -> bool:
        return part.number not in self._plan.copied and await self._sent.has_sent(part, etag)

    async def send(self, client: S3Client, members: Members, part: PartSpan, moved: Moved) -> str:
        source = self._copied if part.number in self._plan.copied else self._sent
        return await source.send(client, members, part, moved)

    async def check(self) -> None:
        """A frozen file does not change, but for what is fetched into its holes."""


def _members(place: ObjectName) -> Members:
    return {"Bucket": place.bucket, "Key": place.key}


def _hash(fd: int, plan: PatchPlan) -> Mapping[int, bytes]:
    """The MD5 of the parts that are sent, by number."""
    found = {part.number: md5_between(fd, part.start, part.stop) for part in plan.sent()}
    return {number: digest for number, digest in found.items() if digest is not None}


def _version(replaces: str, md5s: Mapping[int, bytes]) -> str:
    """Identifies the bytes: the old version, and what is sent."""
    sent = "".join(f"{number}:{digest.hex()}," for number, digest in sorted(md5s.items()))
    return f"{replaces} {hashlib.sha256(sent.encode()).hexdigest()}"


def _ignore(moved: int) -> None:
    """Nobody is shown how far an upload is."""
