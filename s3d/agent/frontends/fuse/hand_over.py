"""How a file that was written in the mount becomes an object: safe when write_object() returns.

The store takes the file by a hard link, so nothing may change it from then on. It was written on
top of one version of its object, and replaces no other one: S3's If-Match says so to the
embedded store, RequestContext.replaces to the write queue, whose push has the condition. What
another writer has stored meanwhile stays, and ours appears beside it as a conflict copy.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cachetools import LRUCache

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.core.context import background_context, with_timeout
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.path_names import conflict_key
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Body, BytesBody, Members, MountHints, RequestContext
from s3d.agent.storage.adopted_file import AdoptableFile
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

MAX_PUT = 5 << 30
"""Bytes of the largest PutObject. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
PART = 1 << 30
"""Bytes of a part of what is larger."""
_LIMIT = 4.5
"""Seconds that a store may take; a call of the mount may take half a second more."""
_SIZE_PER_SECOND = 100 << 20
"""Bytes that a store must be able to read and hash in a second; large files get more time."""
_REPLACED = frozenset(("PreconditionFailed", "ConditionalRequestConflict"))
_READ = 1 << 20
_MAX_UNSURE = 1_000
"""Files of which it is remembered."""


class ObjectName(NamedTuple):
    """The bucket and the key of an object."""

    bucket: str
    key: str


class Written(NamedTuple):
    """An object that was stored."""

    key: str
    """Another one than was asked for when it became a conflict copy."""
    etag: str


class ObjectWriter:
    """Stores files. Belongs to the loop."""

    def __init__(
        self, store: ObjectStore, *, new_conflict_key: Callable[[str], str] = conflict_key
    ) -> None:
        """store: the top of the stack."""
        self._store = store
        self._new_conflict_key = new_conflict_key
        self._unsure: LRUCache[ObjectName, set[str]] = LRUCache(_MAX_UNSURE)
        """The ETags of small files that a store may have although it has not answered."""

    async def write_object(
        self,
        place: ObjectName,
        file: AdoptableFile,
        attributes: ObjectAttributes,
        replaces: str,
        *,
        syncs_later: bool = False,
    ) -> Written:
        """Store the file, which must not change any more. It may be removed afterwards.

        replaces: the ETag of the object that the file was made from; "" for a new file.
        syncs_later: see MountHints. Raises S3Error, TimeoutError; the file may have been linked
        even then.
        """
        put = partial(self._put, file=file, attributes=attributes, syncs_later=syncs_later)
        states = [replaces, ""]
        while states:
            state = states.pop(0)
            try:
                return Written(place.key, await put(place, replaces=state))
            except S3Error as error:
                if error.code not in _REPLACED and not (error.code == "NoSuchKey" and state):
                    raise
            current = await S3Client(self._store, self._context(file.size)).head(*place)
            if current is not None:
                if same_etag(current.etag, await asyncio.to_thread(_md5_of, file)):
                    return Written(place.key, current.etag)  # it was stored before a crash
                states = [current.etag] if self._was_written(place, current.etag) else []
        copy = place._replace(key=self._new_conflict_key(place.key))
        logger.warning(
            "another writer has changed this object meanwhile; what the mount wrote is now %s",
            copy.key, extra=log_fields(bucket=place.bucket, key=place.key),
        )  # fmt: skip
        return Written(copy.key, await put(copy, replaces=""))

    def _was_written(self, place: ObjectName, etag: str) -> bool:
        """Whether a version is an earlier one of ours, whose answer did not come. Says so once."""
        unsure = self._unsure.get(place, set())
        ours = {each for each in unsure if same_etag(etag, each)}
        unsure -= ours
        return bool(ours)

    async def _put(
        self,
        place: ObjectName,
        *,
        file: AdoptableFile,
        attributes: ObjectAttributes,
        replaces: str,
        syncs_later: bool,
    ) -> str:
        hints = MountHints(syncs_later=syncs_later)
        context = self._context(file.size).derive(replaces=replaces, mount=hints)
        client = S3Client(self._store, context)
        if file.size > MAX_PUT:
            return await _upload_parts(client, place, file, attributes, replaces)
        body: Body = file if file.size else BytesBody(b"")
        try:
            etag, _ = await client.store(*place, body, attributes, if_match=replaces or IF_ABSENT)
        except BaseException as error:
            was_refused = isinstance(error, S3Error) and error.code in _REPLACED
            if not was_refused and file.data is not None:
                self._unsure.setdefault(place, set()).add(_md5_of(file))
            raise
        self._unsure.pop(place, None)
        return etag

    def _context(self, size: int) -> RequestContext:
        return with_timeout(background_context(), time_limit(size))


def time_limit(size: int) -> float:
    """Seconds that a request of write_object() may take, for so many bytes."""
    return _LIMIT + size / _SIZE_PER_SECOND


async def _upload_parts(
    client: S3Client,
    place: ObjectName,
    file: AdoptableFile,
    attributes: ObjectAttributes,
    replaces: str,
) -> str:
    """Store a file that is too large for one PutObject; the ETag."""
    of_object: Members = {"Bucket": place.bucket, "Key": place.key}
    created = await client.output("CreateMultipartUpload", of_object | attributes.members())
    upload = of_object | {"UploadId": created["UploadId"]}
    try:
        parts = []
        for number, start in enumerate(range(0, file.size, PART), 1):
            hashed = None if start else file.hashed
            size = min(PART, file.size - start)
            body = AdoptableFile(file.path, size, start=start, hashed=hashed)
            part = upload | {"PartNumber": number, "ContentLength": body.size}
            answer = await client.output("UploadPart", part, body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": IF_ABSENT}
        complete = upload | condition | {"MultipartUpload": {"Parts": parts}}
        return str((await client.output("CompleteMultipartUpload", complete))["ETag"])
    except BaseException:
        await client.output("AbortMultipartUpload", upload)
        raise


def _md5_of(file: AdoptableFile) -> str:
    md5 = hashlib.md5(file.data or b"", usedforsecurity=False)
    if file.data is None:
        with file.path.open("rb", buffering=0) as opened:
            while data := opened.read(_READ):
                md5.update(data)
    return md5.hexdigest()
