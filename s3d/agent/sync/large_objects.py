"""Large files of a sync folder: uploads in parts, and downloads to the stage that continue.

A partial download lies on the stage under a name that its key gives, with its part map beside it.
The next attempt continues it, also after a crash.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from s3d.agent.core.client import IF_ABSENT
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.large_objects.begun_uploads import UPLOAD_AGE
from s3d.agent.large_objects.copied_parts import CopySource, copy_in_parts
from s3d.agent.large_objects.part_map import MapName
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import SourceChanged, UploadPlan
from s3d.agent.large_objects.ranged_download import MAP, PartialFile
from s3d.agent.large_objects.sparse_file import Update
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.sync.interfaces import ConcurrentChange, Content
from s3d.agent.sync.reasons import translate_errors
from s3d.shared.control import ObjectInfo

PART = ".part"
"""Ends the name of a file on the stage that is being received."""
OWNER = "sync"
"""Of the uploads: two folders never sync the same key."""


class LargeObjects:
    """The large objects below a prefix. Its methods raise S3Error, and ConcurrentChange."""

    def __init__(self, transfers: PartTransfers, bucket: str, prefix: str) -> None:
        self._transfers, self._bucket, self._prefix = transfers, bucket, prefix

    def takes(self, size: int) -> bool:
        """Whether an object of this size is moved in parts."""
        return self._transfers.takes(size)

    async def put(
        self, path: str, content: Content, attributes: ObjectAttributes, condition: str
    ) -> str:
        """The ETag of the new object. condition: the ETag to be replaced, or IF_ABSENT."""
        place = {"Bucket": self._bucket, "Key": self._prefix + path}
        parts = self._transfers.plan(content.size)
        plan = UploadPlan(place, attributes.members(), _condition(condition), parts, content.sha256)
        try:
            async with content.parts(parts) as source:
                answer = await self._transfers.upload(OWNER, plan, source, _count_nothing)
        except SourceChanged as error:
            raise ConcurrentChange from error
        except S3Error as error:
            if error.code == "BadDigest":  # The file has other bytes than were hashed.
                raise ConcurrentChange from error
            raise
        return str(answer["ETag"])

    async def copy(self, source: str, etag: str, size: int, path: str) -> None:
        """Copy an object of over 5 GiB to a path that is free."""
        place = {"Bucket": self._bucket, "Key": self._prefix + path}
        version = CopySource(self._bucket, self._prefix + source, size, etag)
        await copy_in_parts(
            self._transfers, OWNER, version, place,
            condition=_condition(IF_ABSENT), moved=_count_nothing, client=self._transfers.client,
        )  # fmt: skip

    async def get(self, path: str, etag: str) -> tuple[ObjectInfo, ObjectVersion]:
        """The object with its metadata. Raises ConcurrentChange when it is another one, or gone."""
        info = await self._transfers.client.head(self._bucket, self._prefix + path)
        if info is None or info.etag != etag:
            raise ConcurrentChange
        return info, ObjectVersion(self._transfers, info)


class ObjectVersion(NamedTuple):
    """One version of a large object, to be received in parts."""

    transfers: PartTransfers
    info: ObjectInfo

    @property
    def name(self) -> str:
        """Of the partial file on the stage."""
        place = f"{self.info.bucket}/{self.info.key}"
        return hashlib.sha256(place.encode()).hexdigest()[:32] + PART

    async def download(self, name: MapName, also: Update) -> PartialFile:
        """See interfaces.LargeObject."""
        with translate_errors():
            return await self.transfers.download(name, self.info, _count_nothing, [also])

    async def aclose(self) -> None:
        """Nothing is open."""


def sweep_partial(names: Iterable[str], stage: int) -> list[str]:
    """Remove what cannot be continued from the stage; the names of the files that are complete.

    stage: the open folder. A download is continued for a week, as an upload is.
    """
    found = set(names)
    for name in sorted(found):
        if name.endswith(PART) and not (name + MAP in found and _is_recent(name, stage)):
            _unlink(name, stage)
            found.discard(name)
    for name in sorted(found):
        if name.endswith(PART + MAP) and name.removesuffix(MAP) not in found:
            _unlink(name, stage)
    return sorted(name for name in found if not name.endswith((PART, PART + MAP)))


def _is_recent(name: str, stage: int) -> bool:
    return os.stat(name, dir_fd=stage).st_mtime > time.time() - UPLOAD_AGE


def _unlink(name: str, stage: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=stage)


def _condition(etag: str) -> Members:
    return {"IfNoneMatch": "*"} if etag == IF_ABSENT else {"IfMatch": etag}


def _count_nothing(size: int) -> None:
    """A folder counts what it has moved when a path is done."""
