"""What is in an archive: the list of its files. Nothing of them is unpacked."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator

from s3d.shared.text import moment, size
from s3d.tui.preview.drawing import MAX_LINES, Drawing, MissingBytes, Range, Unreadable
from s3d.tui.preview.object_parts import DecodeRequest, PartsFile
from s3d.tui.preview.table_drawing import draw_columns

MAX_NAME = 200
"""Characters of a name."""
_DIRECTORY_SIZE = 64 << 10
"""Bytes at the end of a zip archive that are read first: its list is there."""
_COLUMNS = ("size", "date", "name")


def draw_zip(request: DecodeRequest) -> Drawing:
    """The list at the end of the archive. Raises Unreadable."""
    try:
        with zipfile.ZipFile(PartsFile(request.size, request.parts)) as archive:
            entries = archive.infolist()
    except MissingBytes as error:
        return _without_list(request, error.range)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"no zip archive: {error}") from error
    rows = [
        (size(entry.file_size), _date(entry.date_time), _name(entry.filename))
        for entry in entries[:MAX_LINES]
    ]
    drawing = draw_columns("zip archive", _COLUMNS, rows, more=request.more)
    unpacked = sum(entry.file_size for entry in entries)
    drawing.notes.append(_summary(len(entries), unpacked))
    if any(entry.flag_bits & 1 for entry in entries):
        drawing.notes.append("encrypted")
    return drawing


def _without_list(request: DecodeRequest, missing: Range) -> Drawing:
    """The list was not read, or only a part of it."""
    start = min(missing.start, max(0, request.size - _DIRECTORY_SIZE))
    end = max(missing.start + missing.size, request.size)
    return Drawing(
        "zip archive",
        notes=["its list is at the end of the object"],
        missing=[Range(start, end - start)],
    )


def _summary(entries: int, unpacked: int) -> str:
    noun = "entry" if entries == 1 else "entries"
    return f"{entries:,} {noun}, {size(unpacked)} unpacked"


def _date(time: tuple[int, ...]) -> str:
    year, month, day, hour, minute = time[:5]
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"


def _name(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + " ..."


def draw_tar(data: bytes, *, is_whole: bool, packed: str, more: str = "…") -> Drawing:
    """The entries whose headers are in the data: a tar archive has no list. Raises Unreadable."""
    rows: list[tuple[str, ...]] = []
    unpacked = 0
    try:
        for entry in _entries(data):
            unpacked += max(entry.size, 0)
            rows.append((size(max(entry.size, 0)), _tar_date(entry.mtime), _tar_name(entry)))
            if len(rows) == MAX_LINES:
                break
    except (tarfile.TarError, OSError, ValueError, OverflowError, IndexError) as error:
        if not rows:
            raise Unreadable(f"no tar archive: {error}") from error
        is_whole = False
    if not rows:
        raise Unreadable("no tar archive: it has no entry")
    kind = f"tar archive, {packed}" if packed else "tar archive"
    drawing = draw_columns(kind, _COLUMNS, rows, more=more)
    least = "" if is_whole else "at least "
    drawing.notes.append(least + _summary(len(rows), unpacked))
    return drawing


def _entries(data: bytes) -> Iterator[tarfile.TarInfo]:
    """Ends quietly where the data ends in the middle of an entry."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        try:
            yield from archive
        except tarfile.ReadError:
            return


def _tar_date(seconds: float) -> str:
    try:
        return moment(seconds)[:16]
    except (OverflowError, ValueError, OSError):
        return "-"


def _tar_name(entry: tarfile.TarInfo) -> str:
    name = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if entry.isdir():
        return _name(name) + "/"
    if entry.issym() or entry.islnk():
        return f"{_name(name)} -> {_name(entry.linkname)}"
    return _name(name)
