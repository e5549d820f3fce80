import io

import pytest

from s3d.tui.preview.drawing import MissingBytes, Range
from s3d.tui.preview.object_parts import DecodeRequest, Part, PartsFile, merged


def test_parts_that_touch_or_overlap_become_one():
    parts = [Part(8, b"ij"), Part(0, b"abc"), Part(2, b"cde"), Part(1, b"b")]
    assert merged(parts) == [Part(0, b"abcde"), Part(8, b"ij")]


def test_head_and_tail_of_an_object():
    request = DecodeRequest("k", 10, [Part(8, b"ij"), Part(0, b"abc")])
    assert (request.head, request.tail) == (b"abc", b"ij")
    only_end = DecodeRequest("k", 10, [Part(8, b"ij")])
    assert (only_end.head, only_end.tail) == (b"", b"ij")
    assert DecodeRequest("k", 10, [Part(0, b"abc")]).tail == b""


def test_a_file_of_parts_reads_what_is_there():
    file = PartsFile(10, [Part(0, b"abc"), Part(8, b"ij")])
    assert file.read(2) == b"ab"
    assert file.seek(-2, io.SEEK_END) == 8
    assert file.read() == b"ij"
    assert file.read(5) == b""
    assert file.tell() == 10


def test_a_gap_is_named():
    file = PartsFile(10, [Part(0, b"abc")])
    file.seek(2)
    with pytest.raises(MissingBytes) as error:
        file.read(4)
    assert error.value.range == Range(2, 4)
    with pytest.raises(OSError, match="negative"):
        file.seek(-1)
