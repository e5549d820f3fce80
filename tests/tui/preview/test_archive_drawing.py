import io
import tarfile
import zipfile

import pytest

from s3d.tui.preview.archive_drawing import MAX_NAME, draw_tar, draw_zip
from s3d.tui.preview.drawing import Unreadable
from s3d.tui.preview.object_parts import DecodeRequest, Part


def zip_of(files, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def drawn(data, start=0, size=None):
    size = len(data) if size is None else size
    return draw_zip(DecodeRequest("a.zip", size, [Part(start, data)]))


def texts(drawing):
    return [line.text.rstrip() for line in drawing.lines]


def test_the_files_of_a_zip_archive():
    drawing = drawn(zip_of({"a.txt": b"x" * 2048, "folder/": b""}))
    assert [line.split()[0] for line in texts(drawing)] == ["2", "0"]
    assert texts(drawing)[0].endswith("a.txt")
    assert drawing.notes == ["2 entries, 2 KiB unpacked"]


def test_the_list_is_missing_when_only_the_beginning_was_read():
    data = zip_of({str(n): b"x" for n in range(5_000)})
    drawing = drawn(data[:65_536], size=len(data))
    (missing,) = drawing.missing
    assert (missing.start, missing.start + missing.size) == (len(data) - 65_536, len(data))


def test_a_list_that_begins_earlier_is_missing_as_a_whole():
    data = zip_of({f"{n:050}": b"" for n in range(2_000)})
    tail = len(data) - 65_536
    (missing,) = drawn(data[tail:], tail, len(data)).missing
    assert 0 < missing.start < tail
    whole = drawn(data[missing.start :], missing.start, len(data))
    assert len(whole.lines) == 2_000


def test_a_bomb_is_only_listed():
    bomb = zip_of({"zeros": bytes(100 << 20)}, compresslevel=9)
    assert len(bomb) < 1 << 20
    assert drawn(bomb).notes == ["1 entry, 100 MiB unpacked"]


def test_a_long_name_is_cut():
    assert texts(drawn(zip_of({"n" * 60_000: b""})))[0].endswith("n…")
    assert MAX_NAME < 60_000


@pytest.mark.parametrize("cut", [10, 40, 60])
def test_a_broken_one_is_refused(cut):
    with pytest.raises(Unreadable, match="no zip archive"):
        drawn(zip_of({"a": b"x"})[:cut])


def tar_of(count=3, **attributes):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(count):
            entry = tarfile.TarInfo(f"file-{number}")
            entry.size = 1000
            for name, value in attributes.items():
                setattr(entry, name, value)
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return out.getvalue()


def test_the_files_of_a_tar_archive():
    drawing = draw_tar(tar_of(), is_whole=True, packed="")
    assert [line.split()[-1] for line in texts(drawing)] == ["file-0", "file-1", "file-2"]
    assert drawing.notes == ["3 entries, 2.9 KiB unpacked"]


def test_the_beginning_of_one_is_enough():
    drawing = draw_tar(tar_of(100)[:20_000], is_whole=False, packed="gzip")
    assert drawing.kind == "tar archive, gzip"
    assert drawing.notes[0].startswith("at least 1")
    assert len(drawing.lines) >= 10


def test_links_and_folders_are_told_apart():
    folder = draw_tar(tar_of(1, type=tarfile.DIRTYPE, size=0), is_whole=True, packed="")
    assert texts(folder)[0].endswith("file-0/")
    link = draw_tar(
        tar_of(1, type=tarfile.SYMTYPE, linkname="../x", size=0), is_whole=True, packed=""
    )
    assert texts(link)[0].endswith("file-0 -> ../x")


def test_a_time_beyond_all_calendars():
    assert draw_tar(tar_of(1, mtime=1 << 62), is_whole=True, packed="").lines


@pytest.mark.parametrize("data", [b"x" * 2000, bytes(2000), b""])
def test_no_tar_archive(data):
    with pytest.raises(Unreadable, match="no tar archive"):
        draw_tar(data, is_whole=True, packed="")
