"""The process of the decoders: reads requests, writes drawings, and cannot do much else.

What an object holds is decoded here and never in the app: the process has limits of memory and of
CPU time, and the app kills it when it does not answer. A message is its length in four bytes and
then MessagePack. `python -m s3d.tui.preview.decoder_process`
"""

from __future__ import annotations

import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec

from s3d.tui.preview.decode import decode, raise_too_slow
from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.object_parts import DecodeRequest

LENGTH_BYTES = 4
MAX_MESSAGE = 256 << 20
"""Bytes of a request or an answer."""
_LIMITS = (
    (resource.RLIMIT_AS, 2 << 30),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 0),
)
"""Addresses in bytes, core dumps, and files that are written."""


def frame(message: bytes) -> bytes:
    """A message with its length before it."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def limit_resources() -> None:
    """Lower the limits of this process; one that the system does not have is left out."""
    for which, value in _LIMITS:
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (value, value))
    signal.signal(signal.SIGPROF, raise_too_slow)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c is for the app


def answer(message: bytes) -> bytes:
    """The drawing for a request. A decoder that fails in a new way is a drawing, too."""
    try:
        drawing = decode(msgspec.msgpack.decode(message, type=DecodeRequest))
    except Exception as error:  # noqa: BLE001 - the next request is no worse for it
        drawing = Drawing("unknown", notes=[f"cannot decode it: {type(error).__name__}"])
    return msgspec.msgpack.encode(drawing)


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer requests until the app closes its end."""
    while head := source.read(LENGTH_BYTES):
        message = source.read(int.from_bytes(head, "big"))
        target.write(frame(answer(message)))
        target.flush()


def main() -> None:
    limit_resources()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
