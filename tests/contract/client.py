"""A client of whoever answers ObjectStore.call: name and members in, members out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, RequestContext, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.s3.principal import Principal


@dataclass(frozen=True, slots=True)
class Answer:
    """The output of an operation, its status, and its body read to the end."""

    output: Members
    body: bytes
    status: int

    def __getitem__(self, member: str) -> Any:
        return self.output[member]

    def __contains__(self, member: str) -> bool:
        return self.output.get(member) is not None

    def get(self, member: str, default: Any = None) -> Any:
        found = self.output.get(member)
        return default if found is None else found

    def names(self, member: str, field: str) -> list[Any]:
        """One field of each element of a list, [] for a list that is not there."""
        return [element[field] for element in self.get(member, [])]


class Client:
    """Calls a store as the front doors do. Body is bytes or any Body of messages.py.

    Members are as parse_input gives them: what the model requires within a document, and most of
    its enumerations, have been checked there and are no business of a store.
    """

    def __init__(self, store: ObjectStore, principal: Principal | None = None) -> None:
        """principal: the caller; None: the agent itself, which may do everything."""
        self.store = store
        self.context = RequestContext(principal=principal)

    async def __call__(self, name: str, **members: Any) -> Answer:
        """Raises S3Error."""
        op = operations()[name]
        body = members.pop("Body", b"") if op.streaming_input else None
        payload = BytesBody(body) if isinstance(body, bytes) else body
        request = S3Request(op, members, payload, context=self.context)
        response = await self.store.call(request)
        data = b"" if response.body is None else await read(response.body)
        return Answer(dict(response.output), data, response.status or op.status)

    async def refused(self, code: str, name: str, **members: Any) -> S3Error:
        """The error, which must have this code."""
        try:
            answer = await self(name, **members)
        except S3Error as error:
            if error.code == code:
                return error
            raise AssertionError(f"{name} must answer {code}") from error
        raise AssertionError(f"{name} must answer {code}, not {answer.output}")

    async def code(self, name: str, **members: Any) -> str:
        """The code of the error, "" for none: where S3 leaves more than one answer open."""
        try:
            await self(name, **members)
        except S3Error as error:
            return error.code
        return ""

    async def put(self, bucket: str, key: str, body: Any = b"", **members: Any) -> Answer:
        return await self("PutObject", Bucket=bucket, Key=key, Body=body, **members)

    async def read(self, bucket: str, key: str, **members: Any) -> bytes:
        return (await self("GetObject", Bucket=bucket, Key=key, **members)).body

    async def keys(self, bucket: str) -> list[str]:
        return (await self("ListObjectsV2", Bucket=bucket)).names("Contents", "Key")


async def read(body: Body) -> bytes:
    """All of a body, which is closed."""
    try:
        return b"".join([chunk async for chunk in body])
    finally:
        await body.aclose()


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for chunk in data:
        yield chunk
