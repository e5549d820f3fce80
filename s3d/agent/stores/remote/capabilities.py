"""What a remote really does: probed, never taken from its documentation.

Servers that ignore a condition answer 200 to it, so each condition is tried where it must fail, and
the object is looked at afterwards. The judgement is pure; probe() does the asking. One probe takes
about thirty small requests, needs Put, Get and Delete, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Refused, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.checksums import ALGORITHMS
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import SAMPLE, UNKNOWN, order_of_sample
from s3d.agent.s3.messages import BytesBody, Members

FOLDER = ".s3d/"
"""Where the probe's keys lie, below the prefix that s3d works in."""
RACERS = 4
"""Writers of one key at the same time, of whom one may win."""
WRONG_ETAG = '"00000000000000000000000000000000"'

_FIRST, _SECOND = b"first", b"second"


class Level(StrEnum):
    """How far concurrent writers are kept apart."""

    A = "A"
    """Compare and swap: no update is lost."""
    B = "B"
    """No conditions, but versions: what was overwritten can be found."""
    C = "C"
    """Neither: concurrent writers can lose updates."""


class Capabilities(msgspec.Struct, frozen=True):
    """What one bucket of a remote does. Kept by the caller, who probes anew after a day."""

    endpoint: str
    bucket: str
    probed: float
    """Unix seconds."""
    put_if_absent: bool
    """If-None-Match: * on PutObject is judged, and atomically."""
    put_if_match: bool
    """If-Match on PutObject is judged."""
    if_match_on_absent: str
    """The code of If-Match on a key that is not there; "" when such a write is done."""
    delete_if_match: bool
    complete_if_absent: bool
    complete_if_match: bool
    copy_if_absent: bool
    checksums: tuple[str, ...]
    """Algorithms, and MD5 for Content-MD5, whose wrong value is refused."""
    versioning: str
    """Enabled, Suspended, "" (never enabled), or unsupported."""
    encryption: str
    """Of the bucket by default: "" or AES256 leave ETags alone, aws:kms and its like do not."""
    level: Level
    listing_order: str = UNKNOWN
    """In which keys are listed: s3/listing.py."""


class Observations(msgspec.Struct):
    """What happened: name of an attempt -> code of the error, "" for a success."""

    codes: dict[str, str]
    kept: dict[str, bool]
    """Attempt -> whether the object was afterwards what it had been before."""
    winners: int
    """Of the race."""
    versioning: str = ""
    encryption: str = ""
    listing_order: str = UNKNOWN
    is_clean: bool = True
    """Nothing was left behind."""


def judge(endpoint: str, bucket: str, seen: Observations, now: float) -> Capabilities:
    """The capabilities that the observations prove. Pure.

    A condition counts only if its failure was told (412, or 409 for a race) and nothing changed.
    """

    def judged(attempt: str) -> bool:
        return seen.codes.get(attempt) in _CONDITION_CODES and seen.kept.get(attempt, True)

    put_if_absent = judged("put_if_absent") and seen.winners == 1
    put_if_match = judged("put_if_match")
    swaps = put_if_absent and put_if_match
    level = Level.A if swaps else Level.B if seen.versioning == "Enabled" else Level.C
    names = [*ALGORITHMS, "MD5"]
    return Capabilities(
        endpoint=endpoint,
        bucket=bucket,
        probed=now,
        put_if_absent=put_if_absent,
        put_if_match=put_if_match,
        if_match_on_absent=seen.codes.get("if_match_on_absent", ""),
        delete_if_match=judged("delete_if_match"),
        complete_if_absent=judged("complete_if_absent"),
        complete_if_match=judged("complete_if_match"),
        copy_if_absent=judged("copy_if_absent"),
        checksums=tuple(
            name for name in names if seen.codes.get(f"checksum_{name}") in _DIGEST_CODES
        ),
        versioning=seen.versioning,
        encryption=seen.encryption,
        level=level,
        listing_order=seen.listing_order,
    )


_CONDITION_CODES = frozenset(
    ("PreconditionFailed", "ConditionalRequestConflict", "OperationAborted")
)
_DIGEST_CODES = frozenset(
    ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
)


