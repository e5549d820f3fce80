"""The app's side of the process of the decoders: starts it, and kills it when it is late."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Protocol

import msgspec

from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.object_parts import DecodeRequest

TIMEOUT = 5.0
"""Seconds to wait for a drawing, the start of the process included. The decoders stop by themselves
much earlier (DecodeRequest.seconds): this is for one that cannot be stopped."""
_MODULE = "s3d.tui.preview.decoder_process"
_LENGTH_BYTES = 4


class DecoderFailed(Exception):
    """There is no drawing. str(): why, for the user."""


class Decoder(Protocol):
    """What makes drawings."""

    async def decode(self, request: DecodeRequest) -> Drawing:
        """Raises DecoderFailed."""

    async def close(self) -> None: ...


class ProcessDecoder:
    """One process, started with the first request and again after it was killed.

    A request that is cancelled kills the process, so that nothing works on for nobody.
    """

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def decode(self, request: DecodeRequest) -> Drawing:
        message = msgspec.msgpack.encode(request)
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout):
                    reply = await self._exchange(message)
                return msgspec.msgpack.decode(reply, type=Drawing)
            except TimeoutError as error:
                await self.close()
                raise DecoderFailed("it takes too long to decode") from error
            except (OSError, asyncio.IncompleteReadError, msgspec.DecodeError) as error:
                await self.close()
                raise DecoderFailed("the decoder ended: too large to decode") from error
            except asyncio.CancelledError:
                await self.close()
                raise

    async def _exchange(self, message: bytes) -> bytes:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(len(message).to_bytes(_LENGTH_BYTES, "big"))
        process.stdin.write(message)
        await process.stdin.drain()
        length = await process.stdout.readexactly(_LENGTH_BYTES)
        return await process.stdout.readexactly(int.from_bytes(length, "big"))

    async def _running(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _MODULE,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        return process

    async def close(self) -> None:
        """Kill the process. The next request starts another."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            assert process.stdin is not None
            process.stdin.close()
