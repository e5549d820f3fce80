"""One probe: small requests that show what a remote really does, whatever its documentation says.

Servers that ignore a condition respond 200, so each condition is tried where it must fail, and the
object is read afterwards. A probe takes about thirty small requests, needs the permissions to put,
get and delete, and deletes what it has written, and what an interrupted probe has left before.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Refused, classify
from s3d.agent.core.path_names import PROBE, is_probe_key, new_probe_key
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.checksums import ALGORITHMS
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import SAMPLE, order_of_sample
from s3d.agent.s3.messages import BytesBody, Members
from s3d.agent.stores.remote.capabilities import PROBED_CHECKSUMS, Observations

FOLDER = ".s3d/"
"""Prefix of all keys of probes."""
RACERS = 4
"""Concurrent writers of one key, of which one may succeed."""
LEFT_AFTER = 3600.0
"""Seconds after which an object of a probe counts as left behind. A probe takes a few seconds, and
another agent may be running one."""
WRONG_ETAG = '"00000000000000000000000000000000"'

_FIRST, _SECOND = b"first", b"second"


_NO_LOCK = frozenset(("NotImplemented", "ObjectLockConfigurationNotFoundError"))


async def probe(
    store: ObjectStore, bucket: str, *, prefix: str = "", key: str = ""
) -> Observations:
    """Run one probe. key: from new_probe_key(). Raises S3Error when the remote is unreachable, or
    refuses the credentials or the probe: then nothing is known."""
    attempt = _Attempt(store, bucket, key or new_probe_key(prefix))
    attempt.seen.versioning = await versioning_of(store, bucket)
    try:
        await attempt.conditions_of_put()
        await attempt.conditions_of_others()
        await attempt.race()
        await attempt.checksums()
        attempt.seen.listing_order = await attempt.listing_order()
        attempt.seen.encryption = await attempt.encryption()
        await attempt.remove_left_behind()
    finally:
        await attempt.clean_up()
    return attempt.seen


async def remove_probe(store: ObjectStore, bucket: str, key: str) -> None:
    """Delete the objects of a probe that was interrupted. key: the prefix of its keys.

    Raises S3Error.
    """
    attempt = _Attempt(store, bucket, key)
    attempt.seen.versioning = await versioning_of(store, bucket)
    for upload in await _uploads_below(store, bucket, key):
        members = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        await _call(store, "AbortMultipartUpload", bucket, **members)
    listed = await _call(store, "ListObjectsV2", bucket, Prefix=key)
    for row in listed.get("Contents") or ():
        await _call(store, "DeleteObject", bucket, Key=row["Key"])
    if attempt.has_versions:
        await attempt.delete_versions()


async def _uploads_below(store: ObjectStore, bucket: str, prefix: str) -> list[Members]:
    """None where the remote refuses to list them. Raises S3Error when it is unreachable."""
    try:
        page = await _call(store, "ListMultipartUploads", bucket, Prefix=prefix)
    except S3Error as error:
        _raise_unless_refused(error)
        return []
    return list(page.get("Uploads") or ())


async def remove_left_behind(
    store: ObjectStore, bucket: str, prefix: str, *, has_versions: bool
) -> None:
    """Delete what interrupted probes of any agent have left below a prefix, from one page of a
    listing. An object of the probe that runs now shows the time of the remote. Raises S3Error."""
    name = "ListObjectVersions" if has_versions else "ListObjectsV2"
    page = await _call(store, name, bucket, Prefix=prefix)
    lists = (page.get(each) or () for each in ("Contents", "Versions", "DeleteMarkers"))
    for row in left_behind([row for rows in lists for row in rows]):
        version = {"VersionId": row["VersionId"]} if has_versions else {}
        await _call(store, "DeleteObject", bucket, Key=row["Key"], **version)


def left_behind(rows: Iterable[Members]) -> list[Members]:
    """The objects or versions that a probe has left behind, of those of a listing: they are much
    older than the newest one."""
    probes = [row for row in rows if is_probe_key(row["Key"])]
    if not probes:
        return []
    newest: datetime = max(row["LastModified"] for row in probes)
    limit = newest - timedelta(seconds=LEFT_AFTER)
    return [row for row in probes if row["LastModified"] <= limit]


async def allows_probe(store: ObjectStore, bucket: str) -> bool:
    """Whether small objects may be written to the bucket and deleted again.

    Not where an object lock may keep them, or where its configuration cannot be read. Raises
    S3Error when the remote is unreachable.
    """
    try:
        output = await _call(store, "GetObjectLockConfiguration", bucket)
    except S3Error as error:
        if classify(error) is FailureClass.DENIED:
            return False
        if error.code not in _NO_LOCK:
            _raise_unless_refused(error)
        return True
    lock = output.get("ObjectLockConfiguration") or {}
    return lock.get("ObjectLockEnabled") != "Enabled"


async def versioning_of(store: ObjectStore, bucket: str) -> str:
    """Enabled, Suspended, "" (never enabled), or unsupported by the remote. Raises S3Error."""
    try:
        output = await _call(store, "GetBucketVersioning", bucket)
    except S3Error as error:
        _raise_unless_refused(error)
        return "unsupported"
    return str(output.get("Status") or "")


async def remove_empty_folder(store: ObjectStore, bucket: str, folder: str) -> None:
    """Remove a folder that SeaweedFS keeps, and lists, after its last object is deleted.

    A DELETE of its own name removes it, once there are no folders in it. Other servers have no
    folders.

    folder: with a slash at its end. Raises S3Error.
    """
    above = await _call(
        store, "ListObjectsV2", bucket, Prefix=folder.removesuffix("/"), Delimiter="/"
    )
    inside = await _call(store, "ListObjectsV2", bucket, Prefix=folder, MaxKeys=1)
    if {"Prefix": folder} in (above.get("CommonPrefixes") or ()) and not inside.get("Contents"):
        await _remove_folders(store, bucket, folder)


async def _remove_folders(store: ObjectStore, bucket: str, folder: str) -> None:
    """Remove a folder without objects, and first the folders in it."""
    inside = await _call(store, "ListObjectsV2", bucket, Prefix=folder, Delimiter="/")
    for row in inside.get("CommonPrefixes") or ():
        await _remove_folders(store, bucket, row["Prefix"])
    await _call(store, "DeleteObject", bucket, Key=folder)


class _Attempt:
    """A probe on keys of its own."""

    def __init__(self, store: ObjectStore, bucket: str, key: str) -> None:
        self.seen = Observations({}, {}, 0)
        self._store = store
        self._bucket = bucket
        self._key = key
        self._written: dict[str, str | None] = {}
        """Every key that may exist -> its upload id, for clean_up()."""

    async def conditions_of_put(self) -> None:
        """PutObject on keys that do not exist, that exist, and that have another ETag."""
        absent = self._new_key("absent")
        await self._try("if_match_on_absent", "PutObject", absent, _FIRST, IfMatch=WRONG_ETAG)
        await self._call("PutObject", self._new_key("put"), _FIRST)
        for name, condition in _PUT_CONDITIONS.items():
            await self._try(name, "PutObject", self._named("put"), _SECOND, **condition)
            self.seen.unchanged[name] = await self._holds("put", _FIRST)
            if not self.seen.unchanged[name]:
                await self._call("PutObject", self._named("put"), _FIRST)

    async def conditions_of_others(self) -> None:
        """Delete, Complete and Copy on an object that exists."""
        key = self._named("put")
        await self._try("delete_if_match", "DeleteObject", key, IfMatch=WRONG_ETAG)
        self.seen.unchanged["delete_if_match"] = await self._holds("put", _FIRST)
        await self._call("PutObject", key, _FIRST)
        for name, condition in _PUT_CONDITIONS.items():
            await self._complete(name.replace("put", "complete"), condition)
        source = f"{self._bucket}/{self._new_key('source')}"
        await self._call("PutObject", self._named("source"), _SECOND)
        copying: Members = {"CopySource": source, "IfNoneMatch": "*"}
        await self._try("copy_if_absent", "CopyObject", key, **copying)
        self.seen.unchanged["copy_if_absent"] = await self._holds("put", _FIRST)

    async def race(self) -> None:
        """Concurrent writers of one key that does not exist."""
        key = self._new_key("race")
        async with asyncio.TaskGroup() as group:
            for number in range(RACERS):
                name = f"race_{number}"
                writing = self._try(name, "PutObject", key, b"%d" % number, IfNoneMatch="*")
                group.create_task(writing, name=f"probe {name}")
        codes = [self.seen.codes[f"race_{number}"] for number in range(RACERS)]
        self.seen.winners = codes.count("")

    async def checksums(self) -> None:
        """Each checksum with a wrong value."""
        for name in PROBED_CHECKSUMS:
            row = ALGORITHMS[name]
            wrong = base64.b64encode(bytes(row.size)).decode()
            await self._try(
                f"checksum_{name}", "PutObject", self._new_key("sum"), _FIRST, **{row.member: wrong}
            )
        wrong = base64.b64encode(hashlib.md5(_SECOND, usedforsecurity=False).digest()).decode()
        await self._try("checksum_MD5", "PutObject", self._new_key("sum"), _FIRST, ContentMD5=wrong)

    async def listing_order(self) -> str:
        """The order in which a few keys are listed."""
        folder = f"{self._key}-order/"
        for name in SAMPLE:
            await self._call("PutObject", self._new_key(f"order/{name}"), _FIRST)
        output = await self._call("ListObjectsV2", "", Prefix=folder)
        keys = [row["Key"].removeprefix(folder) for row in output.get("Contents") or ()]
        return order_of_sample(keys)

    async def encryption(self) -> str:
        """Algorithm of the bucket's default encryption; "" for none, or when it is not known."""
        try:
            output = await self._call("GetBucketEncryption", "")
        except S3Error as error:
            _raise_unless_refused(error)
            return ""
        rules = output.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
        return next((str(d["SSEAlgorithm"]) for d in defaults if "SSEAlgorithm" in d), "")

    async def remove_left_behind(self) -> None:
        """What the remote refuses to delete stays; the result of this probe does not depend on
        it."""
        prefix = self._key[: self._key.rindex("/") + 1] + PROBE
        with suppress(S3Error):
            await remove_left_behind(
                self._store, self._bucket, prefix, has_versions=self.has_versions
            )

    @property
    def has_versions(self) -> bool:
        return self.seen.versioning in ("Enabled", "Suspended")

    async def clean_up(self) -> None:
        """Delete everything that may have been written. Versions are deleted by id, so that no
        delete marker is left."""
        for key, upload in self._written.items():
            if upload:
                with self._note_leftovers():
                    await self._call("AbortMultipartUpload", key, UploadId=upload)
        with self._note_leftovers():
            if self.has_versions:
                return await self.delete_versions()
        for key in self._written:
            with self._note_leftovers():
                await self._call("DeleteObject", key)
        with self._note_leftovers():
            folder = self._key[: self._key.rindex("/") + 1]
            await remove_empty_folder(self._store, self._bucket, folder)

    @contextmanager
    def _note_leftovers(self) -> Iterator[None]:
        try:
            yield
        except S3Error:
            self.seen.is_clean = False

    async def delete_versions(self) -> None:
        """All versions and delete markers of the probe's keys."""
        while True:
            output = await self._call("ListObjectVersions", "", Prefix=self._key)
            rows = [*(output.get("Versions") or ()), *(output.get("DeleteMarkers") or ())]
            for row in rows:
                await self._call("DeleteObject", row["Key"], VersionId=row["VersionId"])
            if not rows or not output.get("IsTruncated"):
                return

    async def _complete(self, name: str, condition: Mapping[str, str]) -> None:
        key = self._named("put")
        try:
            upload = (await self._call("CreateMultipartUpload", key))["UploadId"]
            self._written[key] = upload
            part = await self._call("UploadPart", key, _SECOND, UploadId=upload, PartNumber=1)
        except S3Error as error:
            _raise_unless_refused(error)
            return
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        completing: Members = {"UploadId": upload, "MultipartUpload": parts, **condition}
        await self._try(name, "CompleteMultipartUpload", key, **completing)
        self.seen.unchanged[name] = await self._holds("put", _FIRST)
        if self.seen.unchanged[name]:
            with suppress(S3Error):
                await self._call("AbortMultipartUpload", key, UploadId=upload)
        else:
            await self._call("PutObject", key, _FIRST)
        self._written[key] = None

    async def _try(
        self, name: str, operation: str, key: str, body: bytes | None = None, **members: Any
    ) -> None:
        """Record the code of an attempt. Raises S3Error for an error that has another cause."""
        try:
            await self._call(operation, key, body, **members)
        except S3Error as error:
            _raise_unless_refused(error)
            self.seen.codes[name] = error.code
        else:
            self.seen.codes[name] = ""

    async def _call(
        self, operation: str, key: str, body: bytes | None = None, **members: Any
    ) -> Members:
        given = {"Key": key, **members} if key else members
        return await _call(self._store, operation, self._bucket, body, **given)

    async def _holds(self, name: str, data: bytes) -> bool:
        try:
            return bool((await self._call("GetObject", self._named(name)))["Body"] == data)
        except S3Error as error:
            if error.status == 404:
                return False
            raise

    def _named(self, name: str) -> str:
        return f"{self._key}-{name}"

    def _new_key(self, name: str) -> str:
        key = self._named(name)
        self._written.setdefault(key, None)
        return key


_PUT_CONDITIONS: Mapping[str, Mapping[str, str]] = {
    "put_if_absent": {"IfNoneMatch": "*"},
    "put_if_match": {"IfMatch": WRONG_ETAG},
}
"""Conditions that must fail on an object that exists."""


async def _call(
    store: ObjectStore, operation: str, bucket: str, body: bytes | None = None, **members: Any
) -> Members:
    """The members of the response, with its whole body as Body."""
    given: Members = {"Bucket": bucket, **members}
    payload = None if body is None else BytesBody(body)
    response = await S3Client(store).call(operation, given, payload)
    output: Members = dict(response.output)
    if response.body is not None:
        output["Body"] = b"".join([chunk async for chunk in response.body])
        await response.body.aclose()
    return output


def _raise_unless_refused(error: S3Error) -> None:
    """Raise an error that says nothing about the request itself."""
    is_conclusive = classify(error) is FailureClass.PERMANENT or error.status in (409, 500, 501)
    if not isinstance(error.failure, Refused) or not is_conclusive or error.code == "NoSuchBucket":
        raise error