_NO_LOCK = frozenset(("NotImplemented", "ObjectLockConfigurationNotFoundError"))


async def allows_probe(store: ObjectStore, bucket: str) -> bool:
    """Whether small objects may be written to the bucket and removed again: not where an object
    lock keeps them, nor where nobody may say whether it does. Raises S3Error when the remote is
    away."""
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
    """Enabled, Suspended, "" (never enabled), or unsupported: the remote does not know the word."""
    try:
        output = await _call(store, "GetBucketVersioning", bucket)
    except S3Error as error:
        _raise_unless_refused(error)
        return "unsupported"
    return str(output.get("Status") or "")


def new_probe_key(prefix: str = "") -> str:
    """What the keys of the objects of one probe begin with."""
    return f"{prefix}{FOLDER}probe-{uuid.uuid4().hex}"


async def remove_empty_folder(store: ObjectStore, bucket: str, folder: str) -> None:
    """SeaweedFS goes on to list a folder of which all objects are deleted; only a DELETE of its own
    name removes it, once there are no folders in it. Elsewhere there is nothing to delete.

    folder: with a slash at its end. Raises S3Error.
    """
    above = await _call(
        store, "ListObjectsV2", bucket, Prefix=folder.removesuffix("/"), Delimiter="/"
    )
    inside = await _call(store, "ListObjectsV2", bucket, Prefix=folder, MaxKeys=1)
    if {"Prefix": folder} in (above.get("CommonPrefixes") or ()) and not inside.get("Contents"):
        await _remove_folders(store, bucket, folder)


async def _remove_folders(store: ObjectStore, bucket: str, folder: str) -> None:
    """This one, below which there is no object, after those that are in it."""
    inside = await _call(store, "ListObjectsV2", bucket, Prefix=folder, Delimiter="/")
    for row in inside.get("CommonPrefixes") or ():
        await _remove_folders(store, bucket, row["Prefix"])
    await _call(store, "DeleteObject", bucket, Key=folder)


async def remove_probe(store: ObjectStore, bucket: str, key: str) -> None:
    """Delete what a probe that was interrupted has left; key: what its keys begin with.

    Raises S3Error.
    """
    attempt = _Attempt(store, bucket, key)
    attempt.seen.versioning = await versioning_of(store, bucket)
    uploads = await _call(store, "ListMultipartUploads", bucket, Prefix=key)
    for upload in uploads.get("Uploads") or ():
        members = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        await _call(store, "AbortMultipartUpload", bucket, **members)
    listed = await _call(store, "ListObjectsV2", bucket, Prefix=key)
    for row in listed.get("Contents") or ():
        await _call(store, "DeleteObject", bucket, Key=row["Key"])
    if attempt.seen.versioning in ("Enabled", "Suspended"):
        await attempt.delete_versions()


async def probe(
    store: ObjectStore, bucket: str, *, prefix: str = "", key: str = ""
) -> Observations:
    """Try it out. key: of new_probe_key(). Raises S3Error when the remote is away, our credentials
    are bad, or probing is not allowed: then nothing is known."""
    attempt = _Attempt(store, bucket, key or new_probe_key(prefix))
    attempt.seen.versioning = await versioning_of(store, bucket)
    try:
        await attempt.conditions_of_put()
        await attempt.conditions_of_others()
        await attempt.race()
        await attempt.checksums()
        attempt.seen.listing_order = await attempt.listing_order()
        attempt.seen.encryption = await attempt.encryption()
    finally:
        await attempt.clean_up()
    return attempt.seen


