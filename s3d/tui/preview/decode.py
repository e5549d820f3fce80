"""From the bytes of an object to a drawing: one table of decoders, each with something simpler to
fall back to."""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType

from s3d.tui.preview.archive_drawing import draw_tar, draw_zip
from s3d.tui.preview.drawing import Drawing, Range, Unreadable, plain_lines
from s3d.tui.preview.json_drawing import draw_json
from s3d.tui.preview.object_parts import DecodeRequest
from s3d.tui.preview.parquet_drawing import draw_parquet
from s3d.tui.preview.picture import draw_picture
from s3d.tui.preview.recognise import Recognised, recognise
from s3d.tui.preview.table_drawing import draw_table
from s3d.tui.preview.text_drawing import draw_hex, draw_plain, draw_text

_HEAD = 64 << 10
"""Bytes of the beginning that are read when the end has not explained the object."""

_DECODERS: dict[str, Callable[[DecodeRequest, Recognised], Drawing]] = {
    "text": lambda _, seen: draw_text(seen.key, seen.text),
    "json": lambda _, seen: draw_json(seen.text, is_whole=seen.is_whole),
    "table": lambda request, seen: draw_table(
        seen.key, seen.text, is_whole=seen.is_whole, more=request.more
    ),
    "picture": lambda request, _: draw_picture(request),
    "zip": lambda request, _: draw_zip(request),
    "tar": lambda request, seen: draw_tar(
        seen.data, is_whole=seen.is_whole, packed=seen.packed, more=request.more
    ),
    "parquet": lambda request, _: draw_parquet(request),
    "hex": lambda _, seen: draw_hex(seen.data),
    "empty": lambda *_: Drawing("empty", plain_lines(["(empty)"])),
}
_LIBRARIES = {"text": "pygments.lexers", "picture": "PIL.Image", "parquet": "pyarrow.parquet"}


class TooSlow(Exception):
    """A decoder has used its CPU time."""


def decode(request: DecodeRequest) -> Drawing:
    """Never fails: what cannot be decoded is drawn as text or bytes, with a note that says why."""
    head = request.head
    if request.is_hex:
        return _finished(draw_hex(head), request)
    if not head and request.size:
        return _by_end(request)
    seen = recognise(request.key, head, is_whole=len(head) >= request.size)
    _import_for(seen.kind)
    try:
        with cpu_limit(request.seconds):
            drawing = _DECODERS[seen.kind](request, seen)
    except (Unreadable, TooSlow, MemoryError, RecursionError, struct.error) as error:
        drawing = _simple(seen)
        drawing.notes.append(str(error) or "too large to decode")
    if seen.packed and seen.kind != "tar":
        drawing.kind += f", {seen.packed}"
    if seen.encoding not in ("", "utf-8"):
        drawing.kind += f", {seen.encoding}"
    return _finished(drawing, request)


def _by_end(request: DecodeRequest) -> Drawing:
    """Only the end was read: that of an archive or a Parquet file, if the name is right."""
    tail, decoder = request.tail, draw_zip
    if tail.endswith(b"PAR1"):
        decoder = draw_parquet
        _import_for("parquet")
    elif b"PK\5\6" not in tail:
        note = "not what its name says"
        return Drawing("unknown", notes=[note], missing=[Range(0, min(_HEAD, request.size))])
    try:
        with cpu_limit(request.seconds):
            return decoder(request)
    except (Unreadable, TooSlow, MemoryError, RecursionError, struct.error) as error:
        drawing = draw_hex(tail, request.size - len(tail))
        drawing.notes.append(str(error) or "too large to decode")
        return drawing


def _simple(seen: Recognised) -> Drawing:
    return draw_plain(seen.text) if seen.text else draw_hex(seen.data)


def _finished(drawing: Drawing, request: DecodeRequest) -> Drawing:
    """With the range that would show more, where the decoder does not know a better one."""
    read = len(request.head)
    if read < request.size and not drawing.missing and not drawing.kind.startswith("zip"):
        drawing.missing = [Range(read, request.size - read)]
    return drawing


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow in this block after so many seconds of CPU time of the process.

    Only the process of the decoders installs the handler (see decoder_process): without it there
    is no limit.
    """
    if signal.getsignal(signal.SIGPROF) is not raise_too_slow:
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def raise_too_slow(number: int, frame: FrameType | None) -> None:
    """A handler of SIGPROF."""
    raise TooSlow("too large to decode in the time for a preview")


def _import_for(kind: str) -> None:
    """Import what a decoder needs, so that its CPU time is not spent on that."""
    with suppress(ImportError):  # the decoder says what to install
        import_module(_LIBRARIES.get(kind, "s3d.tui.preview.drawing"))
