"""Calls between the agent and the process of its mounts, each a frame of a FrameSocket.

Each side answers calls by their names, and may call the other at any time. A frame is a MessagePack
array [kind, id, name, value].

    CALL     name and value: what to do; answered by REPLY or ERROR with the same id. That of a
             negative id is thrown away
    REPLY    value: the result
    ERROR    value: the exception, as errors.py encodes it
    CANCEL   nobody waits for the answer any more
    NOTICE   name and value: something has happened; there is no answer

What frames cause begins in their order: a notice is known before the answer of a call that was
answered after it, and after a call that was made before it has begun.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from s3d.agent.frontends.fuse.process.errors import decode_error, encode_error
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed, FrameSocket, close_all


class _Kind(IntEnum):
    CALL, REPLY, ERROR, CANCEL, NOTICE = range(5)


@dataclass(slots=True)
class Message:
    """A value, and the descriptors that come with it. Whoever receives it closes them."""

    value: Any = None
    descriptors: Sequence[int] = field(default=())


Handler = Callable[[Message], Awaitable[Any]]
"""Answers a call. The result is a value that MessagePack can encode, or a Message; the channel does
not close its descriptors. What it raises is raised by the caller. It has always begun when it is
cancelled, so it can close the descriptors of the call."""
Listener = Callable[[Any], None]
"""Is told the value of a notice."""


@dataclass(slots=True)
class _Pending:
    """A call that is not answered yet."""

    future: asyncio.Future[Message]
    """Cancelled: nobody waits for the answer any more."""
    discard: Callable[[Message], None]


class Channel:
    """One end. Belongs to the loop."""

    def __init__(
        self,
        end: socket.socket,
        *,
        handlers: Mapping[str, Handler],
        listeners: Mapping[str, Listener],
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """end: of a stream socket pair; the channel closes it. on_close: called once, when the
        other process has ended or close() is called."""
        self._frames = FrameSocket(end, self._receive, self._end)
        self._handlers = handlers
        self._listeners = listeners
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """The id of the other side's call -> what works on it."""

    @property
    def is_closed(self) -> bool:
        return self._frames.is_closed

    async def call(
        self,
        name: str,
        value: Any = None,
        descriptors: Sequence[int] = (),
        *,
        discard: Callable[[Message], None] = lambda message: None,
    ) -> Message:
        """Have the other side do something: its result.

        discard: gives back what is in a result that comes after the caller was cancelled; its
        descriptors are closed already. Raises what the handler raises, ChannelClosed, and TypeError
        or ValueError for a value that cannot be sent.
        """
        id = next(self._ids)
        self._send(_Kind.CALL, id, name, value, descriptors)
        future: asyncio.Future[Message] = self._loop.create_future()
        self._pending[id] = _Pending(future, discard)
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled():  # the answer has come in the same moment
                _give_back(future, discard)
            elif id in self._pending:
                with suppress(ChannelClosed):
                    self._send(_Kind.CANCEL, id)
            raise

    def post(self, name: str, value: Any = None) -> None:
        """Have the other side do something, unless it has ended; nobody awaits the result."""
        with suppress(ChannelClosed):
            self._send(_Kind.CALL, -next(self._ids), name, value)

    def notify(self, name: str, value: Any = None) -> None:
        """Tell the other side that something has happened, unless it has ended."""
        with suppress(ChannelClosed):
            self._send(_Kind.NOTICE, 0, name, value)

    def close(self) -> None:
        """End all calls."""
        self._frames.close()

    def _end(self) -> None:
        for call in self._pending.values():
            if not call.future.done():
                call.future.set_exception(ChannelClosed())
        self._pending.clear()
        for task in self._tasks.values():
            self._cancel(task)
        self._on_close()

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel it when it has begun."""
        self._loop.call_soon(task.cancel)

    def _send(
        self,
        kind: _Kind,
        id: int,
        name: str = "",
        value: Any = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        self._frames.send(_encode([kind, id, name, value]), descriptors)

    def _receive(self, frame: memoryview, descriptors: Sequence[int] | None) -> None:
        kind, id, name, value = _decode(frame)
        if descriptors is None:
            self._refuse(kind, id, value)
        else:
            self._take(kind, id, name, Message(value, descriptors))

    def _refuse(self, kind: int, id: int, value: Any) -> None:
        """End a call whose descriptors, or those of whose result, are missing."""
        error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if kind == _Kind.CALL:
            self._send_error(id, error)
            return
        call = self._pending.get(id)
        self._take_answer(_Kind.ERROR, id, Message(encode_error(error)))
        if call is not None:
            self._loop.call_soon(call.discard, Message(value))

    def _take(self, kind: int, id: int, name: str, message: Message) -> None:
        match kind:
            case _Kind.CALL:
                task = self._loop.create_task(self._answer(id, name, message), name=name)
                self._tasks[id] = task
                task.add_done_callback(lambda _: self._tasks.pop(id, None))
            case _Kind.CANCEL:
                if id in self._tasks:
                    self._cancel(self._tasks[id])
            case _Kind.NOTICE:
                if name in self._listeners:
                    self._loop.call_soon(self._listeners[name], message.value)
            case _:
                self._take_answer(kind, id, message)

    def _take_answer(self, kind: int, id: int, message: Message) -> None:
        call = self._pending.pop(id, None)
        if call is None or call.future.done():  # it was posted, or the caller was cancelled
            close_all(message.descriptors)
            if kind == _Kind.REPLY and call is not None:
                self._loop.call_soon(call.discard, message)
        elif kind == _Kind.REPLY:
            call.future.set_result(message)
        else:
            call.future.set_exception(decode_error(message.value))

    async def _answer(self, id: int, name: str, message: Message) -> None:
        try:
            if name not in self._handlers:
                close_all(message.descriptors)
                raise NotImplementedError(f"there is no call {name}")
            result = await self._handlers[name](message)
            answer = result if isinstance(result, Message) else Message(result)
            self._send(_Kind.REPLY, id, value=answer.value, descriptors=answer.descriptors)
        except asyncio.CancelledError:
            self._send_error(id, TimeoutError("cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - the caller gets it
            self._send_error(id, error)

    def _send_error(self, id: int, error: Exception) -> None:
        with suppress(ChannelClosed):
            self._send(_Kind.ERROR, id, value=encode_error(error))


def encoded(value: Any) -> msgspec.Raw:
    """A value that can be sent as a part of another one. For a handler that has something to give
    back when it cannot: raises TypeError or ValueError then."""
    return msgspec.Raw(_encode(value))


def _give_back(future: asyncio.Future[Message], discard: Callable[[Message], None]) -> None:
    if future.exception() is None:
        close_all(future.result().descriptors)
        discard(future.result())


def _plain(value: Any) -> Any:
    """What MessagePack cannot encode by itself: the mappings and sequences of the stores."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise NotImplementedError(f"{type(value)} cannot be sent")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode = msgspec.msgpack.Decoder().decode
