"""A queue over HTTP that speaks the parts of SQS's protocols that s3d uses: the query protocol to
send, the JSON protocol to receive and delete. Messages are hidden after they were received, and
come again. moto is the other judge: test_sqs_client.py."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

ACCOUNT_PATH = "/000000000000/events"


class QueueServer:
    """One queue. url: of the queue, once it is started."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: dict[str, str] = {}
        """Receipt -> body of what is in the queue."""
        self.hidden: set[str] = set()
        self.received = 0
        self.polls = 0
        self.headers: dict[str, str] = {}
        """Of the last request."""
        self.refusal: tuple[int, dict[str, str]] | None = None
        """Status and body of every answer, while it is set."""
        self.batch: dict[str, Any] = {}
        """Members of the last ReceiveMessage."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()

    async def put(self, *bodies: str) -> None:
        async with self._changed:
            for body in bodies:
                self.messages[f"receipt-{next(self._numbers)}"] = body
            self._changed.notify_all()

    def put_soon(self, body: str) -> None:
        """put() from another thread; returns when the message is in the queue."""
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(self.put(body), self.loop).result(30)

    async def show_again(self) -> None:
        """What was received and not deleted comes again."""
        async with self._changed:
            self.hidden.clear()
            self._changed.notify_all()

    async def until_empty(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self.messages)

    async def until_polls(self, number: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.polls >= number)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.headers = dict(request.headers)
        if self.refusal is not None:
            async with self._changed:
                self.polls += 1
                self._changed.notify_all()
            return web.json_response(self.refusal[1], status=self.refusal[0])
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            return await self._send(dict(await request.post()))
        members = json.loads(await request.read())
        assert members["QueueUrl"] == self.url
        if target == "AmazonSQS.ReceiveMessage":
            return await self._receive(members)
        assert target == "AmazonSQS.DeleteMessageBatch"
        async with self._changed:
            for entry in members["Entries"]:
                self.messages.pop(entry["ReceiptHandle"], None)
            self._changed.notify_all()
        return web.json_response({"Successful": [], "Failed": []})

    async def _send(self, form: dict[str, Any]) -> web.Response:
        assert form["Action"] == "SendMessage"
        body = str(form["MessageBody"])
        await self.put(body)
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return web.Response(text=f"<R><MD5OfMessageBody>{digest}</MD5OfMessageBody></R>")

    async def _receive(self, members: dict[str, Any]) -> web.Response:
        self.batch = members
        async with self._changed:
            self.polls += 1
            self._changed.notify_all()
            try:
                async with asyncio.timeout(members["WaitTimeSeconds"]):
                    await self._changed.wait_for(self._visible)
            except TimeoutError:
                return web.json_response({})
            taken = self._visible()[: members["MaxNumberOfMessages"]]
            self.hidden.update(taken)
            self.received += len(taken)
        rows = [{"ReceiptHandle": each, "Body": self.messages[each]} for each in taken]
        return web.json_response({"Messages": rows})

    def _visible(self) -> list[str]:
        return [receipt for receipt in self.messages if receipt not in self.hidden]


@asynccontextmanager
async def serving_queue() -> AsyncIterator[QueueServer]:
    server = QueueServer()
    runner = web.ServerRunner(web.Server(server.answer), shutdown_timeout=0.1)
    await runner.setup()
    server.loop = asyncio.get_running_loop()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}{ACCOUNT_PATH}"
        yield server
    finally:
        await runner.cleanup()
