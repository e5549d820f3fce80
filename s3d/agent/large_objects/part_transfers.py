"""Uploads and downloads of large objects, as sync folders and transfers use them.

One instance belongs to one owner: its slots limit how many parts are on their way at a time, and so
the memory, whatever the number and the size of the objects.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.thread_call import in_thread
from s3d.agent.large_objects.begun_uploads import discard, sweep
from s3d.agent.large_objects.content_proof import ETAG, digest_of, find_proof
from s3d.agent.large_objects.part_map import MapName, PartMap
from s3d.agent.large_objects.part_upload import (
    CONCURRENT_PARTS,
    Moved,
    PartUpload,
    UploadPlan,
    UploadSource,
)
from s3d.agent.large_objects.ranged_download import MAP, PartialFile, RangedObject
from s3d.agent.large_objects.sparse_file import Update
from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import quoted, unquoted
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import DEFAULT_PART, PartPlan, is_in_parts, plan_parts
from s3d.shared.control import ObjectInfo
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

_MAX_DOUBTS = 1_000


class PartTransfers:
    """Moves objects in parts. Belongs to the loop."""

    def __init__(self, client: S3Client, folder: Path, part_size: int = DEFAULT_PART) -> None:
        """folder: of the maps of uploads; it is created. part_size: bytes, the smallest one."""
        self.client = client
        self._folder, self.part_size = folder, part_size
        self._slots = asyncio.Semaphore(CONCURRENT_PARTS)
        self._doubts: dict[tuple[str, str, str], str] = {}
        """Bucket, key and ETag -> the digest of bytes that do not match the ETag."""

    def takes(self, size: int) -> bool:
        """Whether an object of this size is moved in parts."""
        return is_in_parts(size, self.part_size)

    def plan(self, size: int) -> PartPlan:
        """The parts of an object. Raises EntityTooLarge."""
        return plan_parts(size, self.part_size)

    async def upload(
        self, owner: str, plan: UploadPlan, source: UploadSource, moved: Moved,
        *, client: S3Client | None = None,
    ) -> Members:  # fmt: skip
        """The answer of CompleteMultipartUpload; see PartUpload.run.

        owner: of two owners, such as two transfers, each has its own upload to a key. client: in
        place of the one for all.
        """
        await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)
        upload = PartUpload(
            plan,
            source,
            client=client or self.client,
            map_name=self._map_name(owner, plan.place),
            slots=self._slots,
            moved=moved,
        )
        return await upload.run()

    async def expected_etag(self, owner: str, plan: UploadPlan) -> str:
        """The ETag that the store gives to this upload if it completes it; "" while parts are
        missing. For an upload whose completion has no known end."""
        part_map = await asyncio.to_thread(PartMap.read, self._map_name(owner, plan.place))
        if part_map is None:
            return ""
        part_map.close()
        if part_map.header.get("fingerprint") != plan.fingerprint:
            return ""
        etags = [unquoted(part_map.parts.get(part.number, "")) for part in plan.parts]
        try:
            return quoted(multipart_etag([_digest(etag) for etag in etags]))
        except ValueError:
            return ""

    async def abandon(self, owner: str, place: Members) -> None:
        """Abort the upload of an owner to a key, if there is one."""
        part_map = await asyncio.to_thread(PartMap.read, self._map_name(owner, place))
        if part_map is not None:
            try:
                await discard(self.client, part_map)
            finally:
                part_map.close()

    def _map_name(self, owner: str, place: Members) -> MapName:
        text = "\0".join((owner, str(place["Bucket"]), str(place["Key"])))
        return MapName(str(self._folder / (hashlib.sha256(text.encode()).hexdigest()[:32] + MAP)))

    async def abort_old_uploads(self) -> int:
        """Abort the uploads that nobody has continued for a week; how many."""
        return await sweep(self.client, self._folder)

    async def download(
        self, name: MapName, info: ObjectInfo, moved: Moved, also: Sequence[Update] = ()
    ) -> PartialFile:
        """A complete and verified file; the caller gives it its place, and closes it.

        also: hashers that take its bytes. Raises PreconditionFailed when the object has been
        replaced, BadDigest when the bytes are wrong; after any other failure the next call
        continues.
        """
        source = RangedObject(self.client, info, self.plan(info.size))
        file = await in_thread(partial(PartialFile.open, name, source), undo=PartialFile.close)
        try:
            await file.fetch(source, self._slots, moved)
            await self._verify(file, info, also)
        except BaseException as error:
            file.close()
            if isinstance(error, S3Error) and error.code in ("PreconditionFailed", "BadDigest"):
                file.discard()
            raise
        return file

    async def _verify(self, file: PartialFile, info: ObjectInfo, also: Sequence[Update]) -> None:
        """Raises BadDigest. The same mismatch of an ETag twice shows that it is no digest."""
        proof = await find_proof(self.client, info.bucket, info.key, info.etag)
        digest = await digest_of(file.fd, info.size, proof, also)
        if digest == proof.value:
            return
        doubt = (info.bucket, info.key, info.etag)
        if proof.algorithm == ETAG and digest is not None and self._doubts.get(doubt) == digest:
            return
        if len(self._doubts) >= _MAX_DOUBTS:
            self._doubts.clear()
        self._doubts[doubt] = digest or ""
        fields = log_fields(bucket=info.bucket, key=info.key)
        logger.warning("a download differs from the object's %s", proof.algorithm, extra=fields)
        raise S3Error("BadDigest", f"The downloaded bytes do not match the {proof.algorithm}.")


def _digest(etag: str) -> bytes:
    """Raises ValueError for an ETag that is not an MD5."""
    digest = bytes.fromhex(etag)
    if len(digest) != 16:
        raise ValueError(etag)
    return digest
