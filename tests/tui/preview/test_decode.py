import io
import json
import tarfile
import zipfile

import pytest

from s3d.tui.preview.decode import decode
from s3d.tui.preview.object_parts import DecodeRequest, Part


def drawn(key, data, size=None, **options):
    return decode(
        DecodeRequest(key, len(data) if size is None else size, [Part(0, data)], **options)
    )


def texts(drawing):
    return [line.text for line in [*drawing.header, *drawing.lines]]


def zip_of(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("key", "data", "kind", "first"),
    [
        ("a.txt", b"one\ttwo\r\nthree", "text", "one two"),
        ("a.txt", b"", "empty", "(empty)"),
        ("a.json", b'{"b":1}', "JSON", "{"),
        ("noending", b'{"b":1}', "JSON", "{"),
        ("a.csv", b"a,b\n1,2\n", "CSV", "a  b  "),
        ("a.tsv", b"a\tb\n1\t2\n", "TSV", "a  b  "),
        ("a.py", b"x = 1", "Python", "x = 1"),
        ("a.bin", b"\x00\x01AB", "bytes", "00000000  00 01 41 42" + " " * 37 + " ..AB"),
        ("a.txt", "hä".encode("utf-16"), "text, utf-16-le", "hä"),
        ("a.txt", "sehr schön".encode("latin-1"), "text, latin-1", "sehr schön"),
    ],
)
def test_it_is_drawn_as_what_it_is(key, data, kind, first):
    drawing = drawn(key, data)
    assert drawing.kind == kind
    assert texts(drawing)[0] == first
    assert drawing.missing == []


def test_what_is_broken_is_drawn_as_text_with_the_reason():
    drawing = drawn("a.json", b'{"a": nonsense}')
    assert texts(drawing) == ['{"a": nonsense}']
    assert drawing.notes == ["no JSON: unexpected 'nonsense}'"]


def test_a_broken_archive_is_bytes_with_the_reason():
    drawing = drawn("a.zip", b"PK\3\4" + b"x" * 40)
    assert drawing.kind == "bytes"
    assert drawing.notes[0].startswith("no zip archive")


def test_the_bytes_of_anything():
    assert texts(drawn("a.json", b"{}", is_hex=True))[0].startswith("00000000  7b 7d")


def test_the_rest_is_missing():
    drawing = drawn("a.txt", b"abc", 4096)
    assert [(each.start, each.size) for each in drawing.missing] == [(3, 4093)]


def test_the_end_of_an_archive_is_enough():
    data = zip_of(**{f"name-{number}": b"x" * 5000 for number in range(40)})
    tail = data[-8000:]
    request = DecodeRequest("a.zip", len(data), [Part(len(data) - 8000, tail)])
    drawing = decode(request)
    assert drawing.notes == ["40 entries, 195.3 KiB unpacked"]
    assert drawing.missing == []


def test_an_end_that_is_not_what_the_name_says():
    drawing = decode(DecodeRequest("a.zip", 100_000, [Part(90_000, b"x" * 10_000)]))
    assert drawing.notes == ["not what its name says"]
    assert drawing.missing[0].start == 0


HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\u202e\x9b31m\r"


def hostile_files():
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo(HOSTILE), io.BytesIO(b""))
    return {
        "a.txt": HOSTILE.encode(),
        "a.py": f"x = '{HOSTILE}' # {HOSTILE}".encode(),
        "a.csv": f"{HOSTILE},b\n{HOSTILE},2\n".encode(),
        "a.json": json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False).encode(),
        "b.json": f'{{"a": {HOSTILE}}}'.encode(),
        "a.bin": HOSTILE.encode() + b"\0\1\2",
        "a.zip": zip_of(**{HOSTILE: b""}),
        "a.tar": tar.getvalue(),
        "a.md": f"# {HOSTILE}\n*{HOSTILE}*".encode("utf-16"),
    }


@pytest.mark.parametrize("key", hostile_files())
def test_nothing_hostile_is_drawn(key):
    drawing = drawn(key, hostile_files()[key])
    shown = "".join([*texts(drawing), *drawing.notes, drawing.kind])
    assert shown
    assert not [char for char in shown if char < " " or "\x7f" <= char < "\xa0" or char == "\u202e"]
