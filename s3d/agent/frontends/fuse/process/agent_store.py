"""The agent's stores, called from the process of the mounts.

1. process of the mounts: AgentStore.call encodes a request, and offers its body.
2. -> agent: StoreService makes the request of it, and calls the top of the stack in a task of its
   own. is_own_call tells what listens to changes that the mounts made this one.
3. -> process of the mounts: the response, whose body is offered in turn. Descriptors of its files
   come with it, so that reads need no further call.

A call that is cancelled is cancelled in the agent, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from s3d.agent.core.context import internal_request
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.loop_bridge import is_own_call
from s3d.agent.frontends.fuse.process.bodies import OfferedBodies, close_offered, take_body
from s3d.agent.frontends.fuse.process.channel import Channel, Handler, Message, encoded
from s3d.agent.s3.messages import (
    Body,
    BytesBody,
    ListedObject,
    MountHints,
    RequestContext,
    S3Request,
    S3Response,
)
from s3d.agent.storage.blocks import VerifiedBlocks
from s3d.shared.logs import current_request

_CALL = "store.call"


class AgentStore:
    """An ObjectStore: the stack of the agent. In the process of the mounts."""

    def __init__(self, channel: Channel, bodies: OfferedBodies) -> None:
        """bodies: of requests."""
        self._channel = channel
        self._bodies = bodies
        self._verified = VerifiedBlocks()

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        """Raises S3Error, TimeoutError and OSError as the stack does. The body of the request is
        closed."""
        if request.body is None:
            return await self._call(request, Message())
        offered = await self._bodies.offer(request.body)
        try:
            return await self._call(request, offered)
        finally:
            await self._bodies.withdraw(offered.value)

    async def _call(self, request: S3Request[Any], offered: Message) -> S3Response[Any]:
        value = {
            "operation": request.op.name,
            "input": request.input,
            "context": _encode_context(request.context),
            "body": offered.value,
        }
        answer = await self._channel.call(
            _CALL, value, offered.descriptors, discard=self._close_body
        )
        shown = answer.value
        body = shown["body"]
        return S3Response(
            shown["output"],
            None if body is None else self._take(Message(body, answer.descriptors)),
            shown["status"],
            headers=shown["headers"],
        )

    def _take(self, offered: Message) -> Body:
        return take_body(self._channel, offered, self._verified)

    def _close_body(self, answer: Message) -> None:
        if answer.value["body"] is not None:
            close_offered(self._channel, answer.value["body"])


class StoreService:
    """Answers the calls of an AgentStore. In the agent."""

    def __init__(self, store: ObjectStore, bodies: OfferedBodies) -> None:
        """store: the top of the stack. bodies: of responses."""
        self._store = store
        self._bodies = bodies
        self.channel: Channel | None = None
        """Where bodies of requests are read."""

    def handlers(self) -> Mapping[str, Handler]:
        return {_CALL: self._call}

    async def _call(self, message: Message) -> Message:
        assert self.channel is not None
        shown = message.value
        offered = Message(shown["body"], message.descriptors)
        body = BytesBody(b"") if offered.value is None else take_body(self.channel, offered)
        async with aclosing(body):
            request = internal_request(
                _decode_context(shown["context"]),
                shown["operation"],
                shown["input"],
                None if offered.value is None else body,
            )
            is_own_call.set(True)
            current_request.set(request)
            response = await self._store.call(request)
        try:
            answer = {
                "output": encoded(response.output),
                "body": None,
                "status": response.status,
                "headers": response.headers,
            }
        except BaseException:
            if response.body is not None:
                await response.body.aclose()
            raise
        if response.body is None:
            return Message(answer)
        offered = await self._bodies.offer(response.body)
        return Message({**answer, "body": offered.value}, offered.descriptors)


def _encode_context(context: RequestContext) -> Mapping[str, Any]:
    hints = context.mount
    return {
        "request_id": context.request_id,
        "deadline": context.deadline,  # CLOCK_MONOTONIC, which is the same in all processes
        "bypass_cache": context.bypass_cache,
        "bypass_queue": context.bypass_queue,
        "parent": context.parent,
        "replaces": context.replaces,
        "syncs_later": hints.syncs_later,
        "renames": hints.renames,
        "shown": hints.shown,
    }


def _decode_context(encoded: Mapping[str, Any]) -> RequestContext:
    fields = dict(encoded)
    renames = fields.pop("renames")
    hints = MountHints(
        syncs_later=fields.pop("syncs_later"),
        renames=None if renames is None else ListedObject(*renames),
        shown=fields.pop("shown"),
    )
    return RequestContext(**fields, mount=hints)
