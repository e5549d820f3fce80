"""Keeps a connection alive while a store takes long to complete or copy an object.

AWS then sends status 200, spaces, and finally the result, or an Error document under that 200:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from s3d.agent.core.store import Answer
from s3d.agent.frontends.http.exchange import ClientGone, Exchange
from s3d.agent.frontends.http.response_writer import ResponseWriter, as_chunk
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Response
from s3d.agent.s3.model import Operation
from s3d.agent.s3.serialize import serialize_error, serialize_output

SLOW = frozenset({"CompleteMultipartUpload", "CopyObject", "UploadPartCopy"})

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_DECLARATION_RE = re.compile(rb"^<\?xml[^>]*\?>\s*")


class KeepAliveResponder:
    """Waits for one slow response and writes a space after every interval until it is there."""

    def __init__(self, writer: ResponseWriter, exchange: Exchange, seconds: float) -> None:
        self._writer = writer
        self._exchange = exchange
        self._seconds = seconds

    async def wait(self, op: Operation, answer: Answer) -> S3Response[Any] | None:
        """The response if it came within the interval; else None: the result was written here.

        Raises ClientGone; the operation is cancelled then.
        """
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_outcome(answer), name=f"s3 {op.name}")
            done, _ = await asyncio.wait((task,), timeout=self._seconds)
            if not done:
                await self._write_spaces(task)
        if task.cancelled():
            raise ClientGone
        outcome = task.result()
        if self._exchange.status:
            self._write_end(op, outcome)
            return None
        if isinstance(outcome, S3Error):
            raise outcome
        return outcome

    async def _write_spaces(self, task: asyncio.Task[Any]) -> None:
        """Write until the task has ended, or was cancelled because the client has left."""
        self._writer.begin_chunked(self._exchange)
        self._write(_DECLARATION)
        while not task.done():
            self._write(b" ")
            try:
                await self._exchange.drain()
            except ClientGone:
                task.cancel()
            await asyncio.wait((task,), timeout=self._seconds)

    def _write_end(self, op: Operation, outcome: S3Response[Any] | S3Error) -> None:
        if isinstance(outcome, S3Error):
            self._writer.note_error(self._exchange, outcome)
            _, _, document = serialize_error(outcome, "", self._exchange.request_id)
        else:
            _, _, document = serialize_output(op, outcome.output)
        self._write(_DECLARATION_RE.sub(b"", document))
        if not self._exchange.is_http_1_0:
            self._exchange.write(as_chunk(b""))

    def _write(self, data: bytes) -> None:
        self._exchange.write(data if self._exchange.is_http_1_0 else as_chunk(data))


async def _outcome(answer: Answer) -> S3Response[Any] | S3Error:
    """The store's response or error; errors are values here, since a task group would wrap them."""
    try:
        return await answer
    except S3Error as error:
        return error
