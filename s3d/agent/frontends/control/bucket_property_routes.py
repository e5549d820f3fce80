"""The properties of a bucket that people edit: versioning, policy, lifecycle and CORS.

Each is a JSON document as `aws s3api` shows and takes it: members of the S3 API, or the policy
itself. A change takes the way of a client's request, see written_members.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from aiohttp import web

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.model import service
from s3d.agent.s3.written_members import parse_written
from s3d.shared.control import BucketProperties, BucketProperty


class _Operations(NamedTuple):
    """get, put, delete: of the S3 API; delete is empty where a property cannot be removed.
    member: of the answer, when it alone is the document."""

    get: str
    put: str
    delete: str = ""
    member: str = ""


_PROPERTIES: Mapping[str, _Operations] = {
    "versioning": _Operations("GetBucketVersioning", "PutBucketVersioning"),
    "policy": _Operations("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "Policy"),
    "lifecycle": _Operations(
        "GetBucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    "cors": _Operations("GetBucketCors", "PutBucketCors", "DeleteBucketCors"),
}
"""In the order in which they are shown."""
_ABSENT = 404
"""Status of a property that was never set; a missing bucket has it, too."""


class BucketPropertyRoutes:
    """Routes to the store."""

    def __init__(self, objects: S3Client) -> None:
        self._objects = objects

    def routes(self) -> list[Route]:
        path = "/v1/buckets/{bucket}/properties"
        return [
            Route("GET", path, self.show),
            Route("PUT", f"{path}/{{name}}", self.put),
            Route("DELETE", f"{path}/{{name}}", self.delete),
        ]

    async def show(self, call: Call) -> web.Response:
        """Answer all properties; one that cannot be read has the reason instead."""
        return answer(
            BucketProperties([await self._read(call.bucket, name) for name in _PROPERTIES])
        )

    async def _read(self, bucket: str, name: str) -> BucketProperty:
        operations = _PROPERTIES[name]
        try:
            members = await self._objects.output(operations.get, {"Bucket": bucket})
        except S3Error as error:
            if error.code == "NoSuchBucket":
                raise
            is_absent = error.status == _ABSENT
            return BucketProperty(name, error="" if is_absent else f"{error.code}: {error.message}")
        return BucketProperty(name, _document(operations, members))

    async def put(self, call: Call) -> web.Response:
        """Replace a property."""
        operations = _operations(call)
        document = (await call.body(BucketProperty)).document
        try:
            value = document if operations.member else json.loads(document)
            members = parse_written(operations.put, call.bucket, value)
        except ValueError as error:
            raise S3Error("InvalidRequest", f"{call.segment('name')}: {error}.") from error
        await self._objects.output(operations.put, members)
        return web.Response(status=204)

    async def delete(self, call: Call) -> web.Response:
        operations = _operations(call)
        if not operations.delete:
            raise S3Error(
                "InvalidRequest", "Versioning cannot be removed: set its Status to Suspended."
            )
        await self._objects.output(operations.delete, {"Bucket": call.bucket})
        return web.Response(status=204)


def _operations(call: Call) -> _Operations:
    operations = _PROPERTIES.get(call.segment("name"))
    if operations is None:
        raise S3Error("InvalidArgument", f"The property must be one of {', '.join(_PROPERTIES)}.")
    return operations


def _document(operations: _Operations, members: Members) -> str:
    """The answer as indented JSON that a PUT takes; "" when it says nothing."""
    if operations.member:
        text = members.get(operations.member, "")
        value = json.loads(text) if text else None
    else:
        given = service().input_of(operations.put)
        taken = service().shapes[given.members[given.payload or ""].shape].members
        value = {name: each for name, each in members.items() if name in taken}
    return json.dumps(value, indent=2, default=_written) if value else ""


def _written(value: Any) -> str:
    """A date as the S3 API writes it in JSON."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a property")
