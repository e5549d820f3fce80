"""Object lock of versions of objects: put and get their retention and legal hold.

They lie in the description of the version, as the members in which GET and HEAD show them.
s3/object_lock.py has the rules; VersionWriter.delete_version enforces them.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.object_lock import MODES, check_end, check_retention_change
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Description
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import (
    check_object_lock,
    find_bucket,
    find_version,
    update_metadata,
)
from s3d.agent.stores.local.setting_rules import payload_of

_HEADERS: Mapping[str, Mapping[str, str]] = {
    "LegalHold": {"Status": "ObjectLockLegalHoldStatus"},
    "Retention": {
        "Mode": "ObjectLockMode",
        "RetainUntilDate": "ObjectLockRetainUntilDate",
    },
}
"""Payload -> its members -> those of GetObject."""


class LockOps:
    """Handlers of legal hold and retention."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        """clock: Unix seconds."""
        self._index = index
        self._clock = clock

    @operation("PutObjectLegalHold")
    async def put_object_legal_hold(self, request: S3Request[Members]) -> S3Response[Members]:
        value = payload_of(request)
        if value.get("Status") not in ("ON", "OFF"):
            raise S3Error("MalformedXML")
        return await self._put(request, "LegalHold", value)

    @operation("PutObjectRetention")
    async def put_object_retention(self, request: S3Request[Members]) -> S3Response[Members]:
        """Without mode and date, the retention is removed."""
        value = payload_of(request)
        mode, until = value.get("Mode"), value.get("RetainUntilDate")
        if (mode is None) != (until is None) or (mode is not None and mode not in MODES):
            raise S3Error("MalformedXML")
        if until is not None:
            check_end(until, argument="RetainUntilDate", now=self._clock())
        return await self._put(request, "Retention", value)

    @operation("GetObjectLegalHold")
    def get_object_legal_hold(self, request: S3Request[Members]) -> Completed[Members]:
        return self._get(request, "LegalHold")

    @operation("GetObjectRetention")
    def get_object_retention(self, request: S3Request[Members]) -> Completed[Members]:
        return self._get(request, "Retention")

    async def _put(
        self, request: S3Request[Members], name: str, value: Mapping[str, Any]
    ) -> S3Response[Members]:
        names = _HEADERS[name]
        given = {header: value[member] for member, header in names.items() if member in value}
        may_bypass = bool(request.input.get("BypassGovernanceRetention"))

        def changed(description: Description) -> Description:
            headers = description.headers
            if name == "Retention":
                check_retention_change(headers, value, may_bypass=may_bypass, now=self._clock())
            return replace(description, headers=_without(headers, names.values()) | given)

        def put(tx: Transaction) -> None:
            bucket, version_id = find_bucket(tx, request.bucket), request.input.get("VersionId")
            check_object_lock(tx, bucket)
            update_metadata(tx, bucket, request.key, version_id, changed)

        await self._index.write(put)
        return S3Response({})

    def _get(self, request: S3Request[Members], name: str) -> Completed[Members]:
        def look(reader: Reader) -> Mapping[str, Any]:
            bucket, version_id = find_bucket(reader, request.bucket), request.input.get("VersionId")
            stored = find_version(reader, bucket, request.key, version_id)
            check_object_lock(reader, bucket)
            return stored.record.description.headers

        headers = self._index.read_inline(look)
        names = _HEADERS[name]
        value = {member: headers[name] for member, name in names.items() if name in headers}
        if not value:
            raise S3Error("NoSuchObjectLockConfiguration", Key=request.key)
        return Completed(S3Response({name: value}))


def _without(headers: Mapping[str, Any], names: Any) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if name not in names}
