"""A policy server as Open Policy Agent's is asked, with real Rego behind it, and its bad days.

https://www.openpolicyagent.org/docs/latest/rest-api/#get-a-document-with-input
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

POLICY = """package s3d.filter
import rego.v1
default decision := {"include": true}
decision := {"include": false, "reason": "no drafts"} if input.tags.draft
decision := {"include": false, "reason": "too large"} if input.size > 1000
"""
"""Of a real policy; the two rules exclude one another in the tests."""
VECTORS: list[tuple[dict[str, Any], bool, str]] = [
    ({"tags": {}, "size": 5}, True, ""),
    ({"tags": {"draft": "yes"}, "size": 5}, False, "no drafts"),
    ({"tags": {}, "size": 2_000}, False, "too large"),
    ({"tags": None, "size": 5}, True, ""),
    ({"tags": {"other": "x"}, "size": 1_000, "key": "фото/é"}, True, ""),
]
"""Input document, whether it is taken, and why not: the same for every engine."""


class PolicyServer:
    """failure: "" | "500" | "undefined" | "garbage" | "slow" | "deep" | "endless" | "elsewhere"."""

    def __init__(self, policy: str = POLICY) -> None:
        from regopy import Interpreter

        self.failure = ""
        self.asked = 0
        self.url = ""
        self._let_go = asyncio.Event()
        self._rego = Interpreter()
        self._rego.add_module("policy.rego", policy)
        self._bundle = self._rego.build(None, ["s3d/filter/decision"])

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        document = (await request.json())["input"]
        if self.failure == "slow":
            await self._let_go.wait()
        if self.failure == "500":
            return web.json_response({"code": "internal_error"}, status=500)
        if self.failure == "undefined":
            return web.json_response({})
        if self.failure == "garbage":
            return web.Response(text="<html>")
        if self.failure == "deep":
            return web.Response(text="[" * 100_000)
        if self.failure == "elsewhere":
            return web.Response(status=307, headers={"Location": request.path})
        if self.failure == "endless":
            return web.Response(body=bytes(4 << 20))
        self._rego.set_input(document)
        output = self._rego.query_bundle_entrypoint(self._bundle, "s3d/filter/decision")
        return web.json_response({"result": json.loads(str(output))["expressions"][0]})

    @asynccontextmanager
    async def serve(self, socket: Path | None = None) -> AsyncIterator[PolicyServer]:
        app = web.Application()
        app.router.add_post("/v1/data/s3d/filter/decision", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.UnixSite(runner, socket) if socket else web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"unix://{socket}" if socket else f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._let_go.set()
            await runner.cleanup()


@contextmanager
def in_a_thread(server: PolicyServer) -> Iterator[PolicyServer]:
    """For tests that have no loop of their own."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def run() -> None:
        async with server.serve():
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()