class _Attempt:
    """One run of the probe on keys of its own."""

    def __init__(self, store: ObjectStore, bucket: str, key: str) -> None:
        self.seen = Observations({}, {}, 0)
        self._store = store
        self._bucket = bucket
        self._key = key
        self._written: dict[str, str | None] = {}
        """Every key that may be there -> upload id, to be cleaned up."""

    async def conditions_of_put(self) -> None:
        """PutObject where the object is not there, is there, and is another."""
        absent = self._new_key("absent")
        await self._try("if_match_on_absent", "PutObject", absent, _FIRST, IfMatch=WRONG_ETAG)
        await self._call("PutObject", self._new_key("put"), _FIRST)
        for name, condition in _PUT_CONDITIONS.items():
            await self._try(name, "PutObject", self._named("put"), _SECOND, **condition)
            self.seen.kept[name] = await self._holds("put", _FIRST)
            if not self.seen.kept[name]:
                await self._call("PutObject", self._named("put"), _FIRST)

    async def conditions_of_others(self) -> None:
        """Delete, Complete and Copy over an object that is there."""
        key = self._named("put")
        await self._try("delete_if_match", "DeleteObject", key, IfMatch=WRONG_ETAG)
        self.seen.kept["delete_if_match"] = await self._holds("put", _FIRST)
        await self._call("PutObject", key, _FIRST)
        for name, condition in _PUT_CONDITIONS.items():
            await self._complete(name.replace("put", "complete"), condition)
        source = f"{self._bucket}/{self._new_key('source')}"
        await self._call("PutObject", self._named("source"), _SECOND)
        copying: Members = {"CopySource": source, "IfNoneMatch": "*"}
        await self._try("copy_if_absent", "CopyObject", key, **copying)
        self.seen.kept["copy_if_absent"] = await self._holds("put", _FIRST)

    async def race(self) -> None:
        """Several writers of one key that is not there, at once."""
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
        for name, row in ALGORITHMS.items():
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
        """Algorithm of the bucket's default encryption; "" when there is none, or none is told."""
        try:
            output = await self._call("GetBucketEncryption", "")
        except S3Error as error:
            _raise_unless_refused(error)
            return ""
        rules = output.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
        return next((str(d["SSEAlgorithm"]) for d in defaults if "SSEAlgorithm" in d), "")

    async def clean_up(self) -> None:
        """Delete whatever may have been written, as far as the remote lets us: each version by its
        id, so that no delete marker is left."""
        for key, upload in self._written.items():
            if upload:
                with self._noted():
                    await self._call("AbortMultipartUpload", key, UploadId=upload)
        with self._noted():
            if self.seen.versioning in ("Enabled", "Suspended"):
                return await self.delete_versions()
        for key in self._written:
            with self._noted():
                await self._call("DeleteObject", key)
        with self._noted():
            folder = self._key[: self._key.rindex("/") + 1]
            await remove_empty_folder(self._store, self._bucket, folder)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except S3Error:
            self.seen.is_clean = False

    async def delete_versions(self) -> None:
        """All versions and delete markers of the probe's keys."""
        while True:
            output = await self._call("ListObjectVersions", "", Prefix=self._key)
            found = [*(output.get("Versions") or ()), *(output.get("DeleteMarkers") or ())]
            for row in found:
                await self._call("DeleteObject", row["Key"], VersionId=row["VersionId"])
            if not found or not output.get("IsTruncated"):
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
        self.seen.kept[name] = await self._holds("put", _FIRST)
        if self.seen.kept[name]:
            with suppress(S3Error):
                await self._call("AbortMultipartUpload", key, UploadId=upload)
        else:
            await self._call("PutObject", key, _FIRST)
        self._written[key] = None

    async def _try(
        self, name: str, operation: str, key: str, body: bytes | None = None, **members: Any
    ) -> None:
        """Keep the code of an attempt. Raises S3Error for what says nothing about the attempt."""
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
"""Conditions that must fail on an object that is there."""


async def _call(
    store: ObjectStore, operation: str, bucket: str, body: bytes | None = None, **members: Any
) -> Members:
    """The members of the answer, with all of its body as Body."""
    given: Members = {"Bucket": bucket, **members}
    payload = None if body is None else BytesBody(body)
    response = await S3Client(store).call(operation, given, payload)
    output: Members = dict(response.output)
    if response.body is not None:
        output["Body"] = b"".join([chunk async for chunk in response.body])
        await response.body.aclose()
    return output


def _raise_unless_refused(error: S3Error) -> None:
    """Go on only after an answer that tells something about what was asked."""
    telling = classify(error) is FailureClass.PERMANENT or error.status in (409, 500, 501)
    if not isinstance(error.failure, Refused) or not telling or error.code == "NoSuchBucket":
        raise error
